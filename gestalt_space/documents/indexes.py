"""`gestalt index calibrate` and `approximate`: what was fitted or built in a space."""

from __future__ import annotations

from typing import Literal

from gestalt_space.documents.form import Form, filled
from gestalt_space.gallery.calibration.calibrating import Calibrated
from gestalt_space.index.approximate import ApproximateRecord
from gestalt_space.index.approximating import PAYS_FROM


class CalibratedForm(Form):
    """What a calibration rests on. `saved`: false where another process saved a later one."""

    photos: int
    patients: int
    disorders: int
    seconds: float
    saved: bool


class CalibratedDocument(Form):
    """A space that was calibrated."""

    document: Literal["calibrated"]
    version: Literal[1]
    space: str
    calibration: CalibratedForm


class ApproximateIndexForm(Form):
    """An approximate index. `recall`: the share of the ten nearest that it finds, a mean over
    `measured` photos."""

    kind: Literal["ivf", "hnsw"]
    rows: int
    options: dict[str, int]
    recall: float
    measured: int


class ApproximateDocument(Form):
    """An approximate index that was built. `pays`: whether the gallery is so large that it is
    faster than exact search."""

    document: Literal["approximate"]
    version: Literal[1]
    space: str
    approximate: ApproximateIndexForm
    pays: bool


def calibrated_document(space: str, found: Calibrated) -> CalibratedDocument:
    """A space that was calibrated."""
    made = filled(CalibratedForm, found)
    return {"document": "calibrated", "version": 1, "space": space, "calibration": made}


def approximate_document(space: str, made: ApproximateRecord) -> ApproximateDocument:
    """An approximate index that was built."""
    return {
        "document": "approximate",
        "version": 1,
        "space": space,
        "approximate": filled(ApproximateIndexForm, made),
        "pays": made.rows >= PAYS_FROM,
    }
