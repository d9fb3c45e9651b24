from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gestalt_space.errors import UsageError
from gestalt_space.simulate.study import (
    PatientAssignments,
    StudyPlan,
    deal,
    photo_count,
    relative_age,
)

TOLD = [number for number in range(8) for _ in range(30)] + [-1] * 20
"""Of 8 disorders, and controls."""
SITES = StudyPlan(sites=("a", "b", "c", "d"))


def dealt(
    plan: StudyPlan = SITES, *, seed: int = 1, cohorts: int = 1, **changes: object
) -> PatientAssignments:
    return deal(replace(plan, **changes), seed, TOLD, 8, cohorts)


def test_without_a_change_everybody_is_alone_and_as_told():
    made = dealt(StudyPlan())
    assert made.first.tolist() == list(range(260))
    assert set(made.site) == {-1}
    assert made.true.tolist() == TOLD
    assert dealt(StudyPlan(), cohorts=3).cohort.tolist() == [number % 3 for number in range(260)]


def test_sites_are_dealt_evenly():
    assert np.bincount(dealt().site).tolist() == [65] * 4


@pytest.mark.parametrize("strength", [0.0, 0.6, 1.0])
def test_sites_follow_disorders_as_far_as_asked(strength: float):
    made = dealt(sites_by_disorder=strength)
    told = np.array(TOLD)
    largest = [np.bincount(made.site[told == kind]).max() / 30 for kind in range(8)]
    # Of four sites, a quarter of those who do not follow are at the home of the others by chance.
    assert np.mean(largest) == pytest.approx(
        {0.0: 0.35, 0.6: 0.7, 1.0: 1.0}[strength], abs=0.001 if strength == 1 else 0.08
    )
    assert len(np.unique(made.site[told == -1])) == 4


def test_disorders_are_spread_over_all_sites():
    made = dealt(sites_by_disorder=1.0)
    homes = [made.site[TOLD.index(kind)] for kind in range(8)]
    assert np.bincount(homes).tolist() == [2, 2, 2, 2]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_families_are_pairs_of_one_disorder_site_and_cohort(share: float):
    made = dealt(families=share, cohorts=2, sites_by_disorder=0.3, wrong=0.2)
    second = np.flatnonzero(made.first != np.arange(260))
    assert 2 * len(second) / 240 == pytest.approx(share, abs=0.06)
    assert len(set(made.first[second])) == len(second)
    told = np.array(TOLD)
    for facts in (told, made.site, made.cohort, made.true):
        assert np.array_equal(facts[second], facts[made.first[second]])
    assert (told[second] >= 0).all()
    assert (made.first <= np.arange(260)).all()


def test_a_share_of_the_families_holds_in_small_disorders_too():
    told = [number for number in range(300) for _ in range(3)]
    made = deal(StudyPlan(families=0.4), 1, told, 300, 1)
    second = np.count_nonzero(made.first != np.arange(900))
    assert 2 * second / 900 == pytest.approx(0.4, abs=0.05)


def test_families_are_of_all_cohorts():
    made = dealt(StudyPlan(), families=1.0, cohorts=2)
    assert np.bincount(made.cohort[:240]).tolist() == [120, 120]


def test_cohorts_can_be_groups_of_sites():
    made = dealt(cohorts_by_site=True, cohorts=2)
    assert {(site, cohort) for site, cohort in zip(made.site, made.cohort, strict=True)} == {
        (0, 0), (1, 1), (2, 0), (3, 1)
    }  # fmt: skip


def test_wrong_diagnoses_are_as_many_as_asked_and_never_right():
    told = np.array(TOLD)
    made = [dealt(StudyPlan(), wrong=0.25, seed=seed).true for seed in range(8)]
    assert np.mean([true[:240] != told[:240] for true in made]) == pytest.approx(0.25, abs=0.03)
    assert (dealt(StudyPlan(), wrong=1.0).true[:240] != told[:240]).all()
    assert all((true[240:] == -1).all() for true in made)
    assert {kind for true in made for kind in true[:240]} == set(range(8))


def test_the_same_seed_deals_the_same():
    plan = replace(SITES, families=0.5, wrong=0.2, sites_by_disorder=0.5)
    one, two, other = dealt(plan), dealt(plan), dealt(plan, seed=2)
    assert np.array_equal(one.site, two.site)
    assert np.array_equal(one.true, two.true)
    assert not np.array_equal(one.site, other.site)


def test_dispersed_photos_are_as_many_and_less_equal():
    rng = np.random.default_rng(1)
    found = {
        dispersion: np.array([photo_count(rng, 2.0, dispersion, 100) for _ in range(4000)])
        for dispersion in (0.0, 4.0)
    }
    assert all(counts.min() == 1 for counts in found.values())
    assert found[0.0].mean() == pytest.approx(2, abs=0.06)
    assert found[4.0].mean() == pytest.approx(2, abs=0.2)
    assert found[0.0].var() == pytest.approx(1, abs=0.1)
    assert found[4.0].var() == pytest.approx(5, abs=1.2)
    assert max(photo_count(rng, 50.0, 4.0, 100) for _ in range(200)) == 100


def test_relatives_are_siblings_of_about_the_age_or_parents():
    rng = np.random.default_rng(2)
    found = [relative_age(rng, 8.0) for _ in range(2000)]
    parents = [age for relation, age in found if relation == "parent"]
    assert len(parents) / 2000 == pytest.approx(0.25, abs=0.03)
    assert 26 <= min(parents) <= max(parents) <= 48
    siblings = np.array([age for relation, age in found if relation == "sibling"])
    assert siblings.min() >= 0.3
    assert np.median(siblings) == pytest.approx(8, abs=0.5)
    assert {relative_age(rng, 70.0)[0] for _ in range(50)} == {"sibling"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"families": 1.1}, "of families cannot be"),
        ({"families": float("nan")}, "of families cannot be"),
        ({"kinship": -0.1}, "of kinship cannot be"),
        ({"wrong": 2.0}, "of wrong cannot be"),
        ({"site_strength": 1.5}, "of site strength cannot be"),
        ({"sites_by_disorder": -1.0}, "of sites by disorder cannot be"),
        ({"photos_dispersion": -1.0}, "not a valid dispersion"),
        ({"photos_dispersion": float("inf")}, "not a valid dispersion"),
        ({"sites": ("a", "")}, "site is empty"),
        ({"sites": ("a", "a")}, "the same name"),
        ({"sites": tuple(map(str, range(261)))}, "too many for 260"),
        ({"sites": (), "sites_by_disorder": 0.5}, "no sites"),
        ({"sites": (), "cohorts_by_site": True}, "no sites"),
        ({"cohorts_by_site": True, "sites": ("a", "b")}, "Cannot build"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(changes: dict[str, object], message: str):
    with pytest.raises(UsageError, match=message) as caught:
        dealt(cohorts=3, **changes)
    assert caught.value.hint


def test_wrong_diagnoses_of_one_disorder_are_refused():
    with pytest.raises(UsageError, match="no diagnosis can be wrong"):
        deal(StudyPlan(wrong=0.1), 1, [0, 0, 0], 1, 1)
