from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from gestalt_space.cohort.comparison import Comparison, ComparisonPlan, TooFew, compare
from gestalt_space.cohort.matched import match_groups
from gestalt_space.cohort.patients import parse_facts, patient_ages, strata_of
from gestalt_space.cohort.selection import Selection
from gestalt_space.errors import SpaceMismatch, UsageError
from gestalt_space.stats.resampling import Bootstrap
from tests.cohort.simulated import simulated

QUICK = ComparisonPlan(permutations=499, bootstrap=Bootstrap(200))
DISORDERS = ["d1"] * 10 + ["d2"] * 8 + ["d3"] * 6


def groups(seed: int, shift: float = 0.0) -> tuple[Selection, Selection]:
    rng = np.random.default_rng(seed)
    a = simulated(rng, [*DISORDERS, "d4", "d5"], prefix="A")
    return a, simulated(rng, [*DISORDERS, "d4", ""], shift=shift, prefix="B")


@pytest.fixture(scope="module")
def differing() -> tuple[Selection, Selection, Comparison]:
    a, b = groups(1, shift=1.0)
    return a, b, compare(a, b, QUICK)


def test_groups_that_differ_are_found_to(differing: tuple[Selection, Selection, Comparison]):
    _, _, found = differing
    assert [one.disorder for one in found.disorders] == ["d1", "d2", "d3"]
    assert [(one.patients_a, one.patients_b) for one in found.disorders] == [
        (10, 10),
        (8, 8),
        (6, 6),
    ]
    assert found.p == 1 / 500
    for one in found.disorders:
        assert one.p < 0.05
        assert one.p <= one.p_adjusted < 0.05
        assert 0 < one.effect.low < one.effect.value < one.effect.high
        assert one.between.mean < min(one.within_a.mean, one.within_b.mean)


def test_disorders_that_cannot_be_compared_are_named(
    differing: tuple[Selection, Selection, Comparison],
):
    _, _, found = differing
    assert found.too_few == (TooFew("d4", 1, 1), TooFew("d5", 1, 0))


def test_the_figures_are_those_of_the_pairs(differing: tuple[Selection, Selection, Comparison]):
    a, b, found = differing
    means = [group.patient_means()[:10] for group in (a, b)]
    within = [np.mean((m @ m.T)[np.triu_indices(10, 1)]) for m in means]
    between = np.mean(means[0] @ means[1].T)
    one = found.disorders[0]
    assert one.within_a.mean == pytest.approx(within[0], abs=1e-6)
    assert one.within_b.mean == pytest.approx(within[1], abs=1e-6)
    assert one.between.mean == pytest.approx(between, abs=1e-6)
    assert (one.within_a.pairs, one.between.pairs) == (45, 100)
    assert one.difference.value == pytest.approx(np.mean(within) - between, abs=1e-6)
    distance = 1 - np.mean(within)
    assert one.effect.value == pytest.approx(one.difference.value / distance, abs=1e-5)


def test_a_seed_gives_the_same_again_and_sides_do_not_matter(
    differing: tuple[Selection, Selection, Comparison],
):
    a, b, found = differing
    assert compare(a, b, QUICK).disorders == found.disorders
    turned = compare(b, a, QUICK)
    assert turned.difference == pytest.approx(found.difference, abs=1e-6)
    assert turned.disorders[0].within_a == found.disorders[0].within_b


def test_p_is_uniform_where_groups_do_not_differ():
    plan = ComparisonPlan(permutations=199, bootstrap=Bootstrap(100))
    found = [compare(*groups(seed), replace(plan, seed=seed)) for seed in range(100)]
    assert kstest([one.p for one in found], "uniform").pvalue > 0.01
    assert kstest([one.disorders[0].p for one in found], "uniform").pvalue > 0.01


def test_unequal_shares_of_disorders_are_no_difference():
    rng = np.random.default_rng(6)
    a = simulated(rng, ["d1"] * 20 + ["d2"] * 3, strength=2, prefix="A")
    b = simulated(rng, ["d1"] * 3 + ["d2"] * 20, strength=2, prefix="B")
    assert compare(a, b, QUICK).p > 0.05


def test_few_patients_have_no_interval():
    rng = np.random.default_rng(14)
    a = simulated(rng, ["d1"] * 4 + ["d2"] * 5, prefix="A")
    b = simulated(rng, ["d1"] * 9 + ["d2"] * 5, prefix="B")
    few, enough = compare(a, b, QUICK).disorders
    assert np.isnan([few.difference.low, few.difference.high, few.effect.low]).all()
    assert np.isfinite([few.effect.value, few.p]).all()
    assert enough.effect.low < enough.effect.value < enough.effect.high


def test_accuracy_is_of_the_same_patients_against_each_gallery(
    differing: tuple[Selection, Selection, Comparison],
):
    _, _, found = differing
    assert [(one.group, one.evidence) for one in found.accuracy] == [
        (group, evidence) for group in "ab" for evidence in ("own", "other", "both")
    ]
    assert all((one.accuracy.cases, one.accuracy.disorders) == (24, 3) for one in found.accuracy)
    for one in found.accuracy:
        tops = [one.accuracy.top[k].value for k in (1, 5, 10, 30)]
        assert tops == sorted(tops)
        assert tops[0] > 1 / 3


