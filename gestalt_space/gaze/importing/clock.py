"""The clock of a tracker: how often it samples, and where it goes back."""

from __future__ import annotations

import numpy as np

from gestalt_space.gaze.types import Floats

_JITTER = 1.5
"""Steps of so many usual ones are gaps."""


def usual_step(time: Floats) -> float:
    """Seconds from one sample to the next, without gaps; 0 where there is no step. A mean: times
    in whole milliseconds have steps of 8 and 9 at 120 samples a second."""
    steps = np.diff(time)
    steps = steps[steps > 0]
    if not len(steps):
        return 0.0
    return float(steps[steps < _JITTER * np.median(steps)].mean())


def rising(time: Floats) -> tuple[list[tuple[float, float]], Floats]:
    """A time that never goes back: what follows a jump is moved behind it by a usual step. Each
    jump with its moment and by how many seconds the clock went back."""
    steps = np.diff(time)
    back = np.flatnonzero(steps < 0)
    if not len(back):
        return [], time
    usual = usual_step(time)
    moved = steps.copy()
    moved[back] = usual
    new = time[0] + np.concatenate([[0.0], np.cumsum(moved)])
    return [(float(new[at] + usual / 2), float(-steps[at])) for at in back], new
