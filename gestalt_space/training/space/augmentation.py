"""Training faces varied at random. What each variation does is as torchvision defines it; OpenCV
computes it, some ten times faster."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import permutations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gestalt_space.training.space.recipe import Recipe
from gestalt_space.types import Pixels

NUMBERS = 12
"""How many random numbers decide how a face looks."""
SMALLEST, LARGEST = 50, 100
"""Pixels to which a face is shrunk (Hustinx 2023)."""
GREY = (0.2989, 0.587, 0.114)
"""Of red, green and blue in grey, as torchvision weighs them."""
_ORDERS = tuple(permutations(range(4)))


class Augmentation:
    """Varies an aligned face `(112, 112, 3)` uint8 RGB."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
        """The numbers `(count, NUMBERS)`, 0 to 1, that decide how so many faces look."""
        return rng.random((count, NUMBERS))

    def __call__(self, crop: Pixels, numbers: NDArray[np.float64]) -> Pixels:
        """The face as these numbers `(NUMBERS,)` decide: the same for the same numbers."""
        recipe = self._recipe
        shrinks, side, turn, right, down, flips, *jitter, order, greys = numbers.tolist()
        if shrinks < recipe.shrink:
            crop = shrunk(crop, SMALLEST + int(side * (LARGEST + 1 - SMALLEST)))
        if recipe.turn or recipe.shift:
            way = recipe.shift * len(crop)
            shift = round(_within(way, right)), round(_within(way, down))
            crop = moved(crop, _within(recipe.turn, turn), shift)
        if flips < recipe.flip:
            crop = cv2.flip(crop, 1)
        if recipe.jitter or recipe.hue:
            *factors, hue = jitter
            light, contrast, saturation = (1 + _within(recipe.jitter, one) for one in factors)
            steps: tuple[Callable[[Pixels], Pixels], ...] = (
                partial(lit, factor=light),
                partial(contrasted, factor=contrast),
                partial(saturated, factor=saturation),
                partial(recoloured, turn=_within(recipe.hue, hue)),
            )
            for place in _ORDERS[int(order * len(_ORDERS))]:
                crop = steps[place](crop)
        return saturated(crop, 0.0) if greys < recipe.grey else crop


def _within(most: float, number: float) -> float:
    """A number 0 to 1 as one of `-most` to `most`."""
    return most * (2 * number - 1)


def shrunk(crop: Pixels, side: int) -> Pixels:
    """The face shrunk to so many pixels and brought back, with antialiasing."""
    small = Image.fromarray(crop).resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(small.resize(crop.shape[1::-1], Image.Resampling.BILINEAR))


def moved(crop: Pixels, degrees: float, shift: tuple[int, int]) -> Pixels:
    """The face turned clockwise about its centre, and then shifted right and down; black where
    nothing is left."""
    height, width = crop.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -degrees, 1.0)
    matrix[:, 2] += shift
    varied: Pixels = cv2.warpAffine(crop, matrix, (width, height))
    return varied


def lit(crop: Pixels, factor: float) -> Pixels:
    """The face with its brightness multiplied."""
    return _mixed(crop, factor, np.zeros((3, 4)))


def contrasted(crop: Pixels, factor: float) -> Pixels:
    """The face with its differences from its mean grey multiplied."""
    mean = np.zeros((3, 4))
    mean[:, 3] = np.dot(GREY, cv2.mean(crop)[:3])
    return _mixed(crop, factor, mean)


def saturated(crop: Pixels, factor: float) -> Pixels:
    """The face with its differences from grey multiplied; grey by 0."""
    return _mixed(crop, factor, np.array([(*GREY, 0.0)] * 3))


def _mixed(crop: Pixels, factor: float, other: NDArray[np.float64]) -> Pixels:
    """`factor` times the face, and for the rest what the matrix makes of it."""
    varied: Pixels = cv2.transform(crop, factor * np.eye(3, 4) + (1 - factor) * other)
    return varied


def recoloured(crop: Pixels, turn: float) -> Pixels:
    """The face with its hues turned by a share of the circle."""
    colours = cv2.cvtColor(crop.astype(np.float32), cv2.COLOR_RGB2HSV)
    colours = cv2.add(colours, (360 * (turn % 1), 0, 0, 0), dst=colours)
    varied: Pixels = cv2.convertScaleAbs(cv2.cvtColor(colours, cv2.COLOR_HSV2RGB))
    return varied
