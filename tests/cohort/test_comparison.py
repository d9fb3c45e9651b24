from __future__ import annotations

from dataclasses import astuple, replace

import numpy as np
import pytest
from scipy.stats import kstest

from gestalt_space.cohort.compared_units import TooFew, compared_units
from gestalt_space.cohort.comparison import ComparisonPlan, GroupComparison, compare_groups
from gestalt_space.cohort.families import patients_of
from gestalt_space.cohort.matched import match_groups
from gestalt_space.cohort.patients import parse_facts, patient_ages, strata_of
from gestalt_space.cohort.selection import Selection
from gestalt_space.errors import SpaceMismatch, UsageError
from gestalt_space.simulate.planted import PlantedPlan, plant
from gestalt_space.stats.estimates import finding_records
from gestalt_space.stats.resampling import Bootstrap
from tests.cohort.simulated import joined, renamed, simulated

QUICK = ComparisonPlan(permutations=499, bootstrap=Bootstrap(200))
DISORDERS = ["d1"] * 10 + ["d2"] * 8 + ["d3"] * 6


def groups(seed: int, shift: float = 0.0) -> tuple[Selection, Selection]:
    rng = np.random.default_rng(seed)
    a = simulated(rng, [*DISORDERS, "d4", "d5"], prefix="A")
    return a, simulated(rng, [*DISORDERS, "d4", ""], shift=shift, prefix="B")


def cohorts(selection: Selection) -> tuple[Selection, Selection]:
    a, b = (patients_of(selection, (selection.people.cohort == name).tolist()) for name in "AB")
    return a, b


@pytest.fixture(scope="module")
def differing() -> tuple[Selection, Selection, GroupComparison]:
    a, b = groups(1, shift=1.0)
    return a, b, compare_groups(a, b, QUICK)


def test_groups_that_differ_are_found_to(differing: tuple[Selection, Selection, GroupComparison]):
    _, _, found = differing
    assert [(one.disorder, one.units_a, one.units_b) for one in found.disorders] == [
        ("d1", 10, 10),
        ("d2", 8, 8),
        ("d3", 6, 6),
    ]
    assert found.tests.shift.p == 1 / 500
    assert 0 < found.tests.shift.low < found.tests.shift.estimate < found.tests.shift.high
    for one in found.disorders:
        shift = one.tests.shift
        assert shift.p < 0.05
        assert shift.p <= shift.p_adjusted < 0.05
        assert 0 < shift.low < shift.estimate < shift.high
        assert one.between.mean < min(one.within_a.mean, one.within_b.mean)


def test_disorders_that_cannot_be_compared_are_named(
    differing: tuple[Selection, Selection, GroupComparison],
):
    _, _, found = differing
    assert found.too_few == (TooFew("d4", 1, 1), TooFew("d5", 1, 0))


def test_the_figures_are_those_of_the_pairs(
    differing: tuple[Selection, Selection, GroupComparison],
):
    a, b, found = differing
    means = [group.patient_means()[:10] for group in (a, b)]
    within = [np.mean((m @ m.T)[np.triu_indices(10, 1)]) for m in means]
    one = found.disorders[0]
    assert one.within_a.mean == pytest.approx(within[0], abs=1e-6)
    assert one.within_b.mean == pytest.approx(within[1], abs=1e-6)
    assert one.between.mean == pytest.approx(np.mean(means[0] @ means[1].T), abs=1e-6)
    assert (one.within_a.pairs, one.between.pairs) == (45, 100)


def test_a_seed_gives_the_same_again_and_sides_do_not_matter(
    differing: tuple[Selection, Selection, GroupComparison],
):
    a, b, found = differing
    assert finding_records(compare_groups(a, b, QUICK).findings) == finding_records(found.findings)
    turned = compare_groups(b, a, QUICK)
    assert turned.tests.shift.estimate == pytest.approx(found.tests.shift.estimate, abs=1e-6)
    assert turned.tests.spread.estimate == pytest.approx(1 / found.tests.spread.estimate, abs=1e-6)
    assert turned.disorders[0].within_a == found.disorders[0].within_b


