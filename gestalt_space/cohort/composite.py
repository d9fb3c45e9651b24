"""Composites: the average face of a group, from the aligned crops that the gallery keeps.

Crops are aligned by a similarity transform, which leaves eyes, nose and mouth some pixels apart. So
each is bent, by a thin-plate spline (Bookstein 1989) through the five landmarks and the edge of the
crop, to the mean shape of the group; the rest follows, in two
rounds, by optical flow (Kroeger 2016) to the average so far. The average is taken of light, not of
sRGB values, first over a patient's photos and then over patients. What is averaged loses its fine
contrasts, and the average is given those of a face of the group back, place by place, at most
twofold (after Tiddeman, Burt and Perrett 2001, doi:10.1109/38.946630).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.selection import Selection
from gestalt_space.errors import UsageError
from gestalt_space.faces.alignment import SIZE, TEMPLATE, similarity_transform
from gestalt_space.faces.crops import crop_from_png
from gestalt_space.gallery import Gallery
from gestalt_space.store.reads import KeptFace, kept_faces
from gestalt_space.types import Pixels

FEWEST = 5
"""Patients of a composite, unless said otherwise: one of two shows a person."""
SIDE = 336
"""Pixels of a composite's side: three for one of a crop, as many crops show more than one does."""
_ROUNDS = 2
_SMOOTH = 10.0
"""Pixels over which flow is evened out: features move, and are not remade."""
_SQUARE = 4
"""Pixels of the side of squares in whose middles a bending is computed."""
_SCALES = (2.0, 4.0, 8.0, 16.0)
"""Pixels that are blurred over between one scale of contrasts and the next."""
_MOST_CONTRAST = 2.0
_EDGE = np.array(
    [(x, y) for x in (0.0, 56.0, 112.0) for y in (0.0, 56.0, 112.0) if (x, y) != (56.0, 56.0)]
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Composite:
    """An average face `(336, 336, 3)` of `patients` patients and `photos` photos; `without`:
    patients of the group of whom no crop is kept."""

    pixels: Pixels
    patients: int
    photos: int
    without: int


def composite(gallery: Gallery, selection: Selection, *, at_least: int = FEWEST) -> Composite:
    """The average face of a selection's patients, each weighing once.

    Raises `UsageError` for fewer than `at_least` patients with a kept crop, or for an `at_least`
    below 2; `PhotoDamaged` for a crop that is.
    """
    check_fewest(at_least)
    _check_size(len(selection.patients), at_least, "The group has")
    with gallery.database.reading() as session:
        kept = kept_faces(session, selection.patients)
    faces: dict[str, list[KeptFace]] = defaultdict(list)
    for face in kept:
        faces[face.patient].append(face)
    _check_size(len(faces), at_least, "Crops are kept of")
    pixels = average_face(
        {
            patient: [
                (crop_from_png(one.png), in_crop(np.array(one.landmarks, np.float32)))
                for one in theirs
            ]
            for patient, theirs in faces.items()
        }
    )
    return Composite(pixels, len(faces), len(kept), len(selection.patients) - len(faces))


def average_face(faces: Mapping[str, Sequence[tuple[Pixels, Floats]]]) -> Pixels:
    """The mean `(336, 336, 3)` of patients' crops `(112, 112, 3)`, each with landmarks `(5, 2)` in
    the crop."""
    shape = np.mean([np.mean([points for _, points in of], 0) for of in faces.values()], axis=0)
    average: Pixels | None = None
    contrast = np.zeros((len(_SCALES), SIDE, SIDE), np.float32)
    for last in [False] * _ROUNDS + [True]:
        light = np.zeros((SIDE, SIDE, 3))
        for theirs in faces.values():
            laid = [bent(crop, points, shape) for crop, points in theirs]
            if average is not None:
                laid = [flown(one, average) for one in laid]
            light += np.mean([_light(one) for one in laid], axis=0)
            if last:
                contrast += np.mean([_contrast(_lab(one)[..., 0])[0] for one in laid], axis=0)
        average = _pixels(light / len(faces))
    assert average is not None, "there is a first round"  # noqa: S101
    return with_contrast(average, contrast / np.float32(len(faces)))


def with_contrast(average: Pixels, wanted: NDArray[np.float32]) -> Pixels:
    """An average whose lightness has, at each scale and place, the contrasts `wanted`
    `(scales, 336, 336)`, as far as twofold its own."""
    in_lab = _lab(average)
    has, bands, rest = _contrast(in_lab[..., 0])
    gain = np.clip(wanted / np.maximum(has, 1e-3), 1, _MOST_CONTRAST)
    in_lab[..., 0] = np.clip(rest + (gain * bands).sum(0), 0, 100)
    in_rgb = cv2.cvtColor(in_lab, cv2.COLOR_LAB2RGB)
    return np.asarray(np.rint(np.clip(in_rgb, 0, 1) * 255), dtype=np.uint8)


def in_crop(landmarks: NDArray[np.floating]) -> Floats:
    """Landmarks `(5, 2)` of a photo where they lie in its aligned crop."""
    points = np.asarray(landmarks, dtype=np.float32)
    matrix = similarity_transform(points, TEMPLATE)
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], dtype=np.float64)


