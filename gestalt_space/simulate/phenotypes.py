"""Facial phenotypes by HPO term: smooth changes of a face, with a strength in standard deviations.

A term is a list of bumps: Gaussians at places of the mean frame that move what lies there, lighten
or darken it, grow hair on it, smooth it, or freckle it. One standard deviation of a length is that
of the measure in adults as anthropometry has it (Farkas 1994, Anthropometry of the Head and Face:
some 3 mm of the distance between the eyes or of the width of the nose), at 0.75 pixels for a
millimetre; the philtrum, where a face would soon fold, has 1 mm instead of 2. Where a term is no
length, one standard deviation is a step that can just be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, replace
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import UsageError
from gestalt_space.simulate.canvas import MEAN_LANDMARKS, SIZE, carry, gaussians, values_at, warp
from gestalt_space.simulate.persons import Portrait
from gestalt_space.types import Landmarks, Pixels

STRONGEST = 5.0
"""Strengths beyond this many standard deviations are refused: faces would fold."""
STEEPEST = 0.95
"""Most that neighbouring pixels are moved against each other: from 1 on, a face folds."""


@dataclass(frozen=True, slots=True)
class Bump:
    """What one standard deviation does around a place of the mean frame, all in canvas pixels.

    `x`, `y`: the place; `wide`, `tall`: standard deviations of the Gaussian; `dx`, `dy`: how far
    the place moves, right and down; `light`: change of the logarithm of brightness; `hair`,
    `smooth`, `freckles`: how much of it is laid on, 0..1.
    """

    x: float
    y: float
    wide: float
    tall: float
    dx: float = 0.0
    dy: float = 0.0
    light: float = 0.0
    hair: float = 0.0
    smooth: float = 0.0
    freckles: float = 0.0


@dataclass(frozen=True, slots=True)
class Term:
    """A term of the Human Phenotype Ontology as a change of a face.

    `axis`: what it changes; of two terms with one axis a person has one at most. `measure`: what
    its strength is measured on.
    """

    id: str
    label: str
    axis: str
    measure: str
    bumps: tuple[Bump, ...]


CHANNELS = ("dx", "dy", "light", "hair", "smooth", "freckles")


def show(portrait: Portrait, strengths: Mapping[str, float]) -> Portrait:
    """A face with phenotypes: term identifiers to strengths in standard deviations.

    The landmarks move with the face. Strengths of 0 change nothing, to the bit. Raises
    `UsageError` for an unknown term or a strength beyond ±`STRONGEST`.
    """
    bumps = [
        _scaled(bump, strength)
        for term_id, strength in strengths.items()
        if _checked(term_id, strength)
        for bump in TERMS[term_id].bumps
    ]
    return apply_bumps(portrait, bumps)


def apply_bumps(portrait: Portrait, bumps: Iterable[Bump]) -> Portrait:
    """A face changed by bumps of the mean frame, carried to where they lie on this person."""
    bumps = tuple(bumps)
    if not bumps:
        return portrait
    return change(portrait, unfolded(fields_of(bump_table(bumps), portrait), STEEPEST))


def bump_table(bumps: Iterable[Bump]) -> NDArray[np.float32]:
    """Bumps as rows `(n, 10)` float32: place, widths, and an amount for each of `CHANNELS`."""
    return np.array([astuple(bump) for bump in bumps], dtype=np.float32)


def fields_of(table: NDArray[np.float32], portrait: Portrait) -> NDArray[np.float32]:
    """The fields `(6, SIZE, SIZE)` of a table of bumps, at the places that they have on a face."""
    centres = carry(table[:, :2], MEAN_LANDMARKS, portrait.landmarks)
    return gaussians(centres, table[:, 2:4], table[:, 4:])


def unfolded(fields: NDArray[np.float32], steepest: float) -> NDArray[np.float32]:
    """Fields in the order of `CHANNELS`, whose movement is made smaller where it is too steep.

    So several strong terms together change a face less than their sum, and never tear it.
    """
    shift = fields[:2]
    steep = max(float(np.abs(np.diff(shift, axis=axis)).max()) for axis in (1, 2))
    if steep <= steepest:
        return fields
    return np.concatenate([shift * np.float32(steepest / steep), fields[2:]])


def change(portrait: Portrait, fields: NDArray[np.float32]) -> Portrait:
    """A face changed by fields `(6, SIZE, SIZE)` in the order of `CHANNELS`.

    Each pixel is taken from where the fields say it comes from; the landmarks go the same way.
    """
    shift = fields[:2].transpose(1, 2, 0)
    pixels = portrait.pixels
    landmarks = portrait.landmarks
    if shift.any():
        pixels = warp(pixels, -shift)
        landmarks = moved(landmarks, fields[:2])
    return Portrait(_shaded(pixels, *fields[2:]), landmarks)


def moved(points: Landmarks, shift: NDArray[np.float32]) -> Landmarks:
    """Where points of the face before lie after: `q` with `q - shift(q) = p`, by iteration."""
    found = points.astype(np.float32)
    for _ in range(8):
        found = points + np.stack([values_at(part, found) for part in shift], axis=1)
    return np.asarray(found, dtype=np.float32)


def _shaded(
    pixels: Pixels,
    light: NDArray[np.float32],
    hair: NDArray[np.float32],
    smooth: NDArray[np.float32],
    freckles: NDArray[np.float32],
) -> Pixels:
    if smooth.any():
        amount = np.clip(smooth, 0.0, 1.0)[..., None]
        blurred = cv2.GaussianBlur(pixels, (0, 0), 3.0).astype(np.float32)
        pixels = np.rint(pixels + amount * (blurred - pixels)).astype(np.uint8)
    if light.any() or hair.any() or freckles.any():
        strands, spots = _texture()
        gain = np.exp(light - np.maximum(hair, -0.5) * strands - np.maximum(freckles, 0) * spots)
        pixels = np.clip(np.rint(pixels * gain[..., None]), 0, 255).astype(np.uint8)
    return pixels


@cache
def _texture() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Darkness of hair strands and of freckles over the canvas, 0..1: the same for everybody."""
    rng = np.random.default_rng(1812)
    strands = cv2.GaussianBlur(rng.random((SIZE, SIZE)), (0, 0), sigmaX=0.7, sigmaY=1.6)
    strands = 0.55 + 0.45 * (strands - strands.min()) / (strands.max() - strands.min())
    spots = cv2.GaussianBlur((rng.random((SIZE, SIZE)) < 0.02).astype(np.float64), (0, 0), 0.8)
    spots = np.clip(spots / 0.25, 0, 1)
    return strands.astype(np.float32), spots.astype(np.float32)


