"""The calibration of each space, as it was last fitted."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.store import tables as t
from gestalt_space.store.reads import StoredSpace
from gestalt_space.store.sequence import count_changes


@dataclass(frozen=True, slots=True)
class StoredCalibration:
    """A calibration's text, the last change that it knows, and how many descriptors of its space
    and diagnoses there were."""

    document: str
    sequence: int
    descriptors: int
    diagnoses: int


def stored_calibration(session: Session, space: StoredSpace) -> StoredCalibration | None:
    """The calibration of a space, if one was fitted."""
    row = session.get(t.Calibration, space.id)
    if row is None:
        return None
    return StoredCalibration(row.document, row.sequence, row.descriptors, row.diagnoses)


def save_calibration(session: Session, space: StoredSpace, calibration: StoredCalibration) -> bool:
    """Keep a space's calibration, in the place of an earlier one; False where one is kept that
    knows later changes. In a session that writes."""
    of_space = sa.select(t.Calibration.sequence).where(t.Calibration.space_id == space.id)
    known = session.scalar(of_space)
    if known is not None and known > calibration.sequence:
        return False
    # Readers see by the number of the last change that there is another one.
    count_changes(session, 1)
    session.execute(sa.delete(t.Calibration).where(t.Calibration.space_id == space.id))
    session.add(
        t.Calibration(
            space_id=space.id,
            sequence=calibration.sequence,
            descriptors=calibration.descriptors,
            diagnoses=calibration.diagnoses,
            document=calibration.document,
        )
    )
    return True
