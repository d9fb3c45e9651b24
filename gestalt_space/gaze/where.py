"""Where readers look: dwell on areas, and densities on the aligned face.

Means are over the trials of a reader, then over readers, so that nobody counts more for having seen
more photos.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gestalt_space.faces.alignment import SIZE
from gestalt_space.gaze.areas import AREAS, per_area
from gestalt_space.gaze.trials import FaceTrial
from gestalt_space.gaze.types import Floats

Measure: TypeAlias = Callable[[FaceTrial], Floats]
SIGMA = 4.0
"""Standard deviation of a density's kernel in pixels of the aligned face: a ninth of the distance
between the eyes."""


def dwell(trial: FaceTrial) -> Floats:
    """Seconds of fixations on each area: `(areas,)`."""
    return per_area(trial.region, trial.trial.fixations.duration)


def dwell_share(trial: FaceTrial) -> Floats:
    """The dwell on each area as a share of the trial's fixations: `(areas,)`; NaN where there is
    none."""
    times = dwell(trial)
    total = float(times.sum())
    return times / total if total > 0 else np.full(len(AREAS), np.nan)


def density(
    x: Floats, y: Floats, weights: Floats, sigma: float = SIGMA, size: int = SIZE
) -> NDArray[np.float64]:
    """A density `(size, size)` that sums to 1: a Gaussian around each place, of that weight. What
    lies off the square has no part; all NaN where nothing lies on it.

    `x`, `y`: in pixels, the first one from 0 to 1. `sigma`: in pixels.
    """
    middles = np.arange(size) + 0.5
    on = (x >= 0) & (x < size) & (y >= 0) & (y < size) & (weights > 0)
    across = np.exp(-((middles[None] - x[on, None]) ** 2) / (2 * sigma**2))
    down = np.exp(-((middles[None] - y[on, None]) ** 2) / (2 * sigma**2))
    # Each kernel is as heavy as its fixation, also at the edge.
    mass = across.sum(axis=1) * down.sum(axis=1)
    summed: NDArray[np.float64] = (down * (weights[on] / mass)[:, None]).T @ across
    total = float(summed.sum())
    return summed / total if total > 0 else np.full((size, size), np.nan)


def trial_density(trial: FaceTrial, sigma: float = SIGMA) -> NDArray[np.float64]:
    """The density of a trial on the aligned face, fixations by their duration."""
    return density(trial.x, trial.y, trial.trial.fixations.duration, sigma)


def mean_density(trials: Iterable[FaceTrial], sigma: float = SIGMA) -> NDArray[np.float64]:
    """The mean density of readers on the aligned face; it sums to 1."""
    of_reader = reader_means(trials, lambda trial: trial_density(trial, sigma).ravel())
    if not of_reader:
        return np.full((SIZE, SIZE), np.nan)
    mean: NDArray[np.float64] = np.mean([*of_reader.values()], axis=0)
    return mean.reshape(SIZE, SIZE)


def reader_means(trials: Iterable[FaceTrial], measure: Measure) -> dict[str, Floats]:
    """The mean of a measure over each reader's trials; values that are NaN have no part in it."""
    values: dict[str, list[Floats]] = {}
    for one in trials:
        values.setdefault(one.trial.reader, []).append(measure(one))
    return {reader: nan_mean(rows) for reader, rows in values.items()}


def mean_and_interval(of_reader: Mapping[str, Floats]) -> tuple[Floats, Floats, Floats]:
    """The mean over readers of each value, and its 95 % interval by Student's t; NaN for the
    interval where fewer than two readers have a value."""
    from scipy.stats import t

    rows = np.array([*of_reader.values()])
    there = np.isfinite(rows)
    count = there.sum(axis=0)
    mean = nan_mean(rows)
    squares = (np.where(there, rows - np.where(np.isfinite(mean), mean, 0.0), 0.0) ** 2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        half = t.ppf(0.975, count - 1) * np.sqrt(squares / (count - 1) / count)
    half = np.where(count > 1, half, np.nan)
    return mean, mean - half, mean + half


def nan_mean(rows: Sequence[Floats] | NDArray[np.float64]) -> Floats:
    """Means over rows of what is a number; NaN where nothing is."""
    there = np.isfinite(rows)
    count = there.sum(axis=0)
    total = np.where(there, rows, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