def _scaled(bump: Bump, strength: float) -> Bump:
    return replace(bump, **{name: getattr(bump, name) * strength for name in CHANNELS})


def _checked(term_id: str, strength: float) -> bool:
    """Whether the term does anything."""
    if term_id not in TERMS:
        raise UsageError(
            f"Unknown simulated phenotype {term_id!r}.",
            "`gestalt simulate terms` lists all phenotypes.",
        )
    if not abs(strength) <= STRONGEST:
        raise UsageError(
            f"The strength {strength:g} for {TERMS[term_id].label} is outside ±{STRONGEST:g}.",
            "Strengths are standard deviations; 2 to 3 are usual in patients.",
        )
    return strength != 0.0


def _both(
    off: float, y: float, wide: float, tall: float, *, out: float = 0.0, **amounts: float
) -> tuple[Bump, Bump]:
    """The same left and right of the midline: `off` pixels beside it, moving `out` from it."""
    left, right = (
        Bump(80 + side * off, y, wide, tall, dx=side * out, **amounts) for side in (-1, 1)
    )
    return left, right


def _mid(y: float, wide: float, tall: float, **amounts: float) -> Bump:
    return Bump(80, y, wide, tall, **amounts)


def _opposite(bumps: Iterable[Bump]) -> tuple[Bump, ...]:
    return tuple(_scaled(bump, -1.0) for bump in bumps)


