"""Composites: the average face of a group, from the aligned crops that the gallery keeps.

Crops are aligned by a similarity transform, after which eyes, nose and mouth are still some pixels
apart. So each crop is warped to the mean shape of the group, by a thin-plate spline (Bookstein
1989) through the five landmarks and the edge of the crop, and then, in two rounds, to the current
average by optical flow (Kroeger 2016). Averages are in linear light, not in sRGB values. Each
family has the same weight, within it each patient, and within a patient each photo. Parts of a crop
outside its photo do not count. The fine contrasts that an average loses are restored only on
request: see `sharpening`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.selection import Selection
from gestalt_space.cohort.sharpening import SCALES, contrasts_of, lab_of, with_contrast
from gestalt_space.errors import UsageError
from gestalt_space.faces.alignment import SIZE, TEMPLATE, similarity_transform
from gestalt_space.faces.crops import crop_from_png
from gestalt_space.home import Gallery
from gestalt_space.progress import Progress, no_progress
from gestalt_space.store.reads import kept_faces
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
_EDGE = np.array(
    [(x, y) for x in (0.0, 56.0, 112.0) for y in (0.0, 56.0, 112.0) if (x, y) != (56.0, 56.0)]
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Composite:
    """An average face `(336, 336, 3)` of `families` families, `patients` patients and `photos`
    photos. `eyes`: pixels from its left edge to each eye. `without`: patients of the group without
    a stored crop. `sharpened`: whether its contrasts are those of a single face."""

    pixels: Pixels
    eyes: tuple[float, float]
    families: int
    patients: int
    photos: int
    without: int
    sharpened: bool


@dataclass(frozen=True)
class WeightedFace:
    """A crop `(112, 112, 3)`, its landmarks `(5, 2)` in the crop, and its weight."""

    crop: Pixels
    points: Floats
    weight: float


def composite(
    gallery: Gallery,
    selection: Selection,
    *,
    at_least: int = FEWEST,
    sharpen: bool = False,
    progress: Progress = no_progress,
) -> Composite:
    """The average face of a selection's patients; each family has the same weight.

    Raises `UsageError` for fewer than `at_least` patients with a stored crop, or for an `at_least`
    below 2; `PhotoDamaged` for a damaged crop.
    """
    families = dict(zip(selection.patients, selection.families.tolist(), strict=True))
    return composite_of(gallery, families, at_least=at_least, sharpen=sharpen, progress=progress)


def composite_of(
    gallery: Gallery,
    group: Mapping[str, int],
    *,
    at_least: int = FEWEST,
    sharpen: bool = False,
    progress: Progress = no_progress,
) -> Composite:
    """The average face of patients, each with the number of their family. Raises as `composite`
    does."""
    check_fewest(at_least)
    _check_size(len(group), at_least, "The group has")
    with gallery.database.reading() as session:
        kept = kept_faces(session, list(group))
    patients = [one.patient for one in kept]
    _check_size(len(set(patients)), at_least, "There are stored crops of")
    families = [group[patient] for patient in patients]
    faces = [
        WeightedFace(
            crop_from_png(one.png), in_crop(np.array(one.landmarks, np.float32)), float(weight)
        )
        for one, weight in zip(kept, weights_of(families, patients), strict=True)
    ]
    left, right = (mean_shape(faces)[:2, 0] + 0.5) * SIDE / SIZE - 0.5
    return Composite(
        pixels=average_face(faces, sharpen=sharpen, progress=progress),
        eyes=(float(left), float(right)),
        families=len(set(families)),
        patients=len(set(patients)),
        photos=len(kept),
        without=len(group) - len(set(patients)),
        sharpened=sharpen,
    )


def weights_of(families: Sequence[int], patients: Sequence[str]) -> Floats:
    """`(n,)`: the weight of each photo; they sum to 1. All families have equal weights, within a
    family its patients, and within a patient the photos."""
    members = {family: set[str]() for family in families}
    for family, patient in zip(families, patients, strict=True):
        members[family].add(patient)
    photos = Counter(patients)
    shares = [
        1 / (len(members) * len(members[family]) * photos[patient])
        for family, patient in zip(families, patients, strict=True)
    ]
    return np.array(shares)


def mean_shape(faces: Sequence[WeightedFace]) -> Floats:
    """The weighted mean `(5, 2)` of the landmarks of faces, in a crop."""
    weights = [one.weight for one in faces]
    return np.asarray(np.average([one.points for one in faces], axis=0, weights=weights))


def average_face(
    faces: Sequence[WeightedFace], *, sharpen: bool = False, progress: Progress = no_progress
) -> Pixels:
    """The weighted mean `(336, 336, 3)` of faces, black where none of them has a photo. `progress`
    counts the warped faces, each once per round."""
    shape = mean_shape(faces)
    average: Pixels | None = None
    done, rounds = 0, [False] * _ROUNDS + [True]
    for last in rounds:
        light, total = np.zeros((SIDE, SIDE, 3)), np.zeros((SIDE, SIDE, 1))
        contrast = np.zeros((len(SCALES), SIDE, SIDE))
        for one in faces:
            laid = bent(np.dstack([one.crop, photo_mask(one.crop)]), one.points, shape)
            if average is not None:
                laid = flown(laid, average)
            weight = one.weight * laid[..., 3:] / 255.0
            light += weight * _light(laid[..., :3])
            total += weight
            if last and sharpen:
                contrast += weight[..., 0] * contrasts_of(lab_of(laid[..., :3])[..., 0])[0]
            done += 1
            progress(done, len(rounds) * len(faces))
        total = np.maximum(total, 1e-9)
        average = _pixels(light / total)
    assert average is not None, "there is a first round"  # noqa: S101
    if not sharpen:
        return average
    return with_contrast(average, (contrast / total[..., 0]).astype(np.float32))


def photo_mask(crop: Pixels) -> Pixels:
    """`(112, 112)`: 255 where a crop shows its photo, and 0 outside, where alignment leaves it
    black: the black area connected to the crop's edge, and two more pixels, which are mixed. A crop
    that is entirely black counts as a photo."""
    black = np.pad((crop.max(axis=2) == 0).astype(np.uint8), 1, constant_values=1)
    _, labels = cv2.connectedComponents(black, connectivity=4)
    beyond = (labels == labels[0, 0]).astype(np.uint8)
    beyond = cv2.dilate(beyond[1:-1, 1:-1], np.ones((5, 5), np.uint8))
    return np.asarray(np.where(beyond.all() | (beyond == 0), 255, 0), dtype=np.uint8)


def in_crop(landmarks: NDArray[np.floating]) -> Floats:
    """Landmarks `(5, 2)` of a photo where they lie in its aligned crop."""
    points = np.asarray(landmarks, dtype=np.float32)
    matrix = similarity_transform(points, TEMPLATE)
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], dtype=np.float64)


def bent(crop: Pixels, points: Floats, shape: Floats) -> Pixels:
    """A crop, with any number of channels, warped so that its `points` move to `shape`, both `(5,
    2)`, at the size of a composite."""
    fixed = np.concatenate([shape, _EDGE])
    moved = np.concatenate([points, _EDGE])
    # Where each pixel of the composite comes from: pixels' middles are at whole numbers in a crop.
    # So smooth a map is asked for in the middles of squares, a row of them beyond each edge.
    squares = np.arange(-1, SIDE // _SQUARE + 1)
    grid = (squares + 0.5) * _SQUARE * SIZE / SIDE - 0.5
    points = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    coarse = _spline(fixed, moved, points).reshape(len(grid), len(grid), 2).astype(np.float32)
    fine = cv2.resize(coarse, None, fx=_SQUARE, fy=_SQUARE, interpolation=cv2.INTER_CUBIC)
    source = fine[_SQUARE:-_SQUARE, _SQUARE:-_SQUARE]
    taken = cv2.remap(
        crop, source[..., 0], source[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(taken, dtype=np.uint8)


def flown(face: Pixels, average: Pixels) -> Pixels:
    """A face `(336, 336, 4)`, whose last channel is its `photo_mask`, warped smoothly to an average
    of the same size by dense optical flow."""
    # Beyond its photo a face is as the average, so that it does not move there.
    shown = np.where(face[..., 3:] < 128, average, face[..., :3])
    even = cv2.createCLAHE(2.0, (4, 4))
    target, moving = (even.apply(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY)) for one in (average, shown))
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


def _spline(fixed: Floats, moved: Floats, points: Floats) -> Floats:
    """The images of `points` under a thin-plate spline that maps `fixed` to `moved`, all `(…,
    2)`."""
    count = len(fixed)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _bending(fixed, fixed)
    system[:count, count] = system[count, :count] = 1
    system[:count, count + 1 :] = fixed
    system[count + 1 :, :count] = fixed.T
    weights = np.linalg.solve(system, np.concatenate([moved, np.zeros((3, 2))]))
    return np.asarray(
        _bending(points, fixed) @ weights[:count] + weights[count] + points @ weights[count + 1 :]
    )


def _bending(points: Floats, fixed: Floats) -> Floats:
    squared = ((points[:, None] - fixed[None]) ** 2).sum(-1)
    return np.asarray(squared * np.log(np.maximum(squared, 1e-12)))


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
    """Raise `UsageError` for an invalid smallest group size."""
    if at_least < 2:
        raise UsageError(
            "An average face needs at least two patients.", "Use --at-least 2 or more."
        )


def _check_size(patients: int, at_least: int, who: str) -> None:
    if patients < at_least:
        raise UsageError(
            f"{who} {patients} patients, fewer than {at_least}. The average of a few faces could "
            "show a person.",
            "Select more patients. If the patients consented to be shown, use a smaller "
            "--at-least N.",
        )
