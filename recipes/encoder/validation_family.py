"""Disorders by which trainings of the encoder are chosen: kinds of change that training has not.

Parts of a face are swollen or pinched as by a lens, moved with an end that is sharp, stretched in
bands across or along, and coloured in L*a*b*. Neither the terms of `gestalt_space.simulate` nor the
family that measures a release (`benchmarks.second_family`) have a part in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.simulate.canvas import MEAN_LANDMARKS, SIZE, carry
from gestalt_space.simulate.persons import Portrait
from gestalt_space.simulate.phenotypes import moved, unfolded

SEVERITY = 1.0
"""Mean strength of a sign, in steps that can just be seen."""
SPREAD = 0.3
PENETRANCE = 0.85
_STEEPEST = 0.9
_PLACES = np.array(
    [
        # x off the midline, y, radius
        [22, 74, 15],
        [33, 72, 11],
        [13, 76, 9],
        [24, 60, 13],
        [0, 66, 13],
        [0, 84, 13],
        [0, 102, 14],
        [10, 103, 10],
        [0, 111, 10],
        [0, 119, 20],
        [19, 119, 12],
        [0, 126, 13],
        [0, 143, 20],
        [33, 133, 20],
        [36, 98, 20],
        [30, 112, 14],
        [0, 46, 30],
        [38, 56, 19],
    ],
    np.float32,
)
_KINDS = ("lens", "slide", "band", "colour")
_SHARES = (0.36, 0.36, 0.16, 0.12)


@dataclass(frozen=True, slots=True)
class _Sign:
    """A kind, a place, and three numbers that mean something else for each kind."""

    kind: str
    place: tuple[float, float, float]
    numbers: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class ValidationDisorder:
    """Signs, the strength of each, and the share of the patients who show it."""

    signs: tuple[_Sign, ...]
    severities: NDArray[np.float64]
    penetrances: NDArray[np.float64]

    def show(self, rng: np.random.Generator, portrait: Portrait) -> Portrait:
        """The face of one patient with the disorder."""
        count = len(self.signs)
        strengths = self.severities * rng.lognormal(0.0, SPREAD, count)
        strengths *= rng.random(count) < self.penetrances
        shift = np.zeros((2, SIZE, SIZE), np.float32)
        colour = np.zeros((3, SIZE, SIZE), np.float32)
        for sign, strength in zip(self.signs, strengths, strict=True):
            _lay(sign, float(strength), portrait, shift, colour)
        shift = unfolded(shift, _STEEPEST)
        grid = np.stack(np.meshgrid(*[np.arange(SIZE, dtype=np.float32)] * 2))
        from_x, from_y = grid - shift
        pixels = cv2.remap(
            portrait.pixels, from_x, from_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB).astype(np.float32)
        lab = np.clip(np.rint(lab + colour.transpose(1, 2, 0)), 0, 255).astype(np.uint8)
        pixels = np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.uint8)
        return Portrait(pixels, moved(portrait.landmarks, shift))


def draw_disorders(rng: np.random.Generator, count: int) -> Sequence[ValidationDisorder]:
    """Disorders of four to seven of forty signs, which they share as disorders share phenotypes."""
    signs = [_drawn(rng) for _ in range(40)]
    disorders = []
    for _ in range(count):
        size = int(rng.integers(4, 8))
        disorders.append(
            ValidationDisorder(
                tuple(signs[row] for row in rng.choice(len(signs), size, replace=False)),
                SEVERITY * rng.lognormal(0.0, 0.25, size),
                rng.beta(12 * PENETRANCE, 12 * (1 - PENETRANCE), size),
            )
        )
    return disorders


def _drawn(rng: np.random.Generator) -> _Sign:
    kind = str(rng.choice(_KINDS, p=_SHARES))
    off, y, radius = (float(number) for number in _PLACES[int(rng.integers(len(_PLACES)))])
    side = float(rng.choice([-1, 1]))
    if kind == "lens":
        numbers = (side * rng.uniform(0.13, 0.24), 0.0, 0.0)
    elif kind == "slide":
        angle = rng.uniform(0, 2 * np.pi)
        numbers = (rng.uniform(1.3, 2.2), angle if off else side * np.pi / 2, 0.0)
    elif kind == "band":
        numbers = (side * rng.uniform(1.3, 2.4), float(rng.random() < 0.4), rng.uniform(6, 14))
    else:
        lightness, tint = side * rng.uniform(5, 12), rng.uniform(0, 2 * np.pi)
        numbers = (lightness, 7 * np.cos(tint), 7 * np.sin(tint))
    return _Sign(kind, (off, y, radius), (float(numbers[0]), float(numbers[1]), float(numbers[2])))


def _lay(
    sign: _Sign,
    strength: float,
    portrait: Portrait,
    shift: NDArray[np.float32],
    colour: NDArray[np.float32],
) -> None:
    off, y, radius = sign.place
    axis = np.arange(SIZE, dtype=np.float32)
    for side in (-1, 1) if off else (0,):
        middle = np.array([[80 + side * off, y]], np.float32)
        x0, y0 = carry(middle, MEAN_LANDMARKS, portrait.landmarks)[0]
        right, down = axis[None, :] - x0, axis[:, None] - y0
        near = np.maximum(0.0, 1 - (np.square(right) + np.square(down)) / (1.6 * radius) ** 2) ** 2
        first, second, third = sign.numbers
        if sign.kind == "lens":
            shift += strength * first * near * np.stack(np.broadcast_arrays(right, down))
        elif sign.kind == "slide":
            outward = np.cos(second) * (side or 1) * bool(off)
            shift[0] += strength * first * outward * near
            shift[1] += strength * first * np.sin(second) * near
        elif sign.kind == "band":
            _stretch(shift, strength * first * (0.5 if off else 1.0), y0, bool(second), third)
        else:
            colour += strength * np.array([first, second, third])[:, None, None] * near


def _stretch(shift: NDArray[np.float32], size: float, y: float, across: bool, width: float) -> None:
    """All below a height moves down, or what lies in a band moves outward."""
    axis = np.arange(SIZE, dtype=np.float32)
    if across:
        beside = (axis - 80) / 40
        band = np.exp(-0.5 * np.square((axis - y) / width))
        shift[0] += size * band[:, None] * np.tanh(beside)[None, :]
    else:
        shift[1] += size * (np.tanh((axis - y) / width)[:, None] + 0 * axis[None, :]) * 0.7
