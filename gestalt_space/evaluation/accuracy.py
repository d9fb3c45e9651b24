"""Accuracy of rankings: top-k and ranks of the true disorders, over cases and over disorders, with
confidence intervals.

There are two kinds of interval. `REFITTED` intervals are for the mean accuracy of galleries with
the same disorders and number of patients, if all families are redrawn; ranks are recomputed without
each unit. `CONDITIONAL` intervals resample the tested patients and keep all ranks: they hold for
other patients tested against this gallery, and are too narrow for other galleries. Mean and median
ranks have none: if most patients are found at rank 1, no interval that was tried has its nominal
coverage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gestalt_space.evaluation.deletions import Deletions
from gestalt_space.evaluation.topk import TOPS, even_over_groups, hits_of
from gestalt_space.evaluation.units import Units
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.stats.estimates import Estimate
from gestalt_space.stats.jackknife import Effects, share_interval, variance
from gestalt_space.stats.resampling import Bootstrap, estimate

Interval = Literal["refitted", "conditional"]
REFITTED: Interval = "refitted"
CONDITIONAL: Interval = "conditional"


@dataclass(frozen=True)
class Accuracy:
    """The accuracy of the ranks of some cases.

    `top`: by k, the share, 0..1, of cases whose true disorder is among the first k, with equal
    weights for cases. `top_of_disorders`: the unweighted mean of this share over disorders (Hsieh
    2022). `interval`: the kind of all intervals.
    """

    cases: int
    patients: int
    disorders: int
    top: Mapping[int, Estimate]
    top_of_disorders: Mapping[int, Estimate]
    mean_rank: float
    median_rank: float
    interval: Interval = CONDITIONAL


def measure_accuracy(
    ranks: Sequence[Numbers],
    patients: Numbers,
    groups: Numbers,
    bootstrap: Bootstrap,
    *,
    clusters: Numbers | None = None,
) -> list[Accuracy]:
    """The accuracy of one or more rankings of the same cases, with the same resampling.

    `ranks`: each `(c,)`, from 1. `patients` and `groups` `(c,)`: the patients and true groups of
    the cases. `clusters` `(c,)`: what is resampled together, such as families; by default patients.
    """
    order = np.argsort(groups, kind="stable")
    drawn = patients if clusters is None else clusters
    owners, place = np.unique(drawn[order], return_inverse=True)
    ordered = [one[order] for one in ranks]
    table = _Table.of(ordered, groups[order])
    values = table.figures(np.ones((1, len(order)), dtype=np.float32))[0]
    replicates = np.concatenate(
        [table.figures(weights[:, place]) for weights in bootstrap.weights(len(owners))]
    )
    return [
        _accuracy(
            values[number],
            replicates[:, number],
            ranks[number],
            len(np.unique(patients)),
            table.disorders,
        )
        for number in range(len(ranks))
    ]


def measure_refitted(
    ranks: Numbers, patients: Numbers, groups: Numbers, units: Units, deletions: Deletions
) -> Accuracy:
    """The accuracy of one ranking of cases `(c,)`, given as for `measure_accuracy`, with intervals
    for other families with the same disorders."""
    cases, many = len(ranks), len(TOPS)
    owners = units.of_patient[patients]
    even, by_disorder = np.full(cases, 1 / cases), even_over_groups(groups)
    weights = np.column_stack([*[even] * many, *[by_disorder] * many])

    def judged(some: Numbers) -> NDArray[np.float64]:
        return np.tile(hits_of(some), 2).astype(np.float64)

    values = judged(ranks)
    figures = np.einsum("cf,cf->f", weights, values)
    own, weight = np.zeros((2, len(units.strata), weights.shape[1]))
    np.add.at(own, owners, weights * values)
    np.add.at(weight, owners, weights)
    changed = judged(deletions.ranks)
    # A case that cannot be tested any more takes the mean with it.
    changed[deletions.ranks == 0] = figures
    lost = weights[deletions.cases] * (values[deletions.cases] - changed)
    pairs = np.stack([owners[deletions.cases], deletions.units], axis=1)
    found, degrees = variance(Effects(own, weight, pairs, lost), units.strata)
    tested = len(np.unique(owners))
    spreads = zip(figures.tolist(), found.tolist(), degrees.tolist(), strict=True)
    shares = [share_interval(*one, tested) for one in spreads]
    return Accuracy(
        cases=cases,
        patients=len(np.unique(patients)),
        disorders=len(np.unique(groups)),
        top=dict(zip(TOPS, shares[:many], strict=True)),
        top_of_disorders=dict(zip(TOPS, shares[many:], strict=True)),
        mean_rank=float(ranks.mean()),
        median_rank=float(np.median(ranks)),
        interval=REFITTED,
    )


@dataclass(frozen=True)
class _Table:
    """What is summed over cases `(c,)`, which are sorted by group.

    `columns` `(c, m)`: the hits of each ranking, and a 1 at the end.
    """

    columns: NDArray[np.float32]
    starts: Numbers

    @classmethod
    def of(cls, ranks: Sequence[Numbers], groups: Numbers) -> _Table:
        columns = np.column_stack([*map(hits_of, ranks), np.ones(len(groups))])
        starts = np.flatnonzero(np.diff(groups, prepend=groups[:1] - 1))
        return cls(columns.astype(np.float32), starts)

    @property
    def disorders(self) -> int:
        """The number of groups."""
        return len(self.starts)

    def figures(self, weights: NDArray[np.float32]) -> NDArray[np.float64]:
        """For cases with weights `(b, c)`: `(b, rankings, 2 · TOPS)`, top-k over cases, then over
        disorders."""
        draws, many = len(weights), (self.columns.shape[1] - 1) // len(TOPS)
        sums = np.zeros((draws, self.columns.shape[1]))
        shares = np.zeros((draws, self.columns.shape[1] - 1))
        seen = np.zeros((draws, 1))
        stops = np.append(self.starts[1:], len(self.columns))
        for start, stop in zip(self.starts, stops, strict=True):
            found = (weights[:, start:stop] @ self.columns[start:stop]).astype(np.float64)
            sums += found
            shares += found[:, :-1] / np.maximum(found[:, -1:], 1)
            seen += found[:, -1:] > 0
        over_cases = (sums[:, :-1] / sums[:, -1:]).reshape(draws, many, len(TOPS))
        over_groups = (shares / seen).reshape(draws, many, len(TOPS))
        return np.concatenate([over_cases, over_groups], axis=2)


def _accuracy(
    values: NDArray[np.float64],
    replicates: NDArray[np.float64],
    ranks: Numbers,
    patients: int,
    disorders: int,
) -> Accuracy:
    found = [
        estimate(float(value), column) for value, column in zip(values, replicates.T, strict=True)
    ]
    many = len(TOPS)
    return Accuracy(
        cases=len(ranks),
        patients=patients,
        disorders=disorders,
        top=dict(zip(TOPS, found[:many], strict=True)),
        top_of_disorders=dict(zip(TOPS, found[many:], strict=True)),
        mean_rank=float(ranks.mean()),
        median_rank=float(np.median(ranks)),
    )
