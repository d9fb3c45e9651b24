"""Do two groups of patients with the same disorders differ? (The question of DeciFace: do patients
of two countries, or hospitals, look alike if they have the same disorder?)

Four questions are separated: whether the groups' mean faces differ, which part of the difference is
common to all disorders, which is specific to a disorder, and whether one group varies more. The
units are families, and labels are permuted over families within each disorder and matched stratum.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from gestalt_space.cohort.compared_units import (
    FEWEST,
    ComparedUnits,
    TooFew,
    compared_units,
)
from gestalt_space.cohort.cross_accuracy import CrossAccuracy, cross_accuracy
from gestalt_space.cohort.families import check_no_shared_family, site_warnings, unit_word
from gestalt_space.cohort.group_differences import DisorderTests, GroupTests, tested_groups
from gestalt_space.cohort.matched import match_groups
from gestalt_space.cohort.pair_figures import PairFigures, pair_figures
from gestalt_space.cohort.patients import Fact, check_same_space
from gestalt_space.cohort.selection import Selection
from gestalt_space.cohort.sub_blocks import PRIOR, Blocks, check_prior, judge_blocks
from gestalt_space.cohort.workers import THREADS, Workers
from gestalt_space.errors import UsageError
from gestalt_space.progress import Stages, followed, no_stages
from gestalt_space.stats.estimates import Finding
from gestalt_space.stats.permutation import FEWEST_PERMUTATIONS, PERMUTATIONS
from gestalt_space.stats.resampling import Bootstrap


@dataclass(frozen=True)
class ComparisonPlan:
    """How groups are compared, and the seed. `with_family`: all patients count as unrelated.
    `prior`: the prior probability of different disorders."""

    match: tuple[Fact, ...] = ()
    permutations: int = PERMUTATIONS
    bootstrap: Bootstrap = field(default_factory=Bootstrap)
    seed: int = 0
    with_family: bool = False
    prior: float = PRIOR

    def __post_init__(self) -> None:
        check_prior(self.prior)
        if self.permutations < FEWEST_PERMUTATIONS:
            raise UsageError(
                f"{self.permutations} permutations are too few for a p-value.",
                f"Give {FEWEST_PERMUTATIONS} or more; {PERMUTATIONS} are usual.",
            )


USUAL_PLAN = ComparisonPlan()


@dataclass(frozen=True)
class DisorderComparison:
    """One disorder in both groups: its patients, its families (or patients, if they count as
    unrelated), the similarities of their pairs, the tests, and `blocks`, None without a reference.
    """

    disorder: str
    patients_a: int
    patients_b: int
    units_a: int
    units_b: int
    within_a: PairFigures
    within_b: PairFigures
    between: PairFigures
    tests: DisorderTests
    blocks: Blocks | None


@dataclass(frozen=True, slots=True)
class GroupCounts:
    """Who of a group is compared: its patients after matching, and how many were excluded by
    matching; `compared` patients have a compared disorder and form that many `units`."""

    patients: int
    unmatched: int
    compared: int
    units: int


@dataclass(frozen=True)
class GroupComparison:
    """The comparison of two groups.

    `tests`: over all disorders, with weights n·m/(n + m), where n and m are the families in A and
    B. `warnings`: what cannot be concluded, in sentences. `accuracy`: of each group's patients
    against each gallery.
    """

    a: GroupCounts
    b: GroupCounts
    tests: GroupTests
    disorders: tuple[DisorderComparison, ...]
    too_few: tuple[TooFew, ...]
    warnings: tuple[str, ...]
    accuracy: tuple[CrossAccuracy, ...]
    plan: ComparisonPlan

    @property
    def findings(self) -> list[Finding]:
        """All tests and estimates: overall, by disorder, accuracy."""
        return [
            *self.tests.findings,
            *(finding for one in self.disorders for finding in one.tests.findings),
            *(finding for one in self.accuracy for finding in one.findings),
        ]


def compare_groups(
    a: Selection,
    b: Selection,
    plan: ComparisonPlan = USUAL_PLAN,
    reference: Selection | None = None,
    *,
    workers: Workers = THREADS,
    stages: Stages = no_stages,
) -> GroupComparison:
    """Compare two groups, disorder by disorder and overall. The probability of different disorders
    is estimated from the patients of a `reference`, without those compared.

    What grows with the number of pairs is computed by `workers`, which makes no difference to it.

    A patient with several of the compared disorders counts for the first of them by identifier.
    Raises `UsageError` for groups that share a patient or a family, for a group with one patient,
    if no disorder has two families in each group, if there are too few permutations for a p of
    0.05, and if no patient's matching values are known; `SpaceMismatch` for two spaces.
    """
    _check(a, b, plan, reference)
    before = len(a.patients), len(b.patients)
    disorders = {one for group in (a, b) for has in group.disorders for one in has}
    a, b = match_groups(a, b, plan.match, plan.seed, with_family=plan.with_family)
    units, too_few = compared_units(a, b, plan.match, with_family=plan.with_family)
    unit = unit_word(with_family=plan.with_family)
    if not units.disorders:
        raise UsageError(
            f"No disorder has {FEWEST} {unit} in each group"
            + (" after matching." if plan.match else "."),
            "Choose groups with the same disorders"
            + (", or match on fewer attributes." if plan.match else "."),
        )
    tests, by_disorder = tested_groups(
        units, permutations=plan.permutations, seed=plan.seed, unit=unit, stages=stages
    )
    comparing = stages("Comparing disorders", "disorders")
    return GroupComparison(
        a=_counts(a, before[0], units, in_a=True),
        b=_counts(b, before[1], units, in_a=False),
        tests=tests,
        disorders=tuple(
            _described(units, kind, one, _judged(units, kind, (a, b), reference, plan), workers)
            for kind, one in followed(list(enumerate(by_disorder)), comparing)
        ),
        too_few=_with_unmatched(too_few, disorders - set(units.disorders)),
        warnings=site_warnings(a, b),
        accuracy=cross_accuracy(
            a,
            b,
            units,
            plan.bootstrap,
            plan.seed,
            unit,
            workers=workers,
            progress=stages("Matching each group against the other", "draws"),
        ),
        plan=plan,
    )


def _with_unmatched(too_few: Sequence[TooFew], disorders: Collection[str]) -> tuple[TooFew, ...]:
    """The disorders with too few families, and those of which matching left nobody."""
    gone = set(disorders) - {one.disorder for one in too_few}
    found = (*too_few, *(TooFew(disorder, 0, 0) for disorder in gone))
    return tuple(sorted(found, key=lambda one: one.disorder))


def _check(a: Selection, b: Selection, plan: ComparisonPlan, reference: Selection | None) -> None:
    check_same_space(a, b)
    if reference is not None:
        check_same_space(a, reference)
    if shared := sorted(set(a.patients) & set(b.patients)):
        raise UsageError(
            f"{shared[0]} is in both groups"
            + (f", and {len(shared) - 1:,} more" if len(shared) > 1 else "")
            + ".",
            "Choose groups without common patients.",
        )
    for name, group in (("first", a), ("second", b)):
        if len(group.patients) < FEWEST:
            raise UsageError(
                f"The {name} group has only {len(group.patients)} patient.",
                "Choose two or more patients.",
            )
    if not plan.with_family:
        check_no_shared_family(a, b)


def _counts(group: Selection, before: int, units: ComparedUnits, *, in_a: bool) -> GroupCounts:
    return GroupCounts(
        patients=len(group.patients),
        unmatched=before - len(group.patients),
        compared=int((units.in_a[units.unit_of_patient] == in_a).sum()),
        units=int((units.in_a == in_a).sum()),
    )


def _described(
    units: ComparedUnits,
    kind: int,
    tests: DisorderTests,
    blocks: Blocks | None,
    workers: Workers,
) -> DisorderComparison:
    in_a, in_b = (units.of_disorder(kind, in_a=side) for side in (True, False))
    one, other = units.means[in_a], units.means[in_b]
    return DisorderComparison(
        disorder=units.disorders[kind],
        patients_a=len(units.patients_of_disorder(kind, in_a=True)),
        patients_b=len(units.patients_of_disorder(kind, in_a=False)),
        units_a=len(in_a),
        units_b=len(in_b),
        within_a=pair_figures(one, workers=workers),
        within_b=pair_figures(other, workers=workers),
        between=pair_figures(one, other, workers=workers),
        tests=tests,
        blocks=blocks,
    )


def _judged(
    units: ComparedUnits,
    kind: int,
    groups: tuple[Selection, Selection],
    reference: Selection | None,
    plan: ComparisonPlan,
) -> Blocks | None:
    """The block between a disorder's patients in both groups."""
    if reference is None:
        return None
    names = (*groups[0].patients, *groups[1].patients)
    a, b = (
        group.only(names[place] for place in units.patients_of_disorder(kind, in_a=in_a))
        for group, in_a in zip(groups, (True, False), strict=True)
    )
    if plan.with_family:
        a, b, reference = (one.without_families() for one in (a, b, reference))
    return judge_blocks(
        a,
        b,
        reference,
        leave_out=(units.disorders[kind],),
        prior=plan.prior,
        seed=plan.seed,
    )
