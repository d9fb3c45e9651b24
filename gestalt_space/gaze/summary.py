"""Where and when readers looked, in one record: means over readers with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.gaze.areas import AREAS
from gestalt_space.gaze.trials import FaceTrial
from gestalt_space.gaze.types import Floats
from gestalt_space.gaze.when import BIN, first_fixation, order, time_course, transition_shares
from gestalt_space.gaze.where import dwell, dwell_share, mean_and_interval, reader_means

LONGEST = 60.0
"""Seconds of a trial that the time course has at most."""


@dataclass(frozen=True, slots=True)
class Estimates:
    """Means over readers and their 95 % intervals, of one shape; NaN where there is none."""

    mean: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True)
class Summary:
    """`dwell`, `share`, `looked`, `first`, `order`: `(areas,)`; `course`: `(bins, areas)`;
    `transitions`: `(areas, areas)`, from row to column."""

    readers: int
    media: int
    trials: int
    fixations: int
    dwell: Estimates
    share: Estimates
    looked: Estimates
    first: Estimates
    order: Estimates
    course: Estimates
    transitions: Estimates


def summarise(trials: Sequence[FaceTrial]) -> Summary:
    """The means over the trials of each reader, and over readers."""
    shown = max((one.trial.duration for one in trials), default=0.0)
    bins = max(1, int(min(shown, LONGEST) / BIN + 1e-6))

    def estimates(of_reader: dict[str, Floats], *shape: int) -> Estimates:
        found = mean_and_interval(of_reader)
        return Estimates(*(one.reshape(shape) if shape else one for one in found))

    return Summary(
        readers=len({one.trial.reader for one in trials}),
        media=len({one.trial.medium for one in trials}),
        trials=len(trials),
        fixations=sum(len(one.trial.fixations) for one in trials),
        dwell=estimates(reader_means(trials, dwell)),
        share=estimates(reader_means(trials, dwell_share)),
        looked=estimates(reader_means(trials, lambda one: (dwell(one) > 0).astype(np.float64))),
        first=estimates(reader_means(trials, first_fixation)),
        order=estimates(reader_means(trials, order)),
        course=estimates(
            reader_means(trials, lambda one: time_course(one, bins).ravel()), bins, len(AREAS)
        ),
        transitions=estimates(transition_shares(trials), len(AREAS), len(AREAS)),
    )


def by_trial(trials: Sequence[FaceTrial]) -> list[tuple[str, str, NDArray[np.float64]]]:
    """Reader, medium, and per area `(areas, 5)`: seconds of dwell, its share, the number of
    fixations, seconds to the first one, its place in the order. Where a reader saw a medium more
    than once, the mean."""
    found: dict[tuple[str, str], list[FaceTrial]] = {}
    for one in trials:
        found.setdefault((one.trial.reader, one.trial.medium), []).append(one)
    rows = []
    for (reader, medium), seen in found.items():
        parts = [
            reader_means(seen, measure)[reader]
            for measure in (dwell, dwell_share, _counts, first_fixation, order)
        ]
        rows.append((reader, medium, np.column_stack(parts)))
    return rows


def _counts(trial: FaceTrial) -> Floats:
    return np.bincount(trial.region, minlength=len(AREAS)).astype(np.float64)
