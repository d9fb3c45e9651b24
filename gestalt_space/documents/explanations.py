"""`gestalt explain --json`: what in a face speaks for a line."""

from __future__ import annotations

from typing import Literal

from gestalt_space.documents.form import Form
from gestalt_space.documents.parts import FaceForm


class RegionShareForm(Form):
    """The share of a region, 0..1, in all that speaks for the line; `low`, `high`: the 95 %
    interval over repeats of the map, null where there are too few. All null if nothing does."""

    region: str
    share: float | None
    low: float | None
    high: float | None


class ExplainedLineForm(Form):
    """A line. `similarity`, `patient`, `photo`: of the photo of the gallery that is nearest to the
    probe; `patients`: how many stand for the line; null for a class of a classifier, which has a
    `probability`. `speaks_for`: what speaks for the line as a share of what speaks for or against
    it, 0..1, null for an empty map. `regions`: of what speaks for it. `cells`: the map, as the mean
    of each of 14 × 14 squares of the aligned face, row by row from the top left; the largest amount
    is 1. Above 0: it speaks for the line."""

    id: str
    name: str
    similarity: float | None
    patient: str | None
    photo: str | None
    patients: int | None
    probability: float | None
    speaks_for: float | None
    regions: list[RegionShareForm]
    cells: list[list[float]]


class ExplanationDocument(Form):
    """What in the face of a photo speaks for a line. `model`: the encoder or the classifier.
    `line_by`: what stands for a disorder, null for a classifier. `repeats`: maps that the mean was
    made of. `against`: another line, null if there is none; `correlation`: Spearman's of both maps
    over all pixels."""

    document: Literal["explanation"]
    version: Literal[1]
    photo: str
    face: FaceForm
    model: str
    method: str
    line_by: Literal["centroid", "nearest"] | None
    seed: int
    repeats: int
    line: ExplainedLineForm
    against: ExplainedLineForm | None
    correlation: float | None
