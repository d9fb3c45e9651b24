"""Accuracy of several readers who rate the same cases, with readers and cases as random effects
(MRMC): the method of Obuchowski and Rockette (1995, doi:10.1080/03610919508813243) with the degrees
of freedom of Hillis (2007, doi:10.1002/sim.2532).

Every reader has a figure, such as the area under the ROC curve, and the figures of two readers
depend on each other because they rate the same cases. How much is estimated over cases, by the
structural components of DeLong (1988) or by the jackknife. A figure may also be the difference of
two of a reader, such as between two kinds of cases: then the comparison is one of the mean of these
differences with 0, which equals the F test of the factorial design.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gestalt_space.stats.crossed_effects import Effect, student
from gestalt_space.stats.estimates import Estimate

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Method: TypeAlias = Literal["delong", "jackknife"]

FEWEST_CASES = 2
"""Cases with the disorder, and without, that a covariance needs."""
_NO_VARIANCE = 1e-24
"""Of a figure between 0 and 1: less is rounding."""


@dataclass(frozen=True)
class ReaderFigures:
    """A figure of each of `r` readers: `values` `(r,)`, and their covariance `(r, r)` over samples
    of cases, for these readers."""

    values: Floats
    covariance: Floats

    def __len__(self) -> int:
        return len(self.values)

    def at(self, readers: Flags | NDArray[np.int64]) -> ReaderFigures:
        """Some of the readers."""
        return ReaderFigures(self.values[readers], self.covariance[readers][:, readers])

    def less(self, other: ReaderFigures) -> ReaderFigures:
        """The differences of each reader between two sets of cases that have none in common."""
        return ReaderFigures(self.values - other.values, self.covariance + other.covariance)


def areas(ratings: Floats, truth: Flags, method: Method = "delong") -> ReaderFigures:
    """The area under the empirical ROC curve of readers, from ratings `(r, c)`, high for cases with
    the disorder, of cases of which `truth` `(c,)` says whether they have it. Raises `ValueError`
    for fewer than two cases of a kind."""
    ill, well = ratings[:, truth], ratings[:, ~truth]
    if min(ill.shape[1], well.shape[1]) < FEWEST_CASES:
        raise ValueError(f"{ill.shape[1]} cases with and {well.shape[1]} without the disorder")
    above = (ill[:, :, None] > well[:, None, :]) + 0.5 * (ill[:, :, None] == well[:, None, :])
    of_ill, of_well = above.mean(axis=2), above.mean(axis=1)
    values = of_ill.mean(axis=1)
    m, n = of_ill.shape[1], of_well.shape[1]
    if method == "delong":
        return ReaderFigures(values, _covariance(of_ill) / m + _covariance(of_well) / n)
    # Without a case, the area is the mean over the others: of its own kind, or of their components.
    without = np.concatenate(
        [
            (m * values[:, None] - of_ill) / (m - 1),
            (n * values[:, None] - of_well) / (n - 1),
        ],
        axis=1,
    )
    count = m + n
    return ReaderFigures(values, _covariance(without) * (count - 1) ** 2 / count)


def shares(correct: Floats) -> ReaderFigures:
    """The share of correct answers of readers, from `(r, c)` of 0 and 1. Raises `ValueError` for
    fewer than two cases."""
    if correct.shape[1] < FEWEST_CASES:
        raise ValueError(f"{correct.shape[1]} cases")
    return ReaderFigures(correct.mean(axis=1), _covariance(correct) / correct.shape[1])


def mean_figure(figures: ReaderFigures) -> Effect:
    """The mean over readers, for other readers and other cases. Raises `ValueError` for one
    reader."""
    within, free = _between(figures)
    return _test(float(figures.values.mean()), [(within, free)], _shared(figures), len(figures) - 1)


def difference(figures: ReaderFigures, first: Flags) -> Effect:
    """The mean over the readers of the first group less that of the others; all rate the same
    cases (Hillis 2014, doi:10.1002/sim.5926, for readers nested in a group). The groups may vary
    unequally. Raises `ValueError` for a group of one reader."""
    one, other = figures.at(first), figures.at(~first)
    across = float(figures.covariance[first][:, ~first].mean())
    value = float(one.values.mean() - other.values.mean())
    shared = _shared(one) + _shared(other) - 2 * across
    return _test(value, [_between(one), _between(other)], shared, len(figures) - 2)


def _test(value: float, within: list[tuple[float, float]], shared: float, least: int) -> Effect:
    """`within`: variance of a mean over readers by their mean square, and its degrees of freedom;
    `shared`: what the cases add, at least 0. Readers who are all alike, as all who are always
    right, do not say how far others would be from them: no interval, and no p."""
    readers = sum(part for part, _ in within)
    variance = readers + max(shared, 0.0)
    if variance < _NO_VARIANCE:
        return Effect(Estimate(value, math.nan, math.nan), 0.0, float(max(least, 1)), math.nan)
    doubt = sum(part**2 / free for part, free in within)
    freedom = variance**2 / doubt if doubt > 0 else float(max(least, 1))
    return student(value, variance**0.5, freedom)


def _between(figures: ReaderFigures) -> tuple[float, float]:
    count = len(figures)
    if count < 2:
        raise ValueError(f"{count} reader")
    return float(figures.values.var(ddof=1)) / count, count - 1.0


def _shared(figures: ReaderFigures) -> float:
    """The mean covariance of two different readers."""
    count = len(figures)
    whole, own = float(figures.covariance.sum()), float(np.trace(figures.covariance))
    return (whole - own) / (count * (count - 1))


def _covariance(rows: Floats) -> Floats:
    return np.atleast_2d(np.cov(rows))
