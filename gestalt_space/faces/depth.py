"""Deep pictures to 8 bits: integers and floats of any range, brought to 0..255."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DEPTHS = tuple(2.0**bits - 1 for bits in (8, 10, 12, 14, 16, 32))
"""Brightest values of the depths that pictures come in."""
MOST = 0.999
"""Share of the pixels that tell the depth: the rest may be dead pixels, or overshoot."""


def from_range(values: NDArray[np.generic], *, least: float) -> NDArray[np.uint8]:
    """Values of any shape by the least depth that holds nearly all of them, and is at least that.

    `least` is 1 for floats, which often lie in 0..1. What is not a number becomes black.
    """
    numbers = np.nan_to_num(values.astype(np.float64), posinf=DEPTHS[-1], neginf=0.0)
    top = float(np.quantile(numbers, MOST)) if numbers.size else 0.0
    depths = (depth for depth in (1.0, *DEPTHS) if depth >= least)
    full = next((depth for depth in depths if top <= depth * 1.05), DEPTHS[-1])
    return np.asarray(np.clip(numbers / full * 255.0, 0, 255).round(), np.uint8)


def from_type(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Unsigned integers of any shape by the brightest value of their type."""
    step = (2 ** (8 * values.dtype.itemsize) - 1) // 255
    wide = values.astype(np.uint64 if values.dtype.itemsize > 2 else np.uint32)
    return np.asarray((wide + step // 2) // step, np.uint8)
