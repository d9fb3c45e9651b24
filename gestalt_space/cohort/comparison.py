"""Do two groups of patients with the same disorders differ? (The question of DeciFace: do patients
of two countries, or hospitals, look alike where they have the same disorder?)

For each disorder that both groups have, patients of different groups are compared with patients of
the same group. The labels of the groups are permuted over the patients of the disorder, so that a
disorder which one group has more of is no difference; overall, within every disorder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.cross_accuracy import CrossAccuracy, cross_accuracy
from gestalt_space.cohort.matched import match_groups
from gestalt_space.cohort.patients import Fact, check_space
from gestalt_space.cohort.selection import Selection
from gestalt_space.cohort.sub_blocks import PRIOR, Blocks, check_prior, judge_blocks
from gestalt_space.errors import UsageError
from gestalt_space.stats.adjustment import false_discovery_rates
from gestalt_space.stats.estimates import Estimate
from gestalt_space.stats.permutation import (
    FEWEST_PERMUTATIONS,
    PERMUTATIONS,
    GroupMeans,
    Stratum,
    draw_groups,
    p_value,
    relabelled_means,
    weighted_means,
)
from gestalt_space.stats.resampling import Bootstrap, estimate

FEWEST = 2
"""Patients of a disorder in each group: with one, there is nothing within the group."""
FEWEST_FOR_INTERVALS = 5
"""Likewise, for a bootstrap interval: draws of fewer are too much alike."""


@dataclass(frozen=True)
class ComparisonPlan:
    """How groups are compared, and from which seed everything is drawn. `prior`: of blocks."""

    match: tuple[Fact, ...] = ()
    permutations: int = PERMUTATIONS
    bootstrap: Bootstrap = field(default_factory=Bootstrap)
    seed: int = 0
    prior: float = PRIOR

    def __post_init__(self) -> None:
        check_prior(self.prior)
        if self.permutations < FEWEST_PERMUTATIONS:
            raise UsageError(
                f"{self.permutations} permutations are too few for a p-value.",
                f"Give {FEWEST_PERMUTATIONS} or more; {PERMUTATIONS} are usual.",
            )


USUAL_PLAN = ComparisonPlan()


@dataclass(frozen=True, slots=True)
class Spread:
    """Similarities of pairs of patients: how many, their mean and standard deviation, and the 5th,
    50th and 95th percentile."""

    pairs: int
    mean: float
    sd: float
    low: float
    median: float
    high: float


@dataclass(frozen=True)
class DisorderComparison:
    """One disorder in both groups.

    `difference`: mean similarity within the groups less that between them, above 0 where patients
    of different groups are less alike; `effect`: that, as a share of the mean distance within the
    groups, with its bootstrap interval, whose ends are NaN below `FEWEST_FOR_INTERVALS` patients in
    a group: 0.1 says that patients of different groups are 10 % farther
    apart than patients of one. `p`: by permutation, one-sided; `p_adjusted`: over the disorders, by
    Benjamini and Hochberg. `blocks`: None where nothing was given to read them by.
    """

    disorder: str
    patients_a: int
    patients_b: int
    within_a: Spread
    within_b: Spread
    between: Spread
    difference: Estimate
    effect: Estimate
    p: float
    p_adjusted: float
    blocks: Blocks | None


@dataclass(frozen=True, slots=True)
class TooFew:
    """A disorder of both groups, or of one, that is not compared, with its patients in each."""

    disorder: str
    patients_a: int
    patients_b: int


@dataclass(frozen=True)
class Comparison:
    """Two groups compared.

    `difference` and `p`: over all disorders, each weighing n·m/(n + m), the less the noisier it
    is, with labels permuted within disorders. `unmatched`: patients of each group whom matching
    left out. `accuracy`: of each group's patients against each gallery.
    """

    patients_a: int
    patients_b: int
    unmatched: tuple[int, int]
    disorders: tuple[DisorderComparison, ...]
    too_few: tuple[TooFew, ...]
    difference: float
    p: float
    accuracy: tuple[CrossAccuracy, ...]
    plan: ComparisonPlan


def compare(
    a: Selection,
    b: Selection,
    plan: ComparisonPlan = USUAL_PLAN,
    reference: Selection | None = None,
) -> Comparison:
    """Compare two groups, disorder by disorder and overall; blocks are read by the patients of a
    `reference`, without those compared.

    A patient with several of the compared disorders counts for the first of them by identifier, so
    that none is counted twice. Raises `UsageError` for groups that share a patient, for a group
    with one patient, where no disorder has two patients in each group, and where nobody's matching
    facts are known; `SpaceMismatch` for two spaces.
    """
    check_space(a, b)
    if reference is not None:
        check_space(a, reference)
    if shared := sorted(set(a.patients) & set(b.patients)):
        raise UsageError(
            f"{shared[0]} is in both groups"
            + (f", and {len(shared) - 1:,} more" if len(shared) > 1 else "")
            + ".",
            "Choose groups that share nobody.",
        )
    for name, group in (("first", a), ("second", b)):
        if len(group.patients) < FEWEST:
            raise UsageError(
                f"The {name} group has {len(group.patients)} patient.", "Two or more are needed."
            )
    before = len(a.patients), len(b.patients)
    a, b = match_groups(a, b, plan.match, plan.seed)
    members, too_few = _members(a, b)
    if not members:
        raise UsageError(
            f"No disorder has {FEWEST} patients in each group"
            + (" after matching." if plan.match else "."),
            "Choose groups that share disorders" + (", or match on less." if plan.match else "."),
        )
    means = np.concatenate([a.patient_means(), b.patient_means()])
    rng = np.random.default_rng(plan.seed)
    found = []
    total, drawn_total, weight_total = 0.0, np.zeros(plan.permutations), 0.0
    for disorder, (places_a, places_b) in members.items():
        rows = np.concatenate([places_a, len(a.patients) + places_b])
        one, drawn = _compared(disorder, means[rows], len(places_a), plan, rng)
        if reference is not None:
            one = replace(
                one,
                blocks=judge_blocks(
                    a.only(a.patients[place] for place in places_a),
                    b.only(b.patients[place] for place in places_b),
                    reference,
                    leave_out=(disorder,),
                    prior=plan.prior,
                    seed=plan.seed,
                ),
            )
        weight = one.patients_a * one.patients_b / len(rows)
        total += weight * one.difference.value
        drawn_total += weight * drawn
        weight_total += weight
        found.append(one)
    return Comparison(
        patients_a=len(a.patients),
        patients_b=len(b.patients),
        unmatched=(before[0] - len(a.patients), before[1] - len(b.patients)),
        disorders=_adjusted(found),
        too_few=too_few,
        difference=total / weight_total,
        p=p_value(total / weight_total, drawn_total / weight_total),
        accuracy=cross_accuracy(a, b, members, plan.bootstrap),
        plan=plan,
    )


def _members(
    a: Selection, b: Selection
) -> tuple[dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]], tuple[TooFew, ...]]:
    """The places of each compared disorder's patients in both groups; and the other disorders."""
    names = sorted({one for group in (a, b) for has in group.disorders for one in has})
    taken_a, taken_b = np.zeros(len(a.patients), bool), np.zeros(len(b.patients), bool)
    members, too_few = {}, []
    for name in names:
        in_a = np.array([name in has for has in a.disorders])
        in_b = np.array([name in has for has in b.disorders])
        free_a, free_b = in_a & ~taken_a, in_b & ~taken_b
        if min(free_a.sum(), free_b.sum()) < FEWEST:
            too_few.append(TooFew(name, int(in_a.sum()), int(in_b.sum())))
            continue
        members[name] = (np.flatnonzero(free_a), np.flatnonzero(free_b))
        taken_a |= free_a
        taken_b |= free_b
    return members, tuple(too_few)


