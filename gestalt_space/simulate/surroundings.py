"""What stands around a face: hair, ears, neck, clothes and background, painted."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.simulate.canvas import SIZE
from gestalt_space.types import Pixels

Mask = NDArray[np.float32]

CENTRE = (80.0, 92.0)
"""Middle of the face in the mean frame."""
FACE_WIDTH, FACE_UP, FACE_DOWN = 54.0, 60.0, 66.0
"""Half axes in pixels of the oval in which a face is known."""

_HAIR = np.array(
    [[18, 14, 12], [38, 26, 18], [70, 48, 32], [112, 80, 50], [170, 136, 90], [120, 52, 28]],
    dtype=np.float32,
)
_DARK_HAIR = 2
"""The first of the colours are those of dark hair."""
_GREY_HAIR = np.array([150, 148, 145], dtype=np.float32)
_ROWS, _COLUMNS = np.mgrid[:SIZE, :SIZE].astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Hair:
    """Colour `(3,)` in RGB 0..255, height of the hairline, thickness and length in pixels."""

    colour: NDArray[np.float32]
    hairline: float
    thickness: float
    length: float
    seed: int


@dataclass(frozen=True, slots=True)
class Background:
    """What photos of one place have behind the face: a colour, RGB 0..255, and its share, 0..1, in
    each background; the rest is the photo's own."""

    colour: tuple[float, float, float]
    share: float


def sample_hair(rng: np.random.Generator, *, sex: str, dark: bool) -> Hair:
    """Hair of a person: `dark` where only dark colours are common."""
    colour = _HAIR[rng.integers(_DARK_HAIR if dark else len(_HAIR))]
    is_long = rng.random() < (0.75 if sex == "female" else 0.08)
    return Hair(
        colour=np.asarray(colour * rng.uniform(0.8, 1.2), dtype=np.float32),
        hairline=float(rng.uniform(48, 58)),
        thickness=float(rng.uniform(5, 12)),
        length=float(rng.uniform(115, 175) if is_long else rng.uniform(60, 90)),
        seed=int(rng.integers(2**31)),
    )


def face_oval(size: int, margin: float = 0.0) -> NDArray[np.bool_]:
    """Which pixels of a canvas scaled to `(size, size)` lie in the face's oval."""
    zoom = SIZE / size
    rows, columns = (np.mgrid[:size, :size] + 0.5) * zoom - 0.5
    return np.asarray(_oval_distance(rows, columns, FACE_UP, margin) < 1.0)


def paint(
    face: Pixels,
    hair: Hair,
    age_years: float,
    rng: np.random.Generator,
    wall: Background | None = None,
) -> Pixels:
    """Lay a face, known inside its oval, over painted surroundings.

    `rng` decides what changes from photo to photo: clothes and background, the latter about `wall`
    where there is one. Hair is the person's, and turns grey with age.
    """
    strands = _strands(hair.seed)
    skin = face[100:125, [48, 52, 108, 112]].reshape(-1, 3).mean(axis=0)
    grey = np.clip((age_years - 45.0) / 30.0, 0.0, 0.9)
    colour = hair.colour * (1 - grey) + _GREY_HAIR * grey
    # Hair follows the light of the photo as the skin shows it.
    colour = colour * np.clip(skin.mean() / 150.0, 0.35, 1.3)
    picture = background(rng)
    if wall is not None:
        picture += np.float32(wall.share) * (np.array(wall.colour, np.float32) - picture)
    picture = _over(picture, _neck(), skin * 0.82)
    picture = _over(
        picture, _shoulders(), (rng.uniform(20, 220) + rng.normal(0, 25, 3)).astype(np.float32)
    )
    for side in (-1, 1):
        ear = _soft(np.hypot((_COLUMNS - 80 - side * 53) / 6, (_ROWS - 94) / 13), 0.25)
        picture = _over(picture, ear, skin * 0.85)
    picture = _over(picture, _hair_mask(hair), colour * strands[..., None])
    # The hairline is ragged, as strands are.
    ragged = _oval_distance(_ROWS, _COLUMNS, hair.hairline, -3.0)
    ragged = ragged + 0.22 * (strands - 1.0) * (CENTRE[1] - 20 > _ROWS)
    oval = _soft(ragged, 0.16)
    mixed = picture + oval[..., None] * (face - picture)
    return np.asarray(np.clip(np.rint(mixed), 0, 255), dtype=np.uint8)


def background(rng: np.random.Generator) -> NDArray[np.float32]:
    """A wall, a room out of focus, or foliage: smooth colours `(SIZE, SIZE, 3)`."""
    cells = int(rng.integers(2, 7))
    base = rng.uniform(25, 225) + rng.normal(0, 14, 3)
    coarse = base + rng.normal(0, rng.uniform(2, 10), (cells, cells, 3))
    coarse += rng.normal(0, rng.uniform(4, 26), (cells, cells, 1))
    return np.asarray(
        cv2.resize(coarse.astype(np.float32), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    )


def _oval_distance(
    rows: NDArray[np.floating], columns: NDArray[np.floating], up: float, margin: float
) -> NDArray[np.floating]:
    """1 on the rim of the face's oval, 0 in its middle."""
    tall = np.where(rows < CENTRE[1], up, FACE_DOWN) + margin
    wide = FACE_WIDTH + margin
    return np.asarray(np.hypot((columns - CENTRE[0]) / wide, (rows - CENTRE[1]) / tall))


def _soft(distance: NDArray[np.floating], edge: float) -> Mask:
    """1 inside a rim at distance 1, 0 outside, with an edge as wide as `edge`."""
    return np.asarray(np.clip(0.5 + (1.0 - distance) / edge, 0, 1), dtype=np.float32)


def _over(picture: NDArray[np.float32], mask: Mask, colour: NDArray[np.floating]) -> Mask:
    return np.asarray(picture + mask[..., None] * (colour - picture), dtype=np.float32)


def _neck() -> Mask:
    return _soft(np.maximum(np.abs(_COLUMNS - 80) / 30, 1 - (_ROWS - 120) / 60), 0.12)


def _shoulders() -> Mask:
    return _soft(np.hypot((_COLUMNS - 80) / 92, (_ROWS - 186) / 34), 0.06)


def _hair_mask(hair: Hair) -> Mask:
    top = CENTRE[1] - hair.hairline - hair.thickness
    middle = 80.0
    cap = np.hypot(
        (_COLUMNS - 80) / (FACE_WIDTH + hair.thickness), (_ROWS - middle) / (middle - top)
    )
    sides = np.abs(_COLUMNS - 80) / (FACE_WIDTH + hair.thickness)
    shape = np.where(middle > _ROWS, cap, sides)
    ends = 1.0 / (1.0 + np.exp((_ROWS - hair.length) / 4.0))
    return np.asarray(_soft(shape, 0.14) * ends, dtype=np.float32)


def _strands(seed: int) -> Mask:
    """Brightness of hair, around 1, in strands that run down."""
    noise = np.random.default_rng(seed).normal(1.0, 0.28, (9, SIZE)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), sigmaX=1.2, sigmaY=0.4)
    strands = cv2.resize(smooth, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    return np.asarray(strands, dtype=np.float32).clip(0.6, 1.4)
