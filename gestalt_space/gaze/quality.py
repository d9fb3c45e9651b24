"""How good the gaze of a trial is, and which trials and readers are left out for it.

Loss, precision and accuracy as in Holmqvist (2012), doi:10.1145/2168556.2168563.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from gestalt_space.counts import counted_text
from gestalt_space.gaze.importing.export import LeftOut
from gestalt_space.gaze.placement import in_photo, to_photo
from gestalt_space.gaze.types import Fixations, Floats, Placement, Recording, Samples

TOO_FEW = "no fixation on the photo"


@dataclass(frozen=True, slots=True)
class Quality:
    """The gaze of one trial. `loss`: share of the samples that were to be expected and are not
    there; `rms`: root mean square of the steps from sample to sample, `sd`: standard deviation, in
    pixels of the screen, medians over fixations; `outside`: share of the gaze off the photo. NaN
    where it cannot be known: without samples there is no loss and no precision."""

    loss: float
    rms: float
    sd: float
    outside: float


@dataclass(frozen=True, slots=True)
class Rules:
    """When a trial or a reader is left out. `max_loss`: of a trial; `max_outside`: share of a
    trial's gaze off the photo; `max_excluded`: share of a reader's trials that are left out."""

    max_loss: float = 0.4
    max_outside: float = 0.5
    max_excluded: float = 0.5

    def __str__(self) -> str:
        return (
            f"Trials with more than {self.max_loss:.0%} of the samples lost, more than "
            f"{self.max_outside:.0%} of the gaze off the photo, or no fixation on it; readers with "
            f"more than {self.max_excluded:.0%} of their trials left out."
        )


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How far gaze was from a target that was shown, in pixels of the screen: the distance of the
    median of the samples, and its direction to the right and down."""

    reader: str
    recording: str
    target: str
    distance: float
    right: float
    down: float


def trial_quality(
    recording: Recording, fixations: Fixations, onset: float, offset: float, placement: Placement
) -> Quality:
    """The quality from `onset` to `offset`. `fixations`: on the screen, in the recording's time."""
    samples = recording.samples
    if samples is None or not recording.rate:
        return Quality(
            math.nan, math.nan, math.nan, _time_outside(fixations, onset, offset, placement)
        )
    first, end = np.searchsorted(samples.time, [onset, offset])
    valid = samples.valid[first:end]
    expected = max(round((offset - onset) * recording.rate), end - first, 1)
    x, y = to_photo(placement, samples.x[first:end][valid], samples.y[first:end][valid])
    outside = 1 - float(in_photo(placement, x, y).mean()) if len(x) else math.nan
    rms, sd = _precision(samples, fixations, onset, offset)
    return Quality(1 - float(valid.sum()) / expected, rms, sd, outside)


def why_left_out(quality: Quality, fixations: int, rules: Rules) -> str:
    """Why a trial is left out; empty where it is used. `fixations`: on the photo."""
    if quality.loss > rules.max_loss:
        return f"{quality.loss:.0%} of the samples are lost"
    if quality.outside > rules.max_outside:
        return f"{quality.outside:.0%} of the gaze is off the photo"
    return "" if fixations else TOO_FEW


def readers_left_out(
    used: Iterable[str], left_out: Sequence[LeftOut], rules: Rules
) -> dict[str, str]:
    """Readers of whom too little is left, with the reason. `used`: the reader of each trial that is
    used; `left_out`: trials that are not."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for reader in used:
        counts[reader][0] += 1
    for one in left_out:
        counts[one.reader][1] += bool(one.medium)
    return {
        reader: f"{left} of {counted_text(kept + left, 'trial')} left out"
        for reader, (kept, left) in counts.items()
        if left > rules.max_excluded * (kept + left)
    }


def accuracy(
    recording: Recording, target: str, onset: float, offset: float, x: float, y: float
) -> Accuracy | None:
    """How far gaze was from a target at `x`, `y` on the screen; None without a sample."""
    samples = recording.samples
    if samples is None:
        return None
    first, end = np.searchsorted(samples.time, [onset, offset])
    valid = samples.valid[first:end]
    if not valid.any():
        return None
    right = float(np.median(samples.x[first:end][valid])) - x
    down = float(np.median(samples.y[first:end][valid])) - y
    return Accuracy(recording.reader, recording.name, target, math.hypot(right, down), right, down)


def _precision(
    samples: Samples, fixations: Fixations, onset: float, offset: float
) -> tuple[float, float]:
    """Medians over fixations of the root mean square from sample to sample, and of the standard
    deviation: the distance from the centre."""
    steps, spreads = [], []
    inside = (fixations.start >= onset) & (fixations.start < offset)
    for start, length in zip(fixations.start[inside], fixations.duration[inside], strict=True):
        first, end = np.searchsorted(samples.time, [start, start + length])
        valid = samples.valid[first:end]
        x, y = samples.x[first:end][valid], samples.y[first:end][valid]
        if len(x) > 2:
            steps.append(math.sqrt(float(np.mean(np.diff(x) ** 2 + np.diff(y) ** 2))))
            spreads.append(math.sqrt(float(np.var(x) + np.var(y))))
    return _median(steps), _median(spreads)


def _time_outside(fixations: Fixations, onset: float, offset: float, placement: Placement) -> float:
    inside = (fixations.start >= onset) & (fixations.start < offset)
    weights: Floats = fixations.duration[inside]
    if not weights.sum() > 0:
        return math.nan
    x, y = to_photo(placement, fixations.x[inside], fixations.y[inside])
    return 1 - float(np.average(in_photo(placement, x, y), weights=weights))


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else math.nan
