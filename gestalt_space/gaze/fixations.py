"""Fixations in samples: by dispersion (I-DT) or by velocity (I-VT) of Salvucci and Goldberg (2000),
doi:10.1145/355017.355028, or as the stretches between jumps that fit best (`segments`).

The first two break fixations apart where gaze is noisy, as published. So gaze is smoothed before,
and neighbours that lie close are joined after; with `UNSMOOTHED` neither is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from gestalt_space.errors import UsageError
from gestalt_space.gaze.segments import JUMP, PENALTY, Limits, noise_level, still_stretches
from gestalt_space.gaze.types import Fixations, Flags, Floats, Samples

Method: TypeAlias = Literal["dispersion", "velocity", "segments"]
METHODS: tuple[Method, ...] = ("dispersion", "velocity", "segments")
JOINED: Mapping[Method, float] = {"dispersion": 50.0, "velocity": 50.0, "segments": 25.0}
"""How far apart the centres of neighbours are at most that are joined, in pixels of the screen."""
_NAMES: Mapping[Method, str] = {"dispersion": "I-DT", "velocity": "I-VT", "segments": "Segments"}
_RATE = 120.0
"""Samples a second that stretches are found in; more of them are averaged."""
_LONGEST, _JUMP = 2.0, 0.08
"""Seconds of a stretch, of which neighbours are joined, and of a jump."""
_BLOCK = 64
"""Samples that are looked at at once for the end of a fixation, at first."""


@dataclass(frozen=True, slots=True)
class FixationPlan:
    """How fixations are found. Seconds, and pixels of the screen.

    `min_duration`: the shortest fixation. `dispersion`: side of the square that holds all samples
    of a fixation (dispersion). `velocity`: degrees a second from which on the gaze jumps;
    `pixels_per_degree`: of visual angle, which velocities need (velocity). `smoothing`: length of
    the moving median; `slope`: of the line that a velocity is the slope of. `max_gap`: longest gap
    that is filled with a line, and that joined neighbours are apart; `merge_distance`: how far
    apart their centres are at most, None for that of the method.
    """

    method: Method = "dispersion"
    min_duration: float = 0.066
    dispersion: float = 100.0
    velocity: float = 40.0
    pixels_per_degree: float | None = None
    smoothing: float = 0.04
    slope: float = 0.09
    max_gap: float = 0.075
    merge_distance: float | None = None

    @property
    def joined_within(self) -> float:
        """How far apart the centres of neighbours are at most that are joined."""
        return JOINED[self.method] if self.merge_distance is None else self.merge_distance

    def __str__(self) -> str:
        how = {
            "dispersion": f" within {self.dispersion:g} pixels",
            "velocity": f" slower than {self.velocity:g}°/s over {1000 * self.slope:g} ms, "
            f"{self.pixels_per_degree or 0:g} pixels per degree",
            "segments": f", penalty {PENALTY:g}, {JUMP:g} per sample of a saccade",
        }
        smoothing = f"; median over {1000 * self.smoothing:g} ms"
        return (
            f"{_NAMES[self.method]}: at least {1000 * self.min_duration:g} ms{how[self.method]}"
            f"{'' if self.method == 'segments' else smoothing}; gaps up to "
            f"{1000 * self.max_gap:g} ms filled, and neighbours up to {self.joined_within:g} "
            "pixels apart joined"
        )


UNSMOOTHED = FixationPlan(smoothing=0.0, merge_distance=0.0)
"""I-DT as published."""


def find_fixations(samples: Samples, rate: float, plan: FixationPlan) -> Fixations:
    """Fixations in the order of time, in pixels of the screen. A fixation lasts from its first
    sample to one sample after its last; its centre is the mean of its samples, unsmoothed.

    `rate`: samples a second. Raises `UsageError` for velocities without pixels per degree.
    """
    if plan.method == "velocity" and not plan.pixels_per_degree:
        raise UsageError(
            "Velocities need the pixels per degree of visual angle.",
            "Give --pixels-per-degree, or find fixations by dispersion.",
        )
    x, y = filled(samples, plan.max_gap)
    time, seen = samples.time, samples.valid & np.isfinite(samples.x) & np.isfinite(samples.y)
    pieces = [*_pieces(time, np.isfinite(x), plan.max_gap)]
    found = [
        (start + first, start + end)
        for start, stop in pieces
        for first, end in _candidates(x[start:stop], y[start:stop], rate, plan)
    ]
    if plan.method == "segments":
        found = _stretches(x, y, seen, rate, pieces, found, plan)
    centres = _Centres(samples, seen)
    joined: list[tuple[int, int]] = []
    for first, end in found:
        if joined and _belongs(joined[-1], (first, end), time, centres, plan):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((first, end))
    interval = 1 / rate
    kept = [
        (first, end)
        for first, end in joined
        if time[end - 1] - time[first] + interval >= plan.min_duration - interval / 2
    ]
    start = np.array([time[first] for first, _ in kept], np.float64)
    stop = np.array([time[end - 1] + interval for _, end in kept], np.float64)
    centre = np.array([centres.of(first, end) for first, end in kept], np.float64).reshape(-1, 2)
    return Fixations(start, stop - start, centre[:, 0], centre[:, 1])


def filled(samples: Samples, max_gap: float) -> tuple[Floats, Floats]:
    """Coordinates with a line over each gap that is no longer than `max_gap`, NaN in others."""
    seen = samples.valid & np.isfinite(samples.x) & np.isfinite(samples.y)
    x, y = (np.where(seen, one, np.nan) for one in (samples.x, samples.y))
    known = np.flatnonzero(seen)
    if not len(known):
        return x, y
    lost = np.flatnonzero(~seen)
    after = np.searchsorted(known, lost)
    inside = (after > 0) & (after < len(known))
    lost, after = lost[inside], after[inside]
    short = samples.time[known[after]] - samples.time[known[after - 1]] <= max_gap
    lost = lost[short]
    for one in (x, y):
        one[lost] = np.interp(samples.time[lost], samples.time[known], one[known])
    return x, y


class _Centres:
    """Means of samples between two of them, from running sums."""

    def __init__(self, samples: Samples, seen: Flags) -> None:
        weights = [np.where(seen, one, 0.0) for one in (samples.x, samples.y)]
        self._sums = [np.concatenate([[0.0], np.cumsum(one)]) for one in weights]
        self._counts = np.concatenate([[0], np.cumsum(seen)])

    def of(self, first: int, end: int) -> tuple[float, float]:
        count = max(int(self._counts[end] - self._counts[first]), 1)
        x, y = (float(one[end] - one[first]) / count for one in self._sums)
        return x, y


def _belongs(
    before: tuple[int, int],
    after: tuple[int, int],
    time: Floats,
    centres: _Centres,
    plan: FixationPlan,
) -> bool:
    if not plan.joined_within or time[after[0]] - time[before[1] - 1] > plan.max_gap:
        return False
    (x0, y0), (x1, y1) = centres.of(*before), centres.of(*after)
    return float(np.hypot(x1 - x0, y1 - y0)) <= plan.joined_within


def _pieces(time: Floats, there: Flags, max_gap: float) -> Iterator[tuple[int, int]]:
    """Where gaze goes on without a gap: from one sample to before another."""
    place = np.flatnonzero(there)
    if not len(place):
        return
    broken = (np.diff(place) > 1) | (np.diff(time[place]) > max_gap)
    cut = np.flatnonzero(broken)
    starts = np.concatenate([[place[0]], place[cut + 1]])
    stops = np.concatenate([place[cut] + 1, [place[-1] + 1]])
    yield from zip(map(int, starts), map(int, stops), strict=True)


def _candidates(x: Floats, y: Floats, rate: float, plan: FixationPlan) -> Iterator[tuple[int, int]]:
    window = _odd(plan.smoothing * rate)
    if window > 1 and len(x) > 1:
        from scipy.ndimage import median_filter

        x, y = (median_filter(one, window, mode="nearest") for one in (x, y))
    if plan.method == "velocity":
        return _by_velocity(x, y, rate, plan)
    least = max(2, int(np.ceil(plan.min_duration * rate - 1e-6)))
    return _by_dispersion(x, y, least, plan.dispersion)


def _stretches(
    x: Floats,
    y: Floats,
    seen: Flags,
    rate: float,
    pieces: Sequence[tuple[int, int]],
    still: Sequence[tuple[int, int]],
    plan: FixationPlan,
) -> list[tuple[int, int]]:
    """Stretches between jumps. `still`: fixations by dispersion, which tell the noise."""
    every = max(1, round(rate / _RATE))
    rate = rate / every
    least = max(2, int(np.ceil(plan.min_duration * rate - 1e-6)))
    limits = Limits(least, round(_LONGEST * rate), max(1, round(_JUMP * rate)))
    found: list[tuple[int, int]] = []
    averaged = [
        [_averaged(one[start:stop], every) for one in (x, y, seen)] for start, stop in pieces
    ]
    if not averaged:
        return found
    places = np.concatenate(
        [
            np.arange(start, start + every * len(one[0]), every)
            for (start, _), one in zip(pieces, averaged, strict=True)
        ]
    )
    across, down = (np.concatenate([one[axis] for one in averaged]) for axis in (0, 1))
    known = [np.searchsorted(places, one).tolist() for one in still]
    noise = noise_level(across, down, [(a, b) for a, b in known if b - a >= 2 * least])
    for (start, _), (x, y, there) in zip(pieces, averaged, strict=True):
        for first, end in still_stretches(x, y, there > 0, noise, limits):
            found.append((start + first * every, start + end * every))
    return found


def _averaged(values: NDArray[Any], every: int) -> Floats:
    """Means of so many samples each; what is left at the end is left out."""
    if every == 1:
        return values.astype(np.float64)
    whole = values[: len(values) // every * every].astype(np.float64)
    means: Floats = whole.reshape(-1, every).mean(axis=1)
    return means


def _by_dispersion(
    x: Floats, y: Floats, least: int, dispersion: float
) -> Iterator[tuple[int, int]]:
    """Windows of at least that many samples that fit into a square, each as long as possible."""
    if len(x) < least:
        return
    extents = [np.ptp(sliding_window_view(one, least), axis=1) for one in (x, y)]
    begins = np.flatnonzero(np.maximum(*extents) <= dispersion)
    at = 0
    while (number := int(np.searchsorted(begins, at))) < len(begins):
        first = int(begins[number])
        at = first + _length(x[first:], y[first:], dispersion)
        yield first, at


def _length(x: Floats, y: Floats, dispersion: float) -> int:
    """How many samples from the first on fit into a square."""
    block = _BLOCK
    while True:
        extents = [
            np.maximum.accumulate(one[:block]) - np.minimum.accumulate(one[:block])
            for one in (x, y)
        ]
        fit = int(np.searchsorted(np.maximum(*extents), dispersion, side="right"))
        if fit < block or block >= len(x):
            return fit
        block *= 4


def _by_velocity(
    x: Floats, y: Floats, rate: float, plan: FixationPlan
) -> Iterator[tuple[int, int]]:
    """Runs of samples that are slower than the limit, and half as long as a fixation."""
    ivt = _ivt()
    if len(x) < 2:
        return
    scale = rate / (plan.pixels_per_degree or 1.0)
    window = max(3, _odd(plan.slope * rate))
    velocities = np.column_stack([_slope(one, window) * scale for one in (x, y)])
    least = max(1, round(plan.min_duration * rate / 2) - 1)
    events = ivt(velocities, minimum_duration=least, velocity_threshold=plan.velocity).frame
    for first, last in zip(events["onset"].to_list(), events["offset"].to_list(), strict=True):
        yield int(first), int(last) + 1


def _slope(values: Floats, window: int) -> Floats:
    """The slope of the line through `window` samples around each one, a sample."""
    from scipy.ndimage import correlate1d

    weights = np.arange(window) - (window - 1) / 2
    weights /= (weights**2).sum()
    return np.asarray(correlate1d(values, weights, mode="nearest"), np.float64)


def _odd(length: float) -> int:
    return 2 * round((length - 1) / 2) + 1 if length > 1 else 1


def _ivt() -> Any:
    try:
        from pymovements.events import ivt
    except ModuleNotFoundError as error:
        raise UsageError(
            "Fixations by velocity need the package pymovements.",
            "Run `pip install 'gestalt-space[gaze]'`, or find fixations by dispersion.",
        ) from error
    return ivt
