"""Tests and estimates for two groups of families, overall and disorder by disorder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gestalt_space.cohort.compared_units import ComparedUnits
from gestalt_space.progress import Stages
from gestalt_space.stats.adjustment import false_discovery_rates
from gestalt_space.stats.design import least_p, require_labellings
from gestalt_space.stats.estimates import Estimate, Finding
from gestalt_space.stats.two_group_intervals import shift_intervals, spread_ratio
from gestalt_space.stats.two_group_shuffles import own_shift_p, shift_p
from gestalt_space.stats.two_groups import (
    Floats,
    Members,
    Numbers,
    group_moments,
    own_shift,
    reduce_dimensions,
    two_rows,
)

LEVEL = 0.05
"""The level that a p-value must be able to reach."""
FEWEST_FOR_INTERVALS = 5
"""Families of a disorder in each group: intervals of fewer were found far too wide."""
FEWEST_OVERALL = 3
"""Likewise, of the disorders that an overall interval is of: one family is left out, and two must
be left."""
FEWEST_DISORDERS = 3
"""To tell a common shift from one of a disorder: two shifts lie alike about their middle."""
LARGEST_COMMON = 1.2
"""Of a shift common to all disorders, times the mean of n·m/(n + m) over them. Unit vectors do not
add up; what a larger one leaves, against what chance gives, was taken for shifts of single
disorders in 7 to 8 of 100 cohorts."""

SHIFT = "1 - cosine of the mean faces of A and B"
COMMON = "half the squared length of the shift shared by all disorders"
OWN = "1 - correlation of the distances between disorders in A and in B"
OWN_ONE = "half the squared shift beyond the mean of the other disorders"
SPREAD = "spread of B over spread of A"
WITHHELD = "not tested: too few permutations of the labels"
FEW_DISORDERS = f"not tested: fewer than {FEWEST_DISORDERS} disorders"
LARGE_COMMON = "not tested: the shared shift is too large to remove"
FEW_UNITS = "not reported: too few patients with a disorder in a group"


@dataclass(frozen=True)
class GroupTests:
    """Over all disorders. `shift`: the distance of the mean faces; `common`: the part that all
    disorders share; `own`: the part that they do not share; `spread`: how much more patients of B
    vary than those of A."""

    shift: Finding
    common: Finding
    own: Finding
    spread: Finding

    @property
    def findings(self) -> list[Finding]:
        """In this order."""
        return [self.shift, self.common, self.own, self.spread]


@dataclass(frozen=True)
class DisorderTests:
    """For one disorder. `shift`: the distance of the mean faces; `own`: the part that the other
    disorders do not share; `spread`: how much more patients of B vary. Each p is adjusted over the
    disorders."""

    shift: Finding
    own: Finding
    spread: Finding

    @property
    def findings(self) -> list[Finding]:
        """In this order."""
        return [self.shift, self.own, self.spread]


def tested_groups(
    units: ComparedUnits,
    *,
    permutations: int,
    seed: int,
    unit: str,
    stages: Stages,
) -> tuple[GroupTests, tuple[DisorderTests, ...]]:
    """Test the groups, overall and in each disorder. Raises `UsageError`, before anything is
    computed, if there are too few permutations for any p of 0.05."""
    strata = units.shuffles()
    require_labellings(strata, LEVEL, unit=unit, mirrored=True)
    vectors, kinds, in_a = reduce_dimensions(units.means), units.kinds, units.in_a
    tried = (vectors, kinds, in_a, strata, permutations, seed)
    of = group_moments(vectors, kinds, *two_rows(in_a))
    sizes = of.counts[:, 0].astype(int).T
    intervals = shift_intervals(vectors, kinds, in_a)
    p = shift_p(*tried, progress=stages("Permuting labels", "times"))
    how = f"labels permuted {permutations:,} times"
    beyond = f"{how}, shared shift removed"
    if len(sizes) < FEWEST_DISORDERS:
        beyond = FEW_DISORDERS
    elif intervals[1].value * (sizes.prod(axis=1) / sizes.sum(axis=1)).mean() > LARGEST_COMMON:
        beyond = LARGE_COMMON
    told = beyond not in (FEW_DISORDERS, LARGE_COMMON)
    own = own_shift(of).half_square[0] if told else np.full(1 + len(sizes), math.nan)
    own_p = np.full(1 + len(sizes), math.nan)
    if told:
        own_p = own_shift_p(*tried, progress=stages("Permuting labels again", "times"))
    total = Finding("all", SHIFT, intervals[0].value, len(kinds), unit, how, seed=seed)
    overall = GroupTests(
        shift=_overall(_with(total, _withheld(intervals[0]), p[0]), units, vectors),
        common=_with(replace(total, estimand=COMMON), intervals[1], p[1]),
        own=replace(total, estimand=OWN, estimate=float(own[0]), p=float(own_p[0]), method=beyond),
        spread=_spread("all", vectors, kinds, in_a, unit, FEWEST_OVERALL),
    )
    found = []
    for kind, disorder in enumerate(units.disorders):
        enough = sizes[kind].min() >= FEWEST_FOR_INTERVALS
        one = replace(total, subject=disorder, n=int(sizes[kind].sum()))
        there = kinds == kind
        interval = intervals[2 + kind] if enough else _withheld(intervals[2 + kind])
        tests = DisorderTests(
            shift=_with(one, interval, p[2 + kind]),
            own=replace(
                one,
                estimand=OWN_ONE,
                estimate=float(own[1 + kind]),
                p=float(own_p[1 + kind]),
                method=beyond,
            ),
            spread=_spread(
                disorder, vectors[there], kinds[there] * 0, in_a[there], unit, FEWEST_FOR_INTERVALS
            ),
        )
        if least_p(units.shuffles(kind), mirrored=True) > LEVEL:
            tests = replace(tests, shift=_untested(tests.shift), own=_untested(tests.own))
        found.append(tests)
    return overall, _adjusted(found)


def _overall(shift: Finding, units: ComparedUnits, vectors: Floats) -> Finding:
    """The shift with its interval; both use the disorders with enough units in each group."""
    there, kinds = _large(units.kinds, units.in_a, FEWEST_OVERALL)
    if not there.any():
        return shift
    interval = shift_intervals(vectors[there], kinds, units.in_a[there])[0]
    if there.all():
        return _with(shift, interval, shift.p)
    told = f"{shift.method}; estimate of disorders with {FEWEST_OVERALL} or more in each group"
    return replace(_with(shift, interval, shift.p), n=int(there.sum()), method=told)


def _spread(
    subject: str, vectors: Floats, kinds: Numbers, in_a: Members, unit: str, fewest: int
) -> Finding:
    """The spread of the kinds with enough units in each group."""
    there, numbers = _large(kinds, in_a, fewest)
    if not there.any():
        return Finding(subject, SPREAD, math.nan, len(kinds), unit, FEW_UNITS)
    ratio, p = spread_ratio(vectors[there], numbers, in_a[there])
    how = "jackknife of the logarithm"
    return _with(Finding(subject, SPREAD, ratio.value, int(there.sum()), unit, how), ratio, p)


def _large(kinds: Numbers, in_a: Members, fewest: int) -> tuple[Members, Numbers]:
    """Which units `(u,)` are of a kind with enough units in each group, and the kinds of these,
    numbered from 0."""
    counts = [np.bincount(kinds[of], minlength=kinds.max() + 1) for of in (in_a, ~in_a)]
    there = (np.minimum(*counts) >= fewest)[kinds]
    return there, np.unique(kinds[there], return_inverse=True)[1].astype(np.int64)


def _with(finding: Finding, interval: Estimate, p: float) -> Finding:
    return replace(
        finding, estimate=interval.value, low=interval.low, high=interval.high, p=float(p)
    )


def _withheld(interval: Estimate) -> Estimate:
    return Estimate(interval.value, math.nan, math.nan)


def _untested(finding: Finding) -> Finding:
    return finding if math.isnan(finding.p) else replace(finding, p=math.nan, method=WITHHELD)


def _adjusted(found: Sequence[DisorderTests]) -> tuple[DisorderTests, ...]:
    """The tests with each p adjusted over the disorders that were tested."""
    columns = zip(*(_rates([getattr(one, name) for one in found]) for name in _NAMES), strict=True)
    return tuple(DisorderTests(*row) for row in columns)


_NAMES = ("shift", "own", "spread")


def _rates(findings: Sequence[Finding]) -> list[Finding]:
    tested = [one for one in findings if not math.isnan(one.p)]
    rates = iter(false_discovery_rates([one.p for one in tested]))
    return [one if math.isnan(one.p) else replace(one, p_adjusted=next(rates)) for one in findings]