def test_a_shift_of_all_disorders_is_not_one_of_a_disorder():
    far = compare_groups(*groups(1, shift=2.0), QUICK)
    assert far.tests.common.p == 1 / 500
    assert "too large to remove" in far.tests.own.method
    assert np.isnan([far.tests.own.p, far.tests.own.estimate]).all()
    near = compare_groups(*groups(1, shift=0.5), QUICK)
    assert near.tests.common.p < 0.05 < near.tests.own.p
    odd = compare_groups(
        *cohorts(plant(PlantedPlan(sizes=(24,) * 4, shift=1.2, shifted=(0,)), 5)), QUICK
    )
    assert odd.tests.own.p < 0.05
    assert odd.disorders[0].tests.own.p_adjusted < 0.05
    assert odd.disorders[0].tests.own.estimate == max(
        one.tests.own.estimate for one in odd.disorders
    )


def test_two_disorders_cannot_tell_a_common_shift():
    rng = np.random.default_rng(3)
    a, b = (simulated(rng, ["d1"] * 6 + ["d2"] * 6, prefix=name) for name in "AB")
    own = compare_groups(a, b, QUICK).tests.own
    assert np.isnan([own.p, own.estimate]).all()
    assert "fewer than 3 disorders" in own.method


def test_p_is_uniform_where_groups_do_not_differ():
    plan = ComparisonPlan(permutations=99, bootstrap=Bootstrap(1))
    found = [compare_groups(*groups(seed), replace(plan, seed=seed)) for seed in range(60)]
    assert kstest([one.tests.shift.p for one in found], "uniform").pvalue > 0.01
    assert kstest([one.tests.own.p for one in found], "uniform").pvalue > 0.01
    assert kstest([one.disorders[0].tests.shift.p for one in found], "uniform").pvalue > 0.01


def test_unequal_shares_of_disorders_are_no_difference():
    rng = np.random.default_rng(6)
    a = simulated(rng, ["d1"] * 20 + ["d2"] * 3, strength=2, prefix="A")
    b = simulated(rng, ["d1"] * 3 + ["d2"] * 20, strength=2, prefix="B")
    assert compare_groups(a, b, QUICK).tests.shift.p > 0.05


def test_noisier_photos_are_a_spread_and_no_shift():
    plan = PlantedPlan(sizes=(40, 40), photo_b=2.0)
    found = [compare_groups(*cohorts(plant(plan, seed)), QUICK).tests for seed in range(20)]
    assert np.mean([one.shift.p <= 0.05 for one in found]) <= 0.2
    assert all(one.spread.p < 0.01 and one.spread.low > 1 for one in found)


def test_few_families_have_no_interval_and_too_few_no_p():
    rng = np.random.default_rng(14)
    names = ["d1"] * 4 + ["d2"] * 5 + ["d3"] * 3
    a, b = (simulated(rng, names, prefix=name) for name in "AB")
    few, enough, fewest = (one.tests for one in compare_groups(a, b, QUICK).disorders)
    assert np.isnan([few.shift.low, few.shift.high, few.spread.estimate]).all()
    assert np.isfinite([few.shift.estimate, few.shift.p]).all()
    assert enough.shift.low < enough.shift.estimate < enough.shift.high
    # Two and two cannot do without one of them.
    tiny = ["d1"] * 6 + ["d2"] * 2
    overall = compare_groups(
        *(simulated(rng, tiny, prefix=name) for name in "AB"), QUICK
    ).tests.shift
    assert np.isfinite([overall.low, overall.p]).all()
    assert (overall.n, "with 3 or more in each group" in overall.method) == (12, True)
    # Three and three have 20 labellings, and those that change places are alike.
    assert np.isnan([fewest.shift.p, fewest.shift.p_adjusted, fewest.own.p]).all()
    assert "too few permutations" in fewest.shift.method
    with pytest.raises(UsageError, match="only 20 permutations"):
        compare_groups(a.only(a.patients[-3:]), b.only(b.patients[-3:]), QUICK)