def _compared(
    disorder: str,
    means: NDArray[np.float32],
    size_a: int,
    plan: ComparisonPlan,
    rng: np.random.Generator,
) -> tuple[DisorderComparison, NDArray[np.float64]]:
    """One disorder, whose first `size_a` patients `(p, d)` are of the first group; and its
    difference in every permutation `(m,)`."""
    count = len(means)
    similarities = means @ means.T
    strata = [Stratum(np.arange(count), size_a)]
    labels = (np.arange(count) < size_a)[None].astype(np.float32)
    observed = relabelled_means(similarities, iter([labels]))
    blocks = draw_groups(rng, strata, count, plan.permutations)
    drawn = relabelled_means(similarities, blocks).difference
    redrawn = _bootstrapped(similarities, size_a, plan.bootstrap)
    value = float(observed.difference[0])
    cross = similarities[:size_a, size_a:]
    one = DisorderComparison(
        disorder=disorder,
        patients_a=size_a,
        patients_b=count - size_a,
        within_a=_spread(_upper(similarities[:size_a, :size_a])),
        within_b=_spread(_upper(similarities[size_a:, size_a:])),
        between=_spread(cross.ravel()),
        difference=_estimate(value, redrawn.difference, labels),
        effect=_estimate(float(_effect(observed)[0]), _effect(redrawn), labels),
        p=p_value(value, drawn),
        p_adjusted=float("nan"),
        blocks=None,
    )
    return one, drawn


def _bootstrapped(
    similarities: NDArray[np.float32], size_a: int, bootstrap: Bootstrap
) -> GroupMeans:
    """The means in groups whose patients are drawn with replacement, each group by itself."""
    count = len(similarities)
    other = Bootstrap(bootstrap.replicates, bootstrap.seed + 1)
    weights = np.zeros((2, bootstrap.replicates, count), dtype=np.float32)
    weights[0, :, :size_a] = np.concatenate(list(bootstrap.weights(size_a)))
    weights[1, :, size_a:] = np.concatenate(list(other.weights(count - size_a)))
    return weighted_means(similarities, weights[0], weights[1])


def _estimate(
    value: float, replicates: NDArray[np.float64], labels: NDArray[np.float32]
) -> Estimate:
    """A figure of the patients that `labels` `(1, p)` puts in two groups, with its interval, from
    the draws in which both groups have two different patients."""
    first = int(labels.sum())
    if min(first, labels.size - first) < FEWEST_FOR_INTERVALS:
        return Estimate(value, float("nan"), float("nan"))
    found = replicates[~np.isnan(replicates)]
    return estimate(value, found) if len(found) else Estimate(value, float("nan"), float("nan"))


def _effect(means: GroupMeans) -> NDArray[np.float64]:
    distance = 1 - (means.first + means.second) / 2
    found = np.full(len(distance), np.nan)
    np.divide(means.difference, distance, out=found, where=distance > 0)
    return found


def _adjusted(found: Sequence[DisorderComparison]) -> tuple[DisorderComparison, ...]:
    adjusted = false_discovery_rates([one.p for one in found])
    return tuple(replace(one, p_adjusted=p) for one, p in zip(found, adjusted, strict=True))


def _upper(similarities: NDArray[np.float32]) -> NDArray[np.float32]:
    return similarities[np.triu_indices(len(similarities), 1)]


def _spread(values: NDArray[np.float32]) -> Spread:
    low, median, high = np.quantile(values, (0.05, 0.5, 0.95)).tolist()
    sd = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    return Spread(len(values), float(values.mean()), sd, low, median, high)
