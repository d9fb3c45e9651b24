"""The contract of detectors, and the way from a photo to its faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gestalt_space.errors import FaceError, NoFace, NoSuchFace, SeveralFaces
from gestalt_space.faces.alignment import align
from gestalt_space.faces.plausible import implausible, is_blank
from gestalt_space.faces.quality import quality
from gestalt_space.types import Detection, Face, Photo, Pixels


class Detector(Protocol):
    """Finds faces in a photo. One instance serves one thread at a time."""

    @property
    def name(self) -> str:
        """The detector's name, as it is kept with the face."""
        ...

    def find(self, photo: Photo) -> Sequence[Detection]:
        """All faces of the photo, in any order; none where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class FoundBefore:
    """The faces that the detector `name` found in one photo, for when that photo comes again.
    `sha256`: of the photo's bytes.

    `find` gives the same as that detector, whoever says what it found: a face that it cannot be is
    refused where all are (`find_faces`).
    """

    name: str
    sha256: str
    detections: tuple[Detection, ...]

    def find(self, _: Photo) -> Sequence[Detection]:
        """The faces as they were found."""
        return self.detections


def find_faces(photo: Photo, detector: Detector) -> tuple[Face, ...]:
    """All faces of a photo, aligned, largest box first.

    What cannot be a face (`implausible`) is passed over, whatever detector gave it. Raises `NoFace`
    where nothing was found, `FaceError` where nothing else was found.
    """
    found = sorted(detector.find(photo), key=_by_area)
    if not found:
        raise NoFace(
            f"{detector.name} found no face, even after padding, rescaling, tiling and turning "
            "the photo.",
            "Crop the photo to the face, try another --detector, or use --landmarks.",
        )
    height, width = photo.pixels.shape[:2]
    reasons = [implausible(detection, width, height) for detection in found]
    crops = [
        (detection, align(photo.pixels, detection.landmarks))
        for detection, reason in zip(found, reasons, strict=True)
        if not reason
    ]
    kept = [(detection, crop) for detection, crop in crops if not is_blank(crop)]
    if not kept:
        reason = next(
            (reason for reason in reasons if reason), "The aligned face has only one colour."
        )
        raise FaceError(
            f"{detector.name} found something that is not a face. {reason}",
            "Crop the photo to the face, try another --detector, or use --landmarks.",
        )
    return tuple(
        _face(detector.name, detection, crop, number, len(kept))
        for number, (detection, crop) in enumerate(kept, start=1)
    )


def choose_face(faces: Sequence[Face], *, number: int | None = None, largest: bool = False) -> Face:
    """The face meant: the one of that number, or the largest, or the only one.

    Raises `NoSuchFace` for a number beyond the faces, `SeveralFaces` where nothing says which.
    """
    if number is not None:
        if not 1 <= number <= len(faces):
            raise NoSuchFace(
                f"The photo has no face {number}; it has {len(faces)}: {_listing(faces)}.",
                "Choose a number from this list; 1 is the largest face.",
            )
        return faces[number - 1]
    if len(faces) > 1 and not largest:
        raise SeveralFaces(
            f"The photo has {len(faces)} faces: {_listing(faces)}.",
            "Choose one with --face N (or the column `face`), or use --largest.",
        )
    return faces[0]


def _face(detector: str, detection: Detection, crop: Pixels, number: int, count: int) -> Face:
    return Face(
        number=number,
        count=count,
        detector=detector,
        step=detection.step,
        box=detection.box,
        landmarks=detection.landmarks,
        score=detection.score,
        quality=quality(detection, crop),
        crop=crop,
    )


def _by_area(detection: Detection) -> tuple[float, float, float]:
    x0, y0, x1, y1 = (float(v) for v in detection.box)
    return -(x1 - x0) * (y1 - y0), x0, y0


def _listing(faces: Sequence[Face]) -> str:
    return ", ".join(
        f"{face.number} at x {face.box[0]:.0f}–{face.box[2]:.0f}, "
        f"y {face.box[1]:.0f}–{face.box[3]:.0f}"
        for face in faces
    )
