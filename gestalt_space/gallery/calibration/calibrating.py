"""When a gallery is calibrated: after a change while that takes under two seconds, otherwise when
`gestalt index calibrate` is run. Until then the earlier calibration stays in force."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Literal

from sqlalchemy.orm import Session

from gestalt_space.errors import GalleryChanged
from gestalt_space.gallery.calibration.array_cache import ArrayCache
from gestalt_space.gallery.calibration.expected import Sizes, expected_seconds, measured_rate
from gestalt_space.gallery.calibration.fitting import finish, fit_in_steps
from gestalt_space.gallery.calibration.states import StateRows, state_grouping
from gestalt_space.gallery.reader import Reader
from gestalt_space.gallery.state import GalleryState
from gestalt_space.ranking.calibration import Calibration
from gestalt_space.store import reads
from gestalt_space.store.calibrations import (
    StoredCalibration,
    save_calibration,
    stored_calibration,
)
from gestalt_space.store.engine import Database
from gestalt_space.store.tail import read_epoch

REFIT_SHARE = 8
"""A calibration is old when more than one in this many descriptors came or went since, or as many
diagnoses."""
AT_ONCE_SECONDS = 2.0
"""What a calibration may take after a change; a longer one is left to `gestalt index calibrate`."""


@dataclass(frozen=True, slots=True)
class CalibrationState:
    """The calibration in force in a space beside the gallery as it is.

    `state`: `none` where there is none, or one of another version of this package. `photos`,
    `diagnoses`: what it was fitted to, None without one; `gallery_photos`, `gallery_diagnoses`:
    what the gallery has. `changes`: photos that came or went since.
    """

    state: Literal["current", "old", "none"]
    photos: int | None
    diagnoses: int | None
    gallery_photos: int
    gallery_diagnoses: int
    changes: int

    @property
    def told(self) -> str | None:
        """What to know of it and what to do, in words; None where it is current, or the gallery is
        empty."""
        if self.state == "current" or not self.gallery_photos:
            return None
        if self.photos is None:
            found = "The gallery is not calibrated in this space, so matches have no verdict."
        elif self.photos != self.gallery_photos:
            found = (
                f"The calibration is old: it used {self.photos:,} photos, and the gallery has "
                f"{self.gallery_photos:,}."
            )
        elif self.diagnoses != self.gallery_diagnoses:
            found = (
                f"The calibration is old: it used {self.diagnoses:,} diagnoses, and the gallery "
                f"has {self.gallery_diagnoses:,}."
            )
        else:
            found = (
                f"The calibration is old: since then, {self.changes:,} photos were added or "
                "removed."
            )
        return f"{found} Run `gestalt index calibrate`."


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A calibration that was fitted: to how many photos, patients who have a diagnosis and
    disorders, in how many seconds. `saved`: whether it is in force; a newer one, which another
    process has fitted meanwhile, is not replaced."""

    photos: int
    patients: int
    disorders: int
    seconds: float
    saved: bool


def calibration_state(session: Session, gallery: GalleryState) -> CalibrationState:
    """How old the calibration of a space is, beside its newest state."""
    space, photos = gallery.space, gallery.photos
    diagnoses = len(gallery.people.pairs("disorder")[0])
    stored = stored_calibration(session, space)
    if stored is None or Calibration.from_json(stored.document) is None:
        return CalibrationState("none", None, None, photos, diagnoses, 0)
    changes = reads.count_changes_after(session, space, stored.sequence)
    current = (
        changes * REFIT_SHARE <= stored.descriptors
        and abs(diagnoses - stored.diagnoses) * REFIT_SHARE <= stored.diagnoses
    )
    return CalibrationState(
        "current" if current else "old",
        stored.descriptors,
        stored.diagnoses,
        photos,
        diagnoses,
        changes,
    )


def refresh_calibration(
    database: Database,
    reader: Reader,
    space: reads.StoredSpace,
    folder: Path,
    *,
    force: bool = False,
) -> bool:
    """Calibrate a space where that is due, or with `force` always, if it takes no more than
    `AT_ONCE_SECONDS`; says whether it did.

    What was done of one that took longer than expected is kept in `folder`.
    """
    gallery = reader.current(space)
    with database.reading() as session:
        state = calibration_state(session, gallery)
    if state.state == "current" and not force:
        return False
    totals = gallery.totals("disorder")
    sizes = Sizes(
        photos=state.gallery_photos,
        patients=totals.patients,
        disorders=totals.lines,
        memberships=state.gallery_diagnoses,
        dim=space.dim,
    )
    expected = expected_seconds(sizes).seconds
    if AT_ONCE_SECONDS / 10 < expected < AT_ONCE_SECONDS * 10:
        # What is far from it needs no look at how fast this machine is.
        expected = expected_seconds(sizes, measured_rate()).seconds
    if expected > AT_ONCE_SECONDS:
        return False
    return calibrate(database, reader, space, folder, within=AT_ONCE_SECONDS) is not None


def calibrate(
    database: Database,
    reader: Reader,
    space: reads.StoredSpace,
    folder: Path,
    *,
    seed: int = 0,
    within: float | None = None,
    progress: Callable[[float], object] | None = None,
) -> Calibrated | None:
    """Fit the calibration of a space to the gallery as it is; None where that needs more than
    `within` seconds.

    What takes long is kept in `folder`, also when it is interrupted, so that the next one goes on
    from there. `progress` is given the share, 0..1, that is done. Raises `GalleryChanged` where
    somebody was removed meanwhile.
    """
    import scipy.optimize
    import scipy.stats  # noqa: F401 - that takes longer than a small fit, and only once

    began = monotonic()
    state = reader.current(space)
    diagnoses = len(state.people.pairs("disorder")[0])
    rows = StateRows(state)
    grouping = state_grouping(state, rows.places)
    sequence = state.mark.sequence
    kept = ArrayCache(folder / space.fingerprint[:16])
    steps = fit_in_steps(rows, grouping, seed=seed, kept=kept)
    calibration = finish(steps, within=within, progress=progress)
    if calibration is None:
        return None
    stored = StoredCalibration(
        calibration.to_json(), sequence, descriptors=len(rows.ids), diagnoses=diagnoses
    )
    with database.writing() as session:
        if read_epoch(session) != state.mark.epoch:
            raise GalleryChanged(
                "A patient was removed during the calibration.",
                "Run `gestalt index calibrate` again.",
            )
        saved = save_calibration(session, space, stored)
    return Calibrated(
        photos=len(rows.ids),
        patients=calibration.patients,
        disorders=calibration.disorders,
        seconds=monotonic() - began,
        saved=saved,
    )