_EYES_APART = _both(22.5, 73.9, 13, 11, out=1.35)
_UPSLANT = (*_both(34, 73.9, 7, 7, dy=-1.0), *_both(12, 75.0, 6, 6, dy=0.5))
_LONG_FISSURE = (*_both(34, 74.0, 6, 6, out=0.8), *_both(12, 74.5, 5, 5, out=-0.45))
_EYES_OUT = (
    *_both(22.5, 70.5, 9, 4, dy=-0.55, light=0.03),
    *_both(22.5, 78.0, 9, 4, dy=0.55, light=0.02),
)
_WIDE_NOSE = _both(11, 101, 7, 8, out=1.1)
_LONG_NOSE = (
    _mid(106, 14, 11, dy=2.05),
    _mid(90, 10, 10, dy=0.7),
)
_LONG_PHILTRUM = (
    _mid(116, 26, 8.5, dy=1.3),
    _mid(104, 14, 6, dy=-0.5),
)
_WIDE_MOUTH = _both(19, 118.5, 8, 8, out=1.6)
_FULL_LIPS = (_mid(113.5, 14, 4.5, dy=-0.8), _mid(126, 13, 5, dy=0.85))
_LONG_CHIN = (_mid(148, 32, 11, dy=3.2),)
_HIGH_FOREHEAD = (_mid(36, 36, 11, dy=-3.4),)
_WIDE_FOREHEAD = _both(42, 52, 14, 16, out=2.2)
_WIDE_FACE = (*_both(46, 98, 15, 24, out=2.2), *_both(38, 126, 13, 15, out=1.6))
_ARCHED = (
    *_both(26, 60, 7, 6, dy=-1.4),
    *_both(13, 62, 5, 5, dy=0.5),
    *_both(40, 63, 5, 5, dy=0.5),
)
_BROW_HAIR = (*_both(22, 61, 9, 2.6, hair=0.16), *_both(31, 60.5, 8, 2.4, hair=0.12))
_THICK_BROW = (*_both(24, 57.5, 12, 3, dy=-0.45), *_both(24, 64, 12, 3, dy=0.35))