def bent(crop: Pixels, points: Floats, shape: Floats) -> Pixels:
    """A crop whose `points` are moved to `shape`, both `(5, 2)`, at the size of a composite."""
    fixed = np.concatenate([shape, _EDGE])
    moved = np.concatenate([points, _EDGE])
    # Where each pixel of the composite comes from: pixels' middles are at whole numbers in a crop.
    # So smooth a map is asked for in the middles of squares, a row of them beyond each edge.
    squares = np.arange(-1, SIDE // _SQUARE + 1)
    grid = (squares + 0.5) * _SQUARE * SIZE / SIDE - 0.5
    asked = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    coarse = _spline(fixed, moved, asked).reshape(len(grid), len(grid), 2).astype(np.float32)
    fine = cv2.resize(coarse, None, fx=_SQUARE, fy=_SQUARE, interpolation=cv2.INTER_CUBIC)
    source = fine[_SQUARE:-_SQUARE, _SQUARE:-_SQUARE]
    taken = cv2.remap(
        crop, source[..., 0], source[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(taken, dtype=np.uint8)


def flown(face: Pixels, average: Pixels) -> Pixels:
    """A face moved onto an average of its size, smoothly, by dense optical flow."""
    even = cv2.createCLAHE(2.0, (4, 4))
    target, moving = (even.apply(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY)) for one in (average, face))
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = cv2.GaussianBlur(search.calc(target, moving, None), (0, 0), _SMOOTH)
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    taken = cv2.remap(
        face,
        columns + flow[..., 0],
        rows + flow[..., 1],
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(taken, dtype=np.uint8)


def _spline(fixed: Floats, moved: Floats, asked: Floats) -> Floats:
    """Where a thin-plate spline that takes `fixed` to `moved` takes `asked`, all `(…, 2)`."""
    count = len(fixed)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _bending(fixed, fixed)
    system[:count, count] = system[count, :count] = 1
    system[:count, count + 1 :] = fixed
    system[count + 1 :, :count] = fixed.T
    weights = np.linalg.solve(system, np.concatenate([moved, np.zeros((3, 2))]))
    return np.asarray(
        _bending(asked, fixed) @ weights[:count] + weights[count] + asked @ weights[count + 1 :]
    )


def _bending(points: Floats, fixed: Floats) -> Floats:
    squared = ((points[:, None] - fixed[None]) ** 2).sum(-1)
    return np.asarray(squared * np.log(np.maximum(squared, 1e-12)))


def _lab(pixels: Pixels) -> NDArray[np.float32]:
    """Lightness, 0..100, and colour (CIE 1976 L*a*b*)."""
    in_lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return np.asarray(in_lab, dtype=np.float32)


def _contrast(
    lightness: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """How strong contrasts are around each pixel, at each scale; the contrasts, each `(scales, h,
    w)`; and what is left when they are taken away."""
    bands, strengths, rest = [], [], lightness
    for scale in _SCALES:
        blurred = cv2.GaussianBlur(rest, (0, 0), scale)
        bands.append(rest - blurred)
        strengths.append(cv2.GaussianBlur(np.abs(bands[-1]), (0, 0), 2 * scale))
        rest = blurred
    return np.stack(strengths), np.stack(bands), np.asarray(rest, np.float32)


def _light(pixels: Pixels) -> Floats:
    """sRGB as light, 0..1 (IEC 61966-2-1)."""
    values = pixels / 255.0
    return np.asarray(
        np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    )


def _pixels(light: Floats) -> Pixels:
    values = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), dtype=np.uint8)


def check_fewest(at_least: int) -> None:
    """Raise `UsageError` for a smallest size of groups that is none."""
    if at_least < 2:
        raise UsageError("A composite of one is a photo.", "Give --at-least 2 or more.")


def _check_size(patients: int, at_least: int, who: str) -> None:
    if patients < at_least:
        raise UsageError(
            f"{who} {patients} patients, fewer than {at_least}: a composite of a few shows "
            "a person.",
            "Select more patients. --at-least N takes fewer, where they consented to be shown.",
        )
