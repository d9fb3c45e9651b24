"""When readers look where: the first look at an area, the order of areas, the course of a trial,
and the ways from one area to the next."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from gestalt_space.gaze.areas import AREAS, first_in_area
from gestalt_space.gaze.trials import FaceTrial
from gestalt_space.gaze.types import Floats

BIN = 0.25
"""Seconds of a bin of the time course."""


def first_fixation(trial: FaceTrial) -> Floats:
    """Seconds from the medium's onset to the first fixation on each area: `(areas,)`; NaN where
    there is none."""
    first = first_in_area(trial.region)
    start = trial.trial.fixations.start
    times = np.full(len(AREAS), np.nan)
    times[first >= 0] = start[first[first >= 0]]
    return times


def order(trial: FaceTrial) -> Floats:
    """The place of each area in the order of first looks, from 1: `(areas,)`; NaN where it was not
    looked at."""
    first = first_in_area(trial.region)
    places = np.full(len(AREAS), np.nan)
    seen = np.flatnonzero(first >= 0)
    places[seen[np.argsort(first[seen])]] = np.arange(1, len(seen) + 1)
    return places


def time_course(trial: FaceTrial, bins: int, width: float = BIN) -> Floats:
    """Shares of each bin that the reader looked at each area, `(bins, areas)`. They sum to less
    than 1 where the gaze jumped, was lost or off the photo; bins that the medium was not shown to
    the end of are NaN."""
    edges = np.arange(bins + 1) * width
    fixations = trial.trial.fixations
    start, end = fixations.start[:, None], (fixations.start + fixations.duration)[:, None]
    overlap = np.minimum(end, edges[None, 1:]) - np.maximum(start, edges[None, :-1])
    overlap = np.maximum(overlap, 0.0) / width
    course = np.zeros((bins, len(AREAS)))
    np.add.at(course.T, trial.region, overlap)
    course[edges[1:] > trial.trial.duration + width / 100] = np.nan
    return course


def transitions(trial: FaceTrial) -> NDArray[np.float64]:
    """How often a fixation on one area (row) was followed by one on another (column), `(areas,
    areas)`; one that stays on its area is on the diagonal."""
    counts = np.zeros((len(AREAS), len(AREAS)))
    np.add.at(counts, (trial.region[:-1], trial.region[1:]), 1.0)
    return counts


def transition_shares(trials: Iterable[FaceTrial]) -> dict[str, Floats]:
    """Of each reader, the shares of the ways that led from an area to each other one, over all of
    their trials, without those that stay: `(areas × areas,)`; NaN for areas that no way led from.
    """
    counts: dict[str, NDArray[np.float64]] = {}
    for one in trials:
        found = transitions(one)
        np.fill_diagonal(found, 0.0)
        reader = one.trial.reader
        counts[reader] = counts[reader] + found if reader in counts else found
    shares = {}
    for reader, found in counts.items():
        total = found.sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            shares[reader] = np.where(total > 0, found / np.maximum(total, 1), np.nan).ravel()
    return shares
