"""Gaze as stretches that stand still, and jumps between them: the partition of least cost, by the
dynamic programme of Jackson (2005), doi:10.1109/LSP.2001.838216.

A stretch costs its squared distances from its mean, in units of the noise, and a penalty; samples
of a jump cost a constant. What the noise is, is measured in the recording.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gestalt_space.gaze.types import Flags, Floats

Numbers: TypeAlias = NDArray[np.int64]

PENALTY = 16.0
"""Cost of a stretch: a jump is believed from this likelihood ratio on, as −2 log."""
JUMP = 5.0
"""Cost of a sample of a jump; one that stands still costs 2 on average."""
_LEAST_NOISE = 3.0
"""Pixels. With less noise the gaze's own unrest is larger."""
_MEDIAN_STEP = 0.954
"""Median distance of two normal numbers, in standard deviations of one."""
_SMALL_SAMPLE = 0.05
"""By how much the correlation of a short stretch with a fitted mean is too low."""


@dataclass(frozen=True, slots=True)
class Limits:
    """In samples: `least`, `longest`: of a stretch; `jump`: longest jump."""

    least: int
    longest: int
    jump: int


def noise_level(x: Floats, y: Floats, still: Sequence[tuple[int, int]]) -> float:
    """Standard deviation of independent samples that scatter a mean as these do: that of samples
    within stretches that are known to stand still, times what their correlation from one to the
    next makes of it, medians over stretches. Not less than the steps from sample to sample tell:
    in strong noise, only stretches that scatter little by chance are known."""
    spreads, correlations = [], []
    for first, end in still:
        spread = []
        for one in (x[first:end], y[first:end]):
            rest = one - one.mean()
            variance = float((rest**2).mean())
            spread.append(variance)
            if variance > 0:
                correlations.append(float((rest[1:] * rest[:-1]).mean()) / variance)
        spreads.append(float(np.sqrt(np.mean(spread))))
    steps = np.abs(np.diff([x, y], axis=1))
    least = max(float(np.median(steps)) / _MEDIAN_STEP if steps.size else 0.0, _LEAST_NOISE)
    if not spreads:
        return least
    correlation = float(np.median(correlations)) + _SMALL_SAMPLE if correlations else 0.0
    correlation = min(max(correlation, 0.0), 0.95)
    factor = np.sqrt((1 + correlation) / (1 - correlation))
    return max(float(np.median(spreads)) * float(factor), least)


def still_stretches(
    x: Floats, y: Floats, seen: Flags, noise: float, limits: Limits
) -> list[tuple[int, int]]:
    """The stretches of least cost: from one sample to before another. `seen`: samples that count;
    of others, places are taken and nothing else."""
    count = len(x)
    if count < limits.least:
        return []
    # A little more than none, so that what is not seen can be divided by.
    counts = _sums(np.where(seen, 1.0, 1e-9))
    places = _sums(np.where(seen, (x - x[0]) + 1j * (y - y[0]), 0.0) / noise)
    squares = _sums(np.where(seen, (x - x[0]) ** 2 + (y - y[0]) ** 2, 0.0) / noise**2)
    # The least cost of the samples before each one: ending with a stretch, and with anything; of
    # the latter without the squares, and of the former without the samples of a jump.
    open_stretch, open_jump = np.full((2, count + 1), np.inf)
    open_stretch[0] = open_jump[0] = 0.0
    whole = np.full(count + 1, np.inf)
    begun, ended = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.int64)
    for end in range(1, count + 1):
        still = np.inf
        if end >= limits.least:
            low = max(0, end - limits.longest)
            first = slice(low, end - limits.least + 1)
            way = places[end] - places[first]
            means = (way.real**2 + way.imag**2) / (counts[end] - counts[first])
            costs = open_stretch[first] - means
            best = int(costs.argmin())
            still = float(costs[best]) + squares[end] + PENALTY
            begun[end] = low + best
        low = max(0, end - limits.jump)
        best = int(open_jump[low:end].argmin())
        jumped = open_jump[low + best] + JUMP * counts[end]
        whole[end], ended[end] = (jumped, low + best) if jumped < still else (still, end)
        open_stretch[end] = whole[end] - squares[end]
        open_jump[end] = still - JUMP * counts[end]
    return _traced(whole, begun, ended)


def _traced(whole: Floats, begun: Numbers, ended: Numbers) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    at = len(whole) - 1
    # What comes after the last stretch may be longer than a jump, and too short for a stretch.
    while at > 0 and not np.isfinite(whole[at]):
        at -= 1
    while at > 0 and (end := int(ended[at])) > 0:
        found.append((int(begun[end]), end))
        at = int(begun[end])
    return found[::-1]


def _sums(values: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([[0.0], np.cumsum(values)])