def test_a_family_counts_once():
    rng = np.random.default_rng(15)
    a, b = (simulated(rng, DISORDERS, prefix=name) for name in "AB")
    twice = joined(a, renamed(a, "Z"))
    related = replace(
        twice, people=replace(twice.people, family=np.array([f"F{i % 24}" for i in range(48)]))
    )
    once, again = compare_groups(a, b, QUICK), compare_groups(related, b, QUICK)
    assert again.tests.shift == once.tests.shift
    assert (again.a.compared, again.a.units, again.disorders[0].units_a) == (48, 24, 10)
    assert again.disorders[0].within_a == once.disorders[0].within_a
    alone = compare_groups(related, b, replace(QUICK, with_family=True))
    assert (alone.a.units, alone.tests.shift.unit) == (48, "patients")
    # A twin of everybody is found at once; a family's own photos are no evidence.
    assert again.accuracy[0].top[1].value == pytest.approx(once.accuracy[0].top[1].value, abs=0.1)
    assert alone.accuracy[0].top[1].value > again.accuracy[0].top[1].value


def test_a_family_in_both_groups_is_refused_by_name():
    rng = np.random.default_rng(16)
    families = ["Lin", *[""] * 23]
    a, b = (simulated(rng, DISORDERS, prefix=name, family=families) for name in "AB")
    with pytest.raises(UsageError, match=r"Family Lin has members in both groups\."):
        compare_groups(a, b, QUICK)
    assert compare_groups(a, b, replace(QUICK, with_family=True)).a.units == 24


def test_sites_of_one_group_alone_are_told():
    rng = np.random.default_rng(17)
    for sites, message in (
        ((["S1"] * 24, ["S2"] * 24), "No site has photos of both groups"),
        ((["S1"] * 20 + ["S3"] * 4, ["S1"] * 24), "Site S3 has photos of group A only"),
    ):
        a, b = (
            simulated(rng, DISORDERS, prefix=name, site=site)
            for name, site in zip("AB", sites, strict=True)
        )
        (warning,) = compare_groups(a, b, QUICK).warnings
        assert message in warning
    assert compare_groups(*groups(1), QUICK).warnings == ()


def test_accuracy_is_of_the_same_patients_against_galleries_of_one_size(
    differing: tuple[Selection, Selection, GroupComparison],
):
    _, _, found = differing
    assert [(one.group, one.evidence) for one in found.accuracy] == [
        (group, evidence) for group in "ab" for evidence in ("own", "other", "both")
    ]
    for one in found.accuracy:
        assert (one.families, one.disorders, one.gallery) == (24, 3, 9 + 7 + 5)
        assert list(one.top) == [1]
        assert one.top[1].value > 1 / 3
    assert found.accuracy[0].less_own[1].value == 0


@pytest.mark.parametrize(("cells", "block"), [(1, 2), (200, 5)])
def test_figures_do_not_depend_on_the_blocks(
    differing: tuple[Selection, Selection, GroupComparison],
    monkeypatch: pytest.MonkeyPatch,
    cells: int,
    block: int,
):
    a, b, whole = differing
    monkeypatch.setattr("gestalt_space.cohort.cross_accuracy._CELLS", cells)
    monkeypatch.setattr("gestalt_space.cohort.pair_figures.BLOCK", block)
    found = compare_groups(a, b, QUICK)
    assert finding_records(found.findings) == finding_records(whole.findings)
    for one, other in zip(found.disorders, whole.disorders, strict=True):
        for name in ("within_a", "within_b", "between"):
            pairs = [astuple(getattr(side, name)) for side in (one, other)]
            np.testing.assert_allclose(*pairs, atol=1e-7)