def test_a_patient_is_never_evidence_for_themselves():
    rng = np.random.default_rng(7)
    a = simulated(rng, ["d1", "d1", "d2", "d2"], strength=0, prefix="A")
    b = simulated(rng, ["d1", "d1", "d2", "d2"], strength=0, prefix="B")
    twins = replace(a, descriptors=np.repeat(a.descriptors[:1], len(a), axis=0))
    own = compare(twins, b, QUICK).accuracy[0]
    # All are alike, so that d1 comes first for everybody; own photos would put d2 first for d2.
    assert own.accuracy.top[1].value == 0.5


def test_blocks_are_read_by_a_reference():
    rng = np.random.default_rng(10)
    others = [f"e{number}" for number in range(12) for _ in range(12)]
    a, b = (simulated(rng, [*DISORDERS, *others], prefix=name) for name in "AB")
    everybody = simulated(rng, [*DISORDERS * 2, *others], prefix="C")
    compared = [group.only(group.patients[: len(DISORDERS)]) for group in (a, b)]
    found = compare(*compared, QUICK, everybody).disorders
    assert [(one.blocks.side_a, one.blocks.disorders) for one in found if one.blocks] == [
        # Of 15 disorders, one of which is compared; the smallest others have 12 patients.
        (6, 14),
        (6, 14),
        (6, 14),
    ]
    assert all(one.blocks and one.blocks.different.value < 0.5 for one in found)
    few = compare(*compared, QUICK, compared[0]).disorders
    assert all(one.blocks and one.blocks.withheld for one in few)
    assert all(one.blocks is None for one in compare(*compared, QUICK).disorders)


def test_matched_groups_have_the_same_composition():
    rng = np.random.default_rng(11)
    sexes = ["female", "male", "male", "", *["female"] * 6]
    a = simulated(rng, ["d1"] * 10, sex=sexes, ages=[2.0] * 9 + [30.0], prefix="A")
    b = simulated(rng, ["d1"] * 10, sex=sexes[::-1], ages=[3.0] * 10, prefix="B")
    one, other = match_groups(a, b, ("sex", "age"), seed=0)
    for facts in (("sex",), ("sex", "age")):
        assert sorted(strata_of(one, facts)) == sorted(strata_of(other, facts))
    assert len(one.patients) == len(other.patients) == 8
    assert match_groups(a, b, ("sex", "age"), seed=0)[1].patients == other.patients
    found = compare(a, b, replace(QUICK, match=("sex", "age")))
    assert found.unmatched == (2, 2)


def test_facts_to_match_on():
    assert parse_facts(["age,sex", "sex"]) == ("sex", "age")
    with pytest.raises(UsageError, match="no matching on 'height'"):
        parse_facts(["height"])
    group = simulated(np.random.default_rng(12), ["d1"] * 2, ages=[4.0, np.nan])
    assert patient_ages(group)[0] == 4
    assert strata_of(group, ("age",)).tolist() == ["1 to 4 years", ""]


def test_blocks_of_another_space_are_refused():
    rng = np.random.default_rng(2)
    a, b = (simulated(rng, ["d1"] * 6 + ["d2"] * 6, prefix=name) for name in "AB")
    other = replace(simulated(rng, ["d1"] * 6 + ["d2"] * 6), fingerprint="0" * 64)
    with pytest.raises(SpaceMismatch, match="in the space of"):
        compare(a, b, reference=other)


def test_photos_that_are_all_alike_have_no_interval():
    rng = np.random.default_rng(2)
    groups = [simulated(rng, ["d1"] * 6, prefix=name) for name in "AB"]
    alike = [
        replace(one, descriptors=np.repeat(groups[0].descriptors[:1], len(one), 0))
        for one in groups
    ]
    (found,) = compare(*alike).disorders
    assert found.difference.value == pytest.approx(0, abs=1e-6)
    assert found.p == 1


def test_groups_that_cannot_be_compared_are_told():
    a, b = groups(13)
    with pytest.raises(UsageError, match=r"^A0000 is in both groups, and 25 more\.$"):
        compare(a, a, QUICK)
    with pytest.raises(UsageError, match="second group has 1 patient"):
        compare(a, b.only(b.patients[:1]), QUICK)
    with pytest.raises(UsageError, match="No disorder has 2 patients in each group"):
        compare(a, b.only(b.patients[-2:]), QUICK)
    with pytest.raises(UsageError, match="sex of no patient of the first group is known"):
        compare(a, b, replace(QUICK, match=("sex",)))
    with pytest.raises(SpaceMismatch, match="in the space of simulated"):
        compare(a, replace(b, fingerprint="0" * 64), QUICK)
    with pytest.raises(UsageError, match="too few for a p-value"):
        ComparisonPlan(permutations=5)