_TERMS = (
    # Eyes
    Term("HP:0000316", "Hypertelorism", "eye distance", "distance of the eyes", _EYES_APART),
    Term(
        "HP:0000601",
        "Hypotelorism",
        "eye distance",
        "distance of the eyes",
        _opposite(_EYES_APART),
    ),
    Term(
        "HP:0000582",
        "Upslanted palpebral fissure",
        "eye slant",
        "height of the outer above the inner canthus",
        _UPSLANT,
    ),
    Term(
        "HP:0000494",
        "Downslanted palpebral fissures",
        "eye slant",
        "height of the outer above the inner canthus",
        _opposite(_UPSLANT),
    ),
    Term(
        "HP:0012745",
        "Short palpebral fissure",
        "fissure length",
        "length of the palpebral fissure",
        _opposite(_LONG_FISSURE),
    ),
    Term(
        "HP:0000637",
        "Long palpebral fissure",
        "fissure length",
        "length of the palpebral fissure",
        _LONG_FISSURE,
    ),
    Term(
        "HP:0000508",
        "Ptosis",
        "upper lid",
        "height of the upper lid's edge",
        _both(22.5, 69.5, 9, 4, dy=0.85, light=-0.025),
    ),
    Term(
        "HP:0000286",
        "Epicanthus",
        "inner canthus",
        "height of the inner canthus",
        (*_both(11.5, 73.5, 4.5, 5.5, dy=0.7, out=0.35), *_both(10.5, 74, 3, 4.5, light=0.07)),
    ),
    Term(
        "HP:0000490",
        "Deeply set eye",
        "eye depth",
        "brightness around the eyes",
        (*_both(22.5, 68, 12, 5.5, light=-0.1, dy=0.3), *_both(14, 76, 6, 5, light=-0.05)),
    ),
    Term("HP:0000520", "Proptosis", "eye depth", "height of the palpebral fissure", _EYES_OUT),
    # Brows
    Term(
        "HP:0000664",
        "Synophrys",
        "glabella",
        "brightness between the brows",
        (_mid(62.5, 7, 3.0, hair=0.2),),
    ),
    Term(
        "HP:0000574",
        "Thick eyebrow",
        "brow thickness",
        "height of the brow",
        (*_THICK_BROW, *_BROW_HAIR),
    ),
    Term(
        "HP:0045075",
        "Sparse eyebrow",
        "brow thickness",
        "brightness of the brow",
        _both(25, 61, 11, 3.5, light=0.085, smooth=0.12),
    ),
    Term("HP:0002553", "Highly arched eyebrow", "brow arch", "height of the arch", _ARCHED),
    # Nose
    Term("HP:0000445", "Wide nose", "nose width", "distance of the alae", _WIDE_NOSE),
    Term("HP:0000460", "Narrow nose", "nose width", "distance of the alae", _opposite(_WIDE_NOSE)),
    Term("HP:0003189", "Long nose", "nose length", "height of the nose", _LONG_NOSE),
    Term("HP:0003196", "Short nose", "nose length", "height of the nose", _opposite(_LONG_NOSE)),
    Term(
        "HP:0005280",
        "Depressed nasal bridge",
        "nasal bridge",
        "brightness of the bridge",
        (
            _mid(80, 3.5, 7, light=-0.075),
            *_both(8, 80, 4, 7, light=0.055),
            *_both(6, 80, 5, 7, out=0.5),
        ),
    ),
    Term(
        "HP:0000431",
        "Wide nasal bridge",
        "nasal bridge",
        "width of the bridge",
        (*_both(7, 79, 5.5, 9, out=0.95), _mid(80, 6, 8, light=0.03)),
    ),
    Term(
        "HP:0000414",
        "Bulbous nose",
        "nose tip",
        "width of the tip",
        (
            *_both(6.5, 99, 5.5, 6, out=0.85),
            _mid(96, 6, 5, dy=-0.45, light=0.035),
            _mid(103, 8, 4, dy=0.4),
        ),
    ),
    Term(
        "HP:0000463",
        "Anteverted nares",
        "nares",
        "height of the tip and darkness of the nares",
        (_mid(100, 8, 6, dy=-1.2), *_both(5, 104, 2.6, 2.2, light=-0.17)),
    ),
    # Philtrum and mouth
    Term(
        "HP:0000343",
        "Long philtrum",
        "philtrum length",
        "from the nose to the upper lip",
        _LONG_PHILTRUM,
    ),
    Term(
        "HP:0000322",
        "Short philtrum",
        "philtrum length",
        "from the nose to the upper lip",
        _opposite(_LONG_PHILTRUM),
    ),
    Term(
        "HP:0000319",
        "Smooth philtrum",
        "philtrum relief",
        "contrast of the philtrum",
        (_mid(110, 8, 3.8, smooth=0.3, light=0.02),),
    ),
    Term("HP:0000154", "Wide mouth", "mouth width", "distance of the corners", _WIDE_MOUTH),
    Term(
        "HP:0000160",
        "Narrow mouth",
        "mouth width",
        "distance of the corners",
        _opposite(_WIDE_MOUTH),
    ),
    Term(
        "HP:0000219",
        "Thin upper lip vermilion",
        "lips",
        "height of the upper vermilion",
        (_mid(113.5, 15, 3.2, dy=0.85), _mid(116.5, 14, 3, light=0.05)),
    ),
    Term("HP:0012471", "Thick vermilion border", "lips", "height of the vermilion", _FULL_LIPS),
    Term(
        "HP:0002714",
        "Downturned corners of mouth",
        "mouth corners",
        "height of the corners below the middle",
        (*_both(19, 119, 7, 7, dy=1.4), _mid(117, 9, 6, dy=-0.35)),
    ),
    # Jaw and face
    Term(
        "HP:0000347",
        "Micrognathia",
        "chin",
        "height of the chin",
        (*_opposite(_LONG_CHIN), *_both(24, 142, 12, 12, out=-1.3), _mid(141, 14, 4, light=-0.03)),
    ),
    Term(
        "HP:0000303",
        "Mandibular prognathia",
        "chin",
        "height of the chin",
        (*_LONG_CHIN, _mid(138, 12, 7, light=0.04)),
    ),
    Term(
        "HP:0000337", "Broad forehead", "forehead width", "distance of the temples", _WIDE_FOREHEAD
    ),
    Term(
        "HP:0000348", "High forehead", "forehead height", "height of the hairline", _HIGH_FOREHEAD
    ),
    Term(
        "HP:0000311",
        "Round face",
        "face shape",
        "width of the face",
        (*_WIDE_FACE, *_opposite(_LONG_CHIN)),
    ),
    Term(
        "HP:0000276",
        "Long face",
        "face shape",
        "height of the face",
        (*_opposite(_WIDE_FACE), *_LONG_CHIN, _mid(36, 40, 12, dy=-2.0)),
    ),
    Term(
        "HP:0000325",
        "Triangular face",
        "face shape",
        "width of the jaw against the temples",
        (*_WIDE_FOREHEAD, *_both(37, 126, 14, 15, out=-2.6)),
    ),
    Term(
        "HP:0000293",
        "Full cheeks",
        "cheeks",
        "width of the cheeks",
        (*_both(36, 112, 12, 13, out=1.5, dy=0.3), *_both(30, 106, 9, 9, light=0.05)),
    ),
    # Skin
    Term(
        "HP:0001480",
        "Freckling",
        "pigment",
        "darkness of spots on cheeks and nose",
        (_mid(96, 30, 10, freckles=0.16),),
    ),
    Term(
        "HP:0000980", "Pallor", "pigment", "brightness of the skin", (_mid(96, 40, 44, light=0.05),)
    ),
)

TERMS: Mapping[str, Term] = {term.id: term for term in _TERMS}
"""The phenotypes that can be shown, by identifier."""