def test_a_larger_group_is_not_easier():
    rng = np.random.default_rng(18)
    a = simulated(rng, ["d1"] * 40 + ["d2"] * 40 + ["d3"] * 40, strength=0.3, prefix="A")
    b = simulated(rng, ["d1"] * 8 + ["d2"] * 8 + ["d3"] * 8, strength=0.3, prefix="B")
    own, other, both = compare_groups(a, b, QUICK).accuracy[:3]
    assert own.gallery == other.gallery == both.gallery == 21
    assert own.top[1].value == pytest.approx(other.top[1].value, abs=0.1)


def test_a_patient_is_never_evidence_for_themselves():
    rng = np.random.default_rng(7)
    a = simulated(rng, ["d1"] * 3 + ["d2"] * 3, strength=0, prefix="A")
    b = simulated(rng, ["d1"] * 3 + ["d2"] * 3, strength=0, prefix="B")
    twins = replace(a, descriptors=np.repeat(a.descriptors[:1], len(a), axis=0))
    own = compare_groups(twins, b, QUICK).accuracy[0]
    # All are alike, so that d1 comes first for everybody; own photos would put d2 first for d2.
    assert own.top[1].value == 0.5


def test_blocks_are_read_by_a_reference():
    rng = np.random.default_rng(10)
    others = [f"e{number}" for number in range(12) for _ in range(12)]
    a, b, everybody = (
        simulated(rng, told, prefix=name, site=["one"] * len(told))
        for name, told in (
            *((name, [*DISORDERS, *others]) for name in "AB"),
            ("C", [*DISORDERS * 2, *others]),
        )
    )
    compared = [group.only(group.patients[: len(DISORDERS)]) for group in (a, b)]
    found = compare_groups(*compared, QUICK, everybody).disorders
    assert [(one.blocks.side_a, one.blocks.disorders) for one in found if one.blocks] == [
        # Of 15 disorders, one of which is compared; the smallest others have 12 patients.
        (6, 14),
        (6, 14),
        (6, 14),
    ]
    assert all(one.blocks and one.blocks.different.value < 0.5 for one in found)
    few = compare_groups(*compared, QUICK, compared[0]).disorders
    assert all(one.blocks and one.blocks.withheld for one in few)
    assert all(one.blocks is None for one in compare_groups(*compared, QUICK).disorders)


def test_matched_groups_have_the_same_composition():
    rng = np.random.default_rng(11)
    sexes = ["female", "male", "male", "", *["female"] * 6]
    a = simulated(rng, ["d1"] * 10, sex=sexes, ages=[2.0] * 9 + [30.0], prefix="A")
    b = simulated(rng, ["d1"] * 10, sex=sexes[::-1], ages=[2.5] * 10, prefix="B")
    one, other = match_groups(a, b, ("sex", "age"), seed=0)
    for facts in (("sex",), ("sex", "age")):
        assert sorted(strata_of(one, facts)) == sorted(strata_of(other, facts))
    assert len(one.patients) == len(other.patients) == 8
    assert match_groups(a, b, ("sex", "age"), seed=0)[1].patients == other.patients
    found = compare_groups(a, b, replace(QUICK, match=("sex", "age")))
    assert (found.a.unmatched, found.b.unmatched) == (2, 2)


def test_a_disorder_that_matching_takes_away_is_named():
    """Lost before: of d9 nobody is of one sex in both groups, so that nobody of it is left."""
    rng = np.random.default_rng(3)
    told = ["d1"] * 8 + ["d2"] * 8 + ["d9"] * 3
    women, men = ["female", "male"] * 8 + ["female"] * 3, ["female", "male"] * 8 + ["male"] * 3
    a = simulated(rng, told, prefix="A", sex=women)
    b = simulated(rng, told, prefix="B", sex=men)
    found = compare_groups(a, b, replace(QUICK, match=("sex",)))
    assert [one.disorder for one in found.disorders] == ["d1", "d2"]
    assert [(one.disorder, one.patients_a) for one in found.too_few] == [("d9", 0)]


