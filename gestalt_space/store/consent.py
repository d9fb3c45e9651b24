"""Patients whose consent is withdrawn: their descriptors are withheld from everything that matches,
and come back when consent is given again."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.errors import ConsentWithdrawn
from gestalt_space.store import tables as t
from gestalt_space.store.chunks import chunks
from gestalt_space.store.purges import note_purge
from gestalt_space.store.removals import log_removals
from gestalt_space.store.sequence import begin_epoch, number_changes
from gestalt_space.types import WITHDRAWN


def withdrawn_error(patient: str) -> ConsentWithdrawn:
    """The refusal of what a withdrawn consent does not allow."""
    return ConsentWithdrawn(
        f"The consent of patient {patient!r} is withdrawn.",
        f"If the patient consents again: `gestalt index set {patient} --consent TEXT`.",
    )


def settle_consents(session: Session, patients: Collection[int]) -> None:
    """Withhold the descriptors of those of some patients, by their keys, whose consent is
    withdrawn, and put those of the others back, under new keys.

    What is withheld leaves by the removal log, and index files are cleaned of it.
    """
    withheld = 0
    for some in chunks(patients):
        withdrawn = set(
            session.scalars(
                sa.select(t.Patient.id).where(
                    t.Patient.id.in_(some), t.Patient.consent == WITHDRAWN
                )
            )
        )
        withheld += _withhold(session, sorted(withdrawn))
        _put_back(session, [key for key in some if key not in withdrawn])
    if withheld:
        begin_epoch(session)
        note_purge(session)


def rekey(session: Session, faces: Collection[int]) -> None:
    """Give descriptors of faces new keys: they are another patient's now, and indexes follow."""
    for some in chunks(faces):
        _taken(session, t.Descriptor.face_id.in_(some), t.Withheld)
        _returned(session, t.Withheld.face_id.in_(some))


def _withhold(session: Session, patients: list[int]) -> int:
    return _taken(session, t.Descriptor.face_id.in_(_faces_of(patients)), t.Withheld)


def _put_back(session: Session, patients: list[int]) -> None:
    _returned(session, t.Withheld.face_id.in_(_faces_of(patients)))


def _taken(session: Session, which: sa.ColumnElement[bool], into: type[t.Withheld]) -> int:
    """Move descriptors to where nothing reads them; returns how many."""
    session.flush()
    columns = ("face_id", "space_id", "vector", "run_id")
    rows = sa.select(*(getattr(t.Descriptor, name) for name in columns)).where(which)
    session.execute(sa.insert(into).from_select(columns, rows))
    count = log_removals(session, which)
    session.execute(
        sa.delete(t.Descriptor).where(which).execution_options(synchronize_session="fetch")
    )
    return count


def _returned(session: Session, which: sa.ColumnElement[bool]) -> None:
    order = (t.Withheld.space_id, t.Withheld.face_id)
    held = session.scalars(sa.select(t.Withheld).where(which).order_by(*order)).all()
    rows = [
        t.Descriptor(
            face_id=one.face_id, space_id=one.space_id, vector=one.vector, run_id=one.run_id
        )
        for one in held
    ]
    number_changes(session, rows)
    session.add_all(rows)
    for one in held:
        session.delete(one)
    session.flush()


def _faces_of(patients: list[int]) -> sa.Select[Any]:
    return (
        sa.select(t.Face.id)
        .join(t.Photo, t.Photo.id == t.Face.photo_id)
        .where(t.Photo.patient_id.in_(patients))
    )
