"""When a gallery is calibrated: whenever it has changed enough since it was."""

from __future__ import annotations

from sqlalchemy.orm import Session

from gestalt_space.gallery.fitting import fit_calibration
from gestalt_space.gallery.reader import Reader
from gestalt_space.gallery.snapshot import load_snapshot
from gestalt_space.ranking.calibration import Calibration
from gestalt_space.store import reads
from gestalt_space.store.calibrations import (
    StoredCalibration,
    count_diagnoses,
    save_calibration,
    stored_calibration,
)
from gestalt_space.store.engine import Database

REFIT_SHARE = 8
"""A calibration is fitted anew when more than one in this many descriptors came or went since, or
as many diagnoses."""


def refresh_calibration(
    database: Database, reader: Reader, space: reads.StoredSpace, *, force: bool = False
) -> bool:
    """Fit a space's calibration where there is none, it is damaged or of another version of this
    package, or the gallery has changed much since.

    Says whether it did; with `force`, always. A gallery of 20,000 photos takes seconds.
    """
    with database.reading() as session:
        if not force and _fresh(session, space):
            return False
        sequence = reads.last_sequence(session)
        diagnoses = count_diagnoses(session)
    state = reader.current(space)
    with database.reading() as session:
        snapshot = load_snapshot(session, state)
    calibration = fit_calibration(snapshot.descriptors, snapshot.lines.grouping)
    stored = StoredCalibration(
        calibration.to_json(), sequence, descriptors=len(snapshot), diagnoses=diagnoses
    )
    with database.writing() as session:
        return save_calibration(session, space, stored)


def _fresh(session: Session, space: reads.StoredSpace) -> bool:
    stored = stored_calibration(session, space)
    if stored is None or Calibration.from_json(stored.document) is None:
        return False
    changes = reads.count_changes_after(session, space, stored.sequence)
    diagnoses = abs(count_diagnoses(session) - stored.diagnoses)
    return (
        changes * REFIT_SHARE <= stored.descriptors and diagnoses * REFIT_SHARE <= stored.diagnoses
    )