def test_labels_are_dealt_within_what_was_matched():
    plan = PlantedPlan(sizes=(40, 40), sex=1.5, shift=0.4, female_a=0.6, female_b=0.4)
    a, b = cohorts(plant(plan, 3))
    matched = match_groups(a, b, ("sex",), seed=0)
    units, _ = compared_units(*matched, ("sex",), with_family=False)
    for stratum in units.shuffles():
        sexes = {units.strata[place] for place in stratum.places}
        assert len(sexes) == 1
        assert 2 * stratum.take == len(stratum.places)
    assert compare_groups(a, b, replace(QUICK, match=("sex",))).tests.shift.p < 0.05


def test_families_of_several_strata_are_matched_with_their_like():
    rng = np.random.default_rng(19)
    sexes = ["female", "male"] + ["female"] * 6
    pairs = ["F1", "F1", *[""] * 6]
    a, b = (
        simulated(rng, ["d1"] * 8, sex=sexes, family=[one and f"{name}{one}" for one in pairs],
                  prefix=name)
        for name in "AB"
    )  # fmt: skip
    both = match_groups(a, b, ("sex",), seed=0)
    assert [len(one.patients) for one in both] == [8, 8]
    alone = b.only(b.patients[2:])
    assert len(match_groups(a, alone, ("sex",), seed=0)[0].patients) == 6


def test_facts_to_match_on():
    assert parse_facts(["age,sex", "sex"]) == ("sex", "age")
    with pytest.raises(UsageError, match="Cannot match on 'height'"):
        parse_facts(["height"])
    group = simulated(np.random.default_rng(12), ["d1"] * 2, ages=[4.0, np.nan])
    assert patient_ages(group)[0] == 4
    assert strata_of(group, ("age",)).tolist() == ["3 to 4 years", ""]


def test_blocks_of_another_space_are_refused():
    rng = np.random.default_rng(2)
    a, b = (simulated(rng, ["d1"] * 6 + ["d2"] * 6, prefix=name) for name in "AB")
    other = replace(simulated(rng, ["d1"] * 6 + ["d2"] * 6), fingerprint="0" * 64)
    with pytest.raises(SpaceMismatch, match="in different spaces"):
        compare_groups(a, b, reference=other)


def test_photos_that_are_all_alike_do_not_differ():
    rng = np.random.default_rng(2)
    groups = [simulated(rng, ["d1"] * 6, prefix=name) for name in "AB"]
    alike = [
        replace(one, descriptors=np.repeat(groups[0].descriptors[:1], len(one), 0))
        for one in groups
    ]
    tests = compare_groups(*alike, QUICK).tests
    assert tests.shift.estimate == pytest.approx(0, abs=1e-6)
    assert (tests.shift.p, tests.spread.p) == (1, 1)


def test_groups_that_cannot_be_compared_are_told():
    a, b = groups(13)
    with pytest.raises(UsageError, match=r"^A0000 is in both groups, and 25 more\.$"):
        compare_groups(a, a, QUICK)
    with pytest.raises(UsageError, match="second group has only 1 patient"):
        compare_groups(a, b.only(b.patients[:1]), QUICK)
    with pytest.raises(UsageError, match="No disorder has 2 families in each group"):
        compare_groups(a, b.only(b.patients[-2:]), QUICK)
    with pytest.raises(UsageError, match="No patient of the first group has a known sex"):
        compare_groups(a, b, replace(QUICK, match=("sex",)))
    with pytest.raises(SpaceMismatch, match="different spaces: simulated"):
        compare_groups(a, replace(b, fingerprint="0" * 64), QUICK)
    with pytest.raises(UsageError, match="too few for a p-value"):
        ComparisonPlan(permutations=5)
