"""The records that flow between the rooms, and names for array shapes. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gestalt_space.devices import Precision

Pixels: TypeAlias = NDArray[np.uint8]
"""`(h, w, 3)` RGB, 0..255."""

Crops: TypeAlias = NDArray[np.uint8]
"""`(n, 112, 112, 3)` RGB, faces in the ArcFace template."""

Landmarks: TypeAlias = NDArray[np.float32]
"""`(5, 2)` x, y in pixels: eye at the image's left, eye at its right, tip of the nose, corner of
the mouth at the image's left, corner at its right."""

Box: TypeAlias = NDArray[np.float32]
"""`(4,)` x0, y0, x1, y1 in pixels of the photo after its EXIF orientation."""

Slots: TypeAlias = NDArray[np.float32]
"""`(n, slots, dim)`, each slot of unit length."""

Descriptors: TypeAlias = NDArray[np.float32]
"""`(n, d)` of unit length, `d = slots × dim`; an inner product is the mean cosine of like slots."""

Ids: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class EncodingRun:
    """What a descriptor was made with, beside its space.

    `device`: `cpu` or `cuda`. `runtime`: `onnxruntime`, `torch`, or `torch compiled`; `version`:
    the runtime's. Only another precision moves a descriptor by more than rounding does.
    """

    precision: Precision
    device: str
    runtime: str
    version: str

    def __str__(self) -> str:
        return f"{self.precision}, {self.device}, {self.runtime} {self.version}"


@dataclass(frozen=True, slots=True)
class CropObject:
    """A crop outside the database: the URL of its place, its name there, the id of the key that
    encrypted it, and size and sha256 of it as it is stored."""

    place: str
    name: str
    key_id: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Photo:
    """A decoded photo: its pixels upright, and the sha256 of the file's bytes."""

    name: str
    pixels: Pixels
    sha256: str
    format: str


@dataclass(frozen=True, slots=True)
class Detection:
    """A face as a detector saw it, in pixels of the photo. `score` is 0..1.

    `step` is the rung of the ladder that found it.
    """

    box: Box
    landmarks: Landmarks
    score: float
    step: str = "as is"


@dataclass(frozen=True, slots=True)
class Quality:
    """Quality of a face; all but `hidden` is measured without a model.

    `sharpness`: variance of the Laplacian of the grey aligned face, from brows to chin, higher is
    sharper.
    `size`: the shorter side of the box in pixels. `yaw`, `roll`: degrees, estimated from the five
    landmarks; positive yaw: the nose points to the image's right; positive roll: clockwise.
    `hidden`: share of the face, 0..1, that something hides, as `faces.cover` estimates it; None
    where it was not measured: it is not stored.
    """

    sharpness: float
    size: float
    yaw: float
    roll: float
    hidden: float | None = None


@dataclass(frozen=True, slots=True)
class Face:
    """One face of a photo, ready for an encoder.

    `number` counts from 1, largest box first, among `count` faces of the photo.
    """

    number: int
    count: int
    detector: str
    step: str
    box: Box
    landmarks: Landmarks
    score: float
    quality: Quality
    crop: Pixels

    def without_crop(self) -> Face:
        """The face without its pixels, an empty crop in their place: thousands can be kept."""
        return replace(self, crop=self.crop[:0].copy())


@dataclass(frozen=True, slots=True)
class Disorder:
    """A disorder by its identifier: OMIM:…, ORPHA:…, MONDO:… or free text."""

    id: str
    name: str = ""


WITHDRAWN = "withdrawn"
"""The consent of a patient who took it back: nothing of theirs is matched."""


@dataclass(frozen=True, slots=True)
class PhotoRecord:
    """The facts about one photo to add, before it is read.

    `family`: a name that patients of one family share. `site`: where and how the photo was taken.
    `sex`: `female`, `male` or `other`. `age`: age at the photo, in years. `hpo` and `hpo_absent`:
    HPO identifiers. `face`: number of the face to use, or `None`.
    """

    photo: str
    patient: str
    disorders: tuple[Disorder, ...] = ()
    genes: tuple[str, ...] = ()
    sex: str | None = None
    age: float | None = None
    ancestry: str | None = None
    cohort: str | None = None
    hpo: tuple[str, ...] = ()
    hpo_absent: tuple[str, ...] = ()
    consent: str | None = None
    family: str | None = None
    site: str | None = None
    face: int | None = None
    new_patient: bool = False
    """The patient's identifier was made from a file or folder name: it must not be one that the
    gallery has already."""
    emptied: tuple[str, ...] = ()
    """Facts that were left empty on purpose, by their columns in a table: what the gallery has of
    them contradicts the record. Only for a photo that is in the gallery already."""
