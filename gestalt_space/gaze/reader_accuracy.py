"""How well two groups of readers recognise patients, with readers and cases as random effects."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gestalt_space.counts import counted_text
from gestalt_space.errors import UsageError
from gestalt_space.gaze.reader_study import FEWEST, chosen_two
from gestalt_space.gaze.reader_tables import RATING, Ratings
from gestalt_space.stats.crossed_effects import Effect
from gestalt_space.stats.estimates import Estimate
from gestalt_space.stats.multireader import (
    Method,
    ReaderFigures,
    areas,
    difference,
    mean_figure,
    shares,
)

AREA, SHARE = "area under the ROC curve", "share of right diagnoses"
ALL = ""
"""The ancestry of all cases."""


@dataclass(frozen=True, slots=True)
class AccuracyLine:
    """The figure of a group, or a difference (`is_difference`), for cases of an `ancestry`, empty
    for all. `p`: that a difference is 0; NaN for a figure, and as the interval where readers and
    cases do not vary. `patients`, `others`: cases with and
    without the disorder."""

    group: str
    ancestry: str
    is_difference: bool
    estimate: Estimate
    freedom: float
    p: float
    readers: int
    patients: int
    others: int


@dataclass(frozen=True, slots=True)
class ReaderLine:
    """The figure of one reader, over all cases."""

    reader: str
    group: str
    value: float


@dataclass(frozen=True, slots=True)
class RocPoint:
    """The mean over readers of a group of the shares of other cases and of patients that are rated
    `at_least`."""

    group: str
    at_least: float
    false_positives: float
    true_positives: float


@dataclass(frozen=True)
class ReaderAccuracy:
    """The results. `figure`: what is measured; `method`: of the covariances over cases, empty for
    shares; `skipped`: ancestries that cannot be analysed, and why."""

    figure: str
    method: Method | Literal[""]
    groups: tuple[str, str]
    ancestries: tuple[str, ...]
    lines: tuple[AccuracyLine, ...]
    readers: tuple[ReaderLine, ...]
    curve: tuple[RocPoint, ...]
    left_out: Mapping[str, int]
    skipped: Mapping[str, str]


def accuracy(
    ratings: Ratings,
    *,
    groups: Sequence[str] = (),
    ancestries: Sequence[str] = (),
    method: Method = "delong",
) -> ReaderAccuracy:
    """The figures of both groups and their difference, for all cases and of each ancestry; and how
    much the ancestries differ in each group, and between the groups.

    `groups`, `ancestries`: the two to compare, all where empty. Raises `UsageError` if there are
    not two groups of two readers, or fewer than two cases of a kind.
    """
    two = chosen_two(
        dict(zip(ratings.readers, ratings.groups, strict=True)), groups, "group", "readers"
    )
    ratings, left = _of_groups(ratings, two)
    told = {one for one in ratings.ancestries if one}
    others: tuple[str, ...] = ()
    if ancestries or len(told) > 1:
        others = chosen_two(
            dict(zip(ratings.cases, ratings.ancestries, strict=True)),
            ancestries,
            "ancestry",
            "cases",
        )
    first = np.array([group == two[0] for group in ratings.groups])
    for name, count in ((two[0], int(first.sum())), (two[1], int((~first).sum()))):
        if count < FEWEST:
            raise UsageError(
                f"The group {name} has {counted_text(count, 'reader')} with ratings; two are "
                "needed to compare groups.",
                "Add readers. One reader cannot stand for a group.",
            )
    where = {ALL: np.ones(len(ratings.cases), np.bool_)}
    where |= {one: np.array([is_ == one for is_ in ratings.ancestries]) for one in others}
    if others:
        where[ALL] = where[others[0]] | where[others[1]]
    found: dict[str, ReaderFigures] = {}
    skipped = {}
    for name, chosen in where.items():
        try:
            found[name] = _figures(ratings, chosen, method)
        except ValueError as error:
            if name == ALL:
                raise UsageError(
                    f"The cases are too few: {error}.", "Add cases of both kinds, two at least."
                ) from error
            skipped[name] = str(error)
    lines: list[AccuracyLine] = []
    for name, figures in found.items():
        lines += _lines(figures, first, two, name, ratings, where[name])
    if len(found) == 3:
        gap = found[others[0]].less(found[others[1]])
        lines += _gaps(gap, first, two, others, ratings, where[ALL])
    return ReaderAccuracy(
        figure=AREA if ratings.figure == RATING else SHARE,
        method=method if ratings.figure == RATING else "",
        groups=two,
        ancestries=others,
        lines=tuple(lines),
        readers=tuple(
            ReaderLine(name, group, float(value))
            for name, group, value in zip(
                ratings.readers, ratings.groups, found[ALL].values, strict=True
            )
        ),
        curve=tuple(_curve(ratings, where[ALL], first, two)),
        left_out=left,
        skipped=skipped,
    )


def _figures(ratings: Ratings, chosen: NDArray[np.bool_], method: Method) -> ReaderFigures:
    values = ratings.values[:, chosen]
    return (
        areas(values, ratings.truth[chosen], method) if ratings.figure == RATING else shares(values)
    )


def _of_groups(ratings: Ratings, two: Sequence[str]) -> tuple[Ratings, dict[str, int]]:
    kept = [place for place, group in enumerate(ratings.groups) if group in two]
    left = dict(ratings.left_out)
    if outside := len(ratings.readers) - len(kept):
        left["readers of groups that are not compared"] = outside
    return (
        replace(
            ratings,
            readers=tuple(ratings.readers[place] for place in kept),
            groups=tuple(ratings.groups[place] for place in kept),
            values=ratings.values[kept],
        ),
        left,
    )


def _lines(
    figures: ReaderFigures,
    first: NDArray[np.bool_],
    two: Sequence[str],
    ancestry: str,
    ratings: Ratings,
    chosen: NDArray[np.bool_],
) -> Iterator[AccuracyLine]:
    for group, members in zip(two, (first, ~first), strict=True):
        mean = mean_figure(figures.at(members))
        yield _line(group, ancestry, mean, int(members.sum()), ratings, chosen, is_difference=False)
    gap = difference(figures, first)
    name = " − ".join(two)
    yield _line(name, ancestry, gap, len(figures), ratings, chosen, is_difference=True)


def _gaps(
    gap: ReaderFigures,
    first: NDArray[np.bool_],
    two: Sequence[str],
    others: Sequence[str],
    ratings: Ratings,
    chosen: NDArray[np.bool_],
) -> Iterator[AccuracyLine]:
    """Differences between ancestries, of each group and between them."""
    name = " − ".join(others)
    for group, members in zip(two, (first, ~first), strict=True):
        mean = mean_figure(gap.at(members))
        yield _line(group, name, mean, int(members.sum()), ratings, chosen, is_difference=True)
    both = difference(gap, first)
    yield _line(" − ".join(two), name, both, len(gap), ratings, chosen, is_difference=True)


def _line(
    group: str,
    ancestry: str,
    effect: Effect,
    readers: int,
    ratings: Ratings,
    chosen: NDArray[np.bool_],
    *,
    is_difference: bool,
) -> AccuracyLine:
    estimate = effect.estimate
    if not is_difference:
        low, high = (float(np.clip(end, 0, 1)) for end in (estimate.low, estimate.high))
        estimate = Estimate(estimate.value, low, high)
    patients = int(ratings.truth[chosen].sum())
    return AccuracyLine(
        group,
        ancestry,
        is_difference,
        estimate,
        effect.freedom,
        effect.p if is_difference else math.nan,
        readers,
        patients,
        int(chosen.sum()) - patients,
    )


def _curve(
    ratings: Ratings, chosen: NDArray[np.bool_], first: NDArray[np.bool_], two: Sequence[str]
) -> Iterator[RocPoint]:
    if ratings.figure != RATING:
        return
    values, truth = ratings.values[:, chosen], ratings.truth[chosen]
    for group, members in zip(two, (first, ~first), strict=True):
        for limit in np.unique(values)[::-1]:
            above = values[members] >= limit
            yield RocPoint(
                group, float(limit), float(above[:, ~truth].mean()), float(above[:, truth].mean())
            )
