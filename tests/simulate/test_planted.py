"""Every part of a planted cohort is as its plan says."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest

from gestalt_space.cohort.selection import Selection
from gestalt_space.simulate.planted import PlantedPlan, plant

PLAN = PlantedPlan(sizes=(60, 40, 30))
LARGE = replace(PLAN, sizes=(400, 400, 400))
BARE = replace(LARGE, common=0.0, disorder=0.0)


def told(made: Selection) -> np.ndarray:
    return np.array([has[0] if has else "" for has in made.disorders])


def is_b(made: Selection) -> np.ndarray:
    return made.people.cohort == "B"


def site_of(made: Selection) -> np.ndarray:
    """`(p,)`: the site of each patient's first photo."""
    return made.sites[made.row_starts]


def years(made: Selection) -> np.ndarray:
    return made.ages[made.row_starts]


def apart(made: Selection, first: np.ndarray) -> float:
    """Distance of the means of two groups of patients, in lengths of a descriptor, without what
    chance gives."""
    means = made.patient_means().astype(float)
    similar = means @ means.T
    within = [
        (similar[np.ix_(group, group)].sum() - np.trace(similar[np.ix_(group, group)]))
        / (group.sum() * (group.sum() - 1))
        for group in (first, ~first)
    ]
    return float(sum(within) - 2 * similar[np.ix_(first, ~first)].mean())


def pairs(made: Selection) -> list[tuple[int, int]]:
    members = defaultdict(list)
    for place, family in enumerate(made.people.family):
        if family:
            members[family].append(place)
    assert {len(of) for of in members.values()} <= {2}
    return [(one, two) for one, two in members.values()]


def test_sizes_and_undiagnosed_are_the_plans():
    made = plant(replace(PLAN, undiagnosed=7), 1)
    sizes = Counter(told(made))
    assert sizes == {"OMIM:100000": 60, "OMIM:100001": 40, "OMIM:100002": 30, "": 7}
    assert np.allclose(np.linalg.norm(made.descriptors, axis=1), 1, atol=1e-5)


def test_the_same_seed_gives_the_same_and_another_does_not():
    one, two, other = plant(PLAN, 1), plant(PLAN, 1), plant(PLAN, 2)
    assert np.array_equal(one.descriptors, two.descriptors)
    assert np.array_equal(one.people.cohort, two.people.cohort)
    assert not np.array_equal(one.people.cohort, other.people.cohort)


def test_disorders_are_apart_only_where_they_have_a_length():
    for length, seen in ((0.0, False), (1.0, True)):
        made = plant(replace(LARGE, disorder=length), 3)
        assert (apart(made, told(made) == "OMIM:100000") > 0.05) is seen
        assert abs(apart(made, is_b(made))) < 0.02


def test_cohorts_have_their_shares_and_differ_by_their_shift():
    made = plant(replace(LARGE, share_b=0.2), 4)
    assert is_b(made).mean() == pytest.approx(0.2, abs=0.04)
    assert abs(apart(made, is_b(made))) < 0.02
    shifted = plant(replace(LARGE, shift=0.8), 4)
    assert apart(shifted, is_b(shifted)) > 0.05


def test_only_the_named_disorders_are_shifted():
    made = plant(replace(LARGE, shift=1.0, shifted=(1,)), 5)
    seen = {}
    for kind in range(3):
        one = made.only(np.array(made.patients)[told(made) == f"OMIM:{100000 + kind}"])
        seen[kind] = apart(one, is_b(one)) > 0.05
    assert seen == {0: False, 1: True, 2: False}


def test_shifts_of_ones_own_go_different_ways():
    """Shifts in one direction point alike, those of one's own do not."""
    alike = {}
    for own in (False, True):
        made = plant(replace(LARGE, shift=1.5, shift_own=own), 6)
        means = made.patient_means().astype(float)
        shifts = np.stack(
            [
                means[(told(made) == kind) & is_b(made)].mean(0)
                - means[(told(made) == kind) & ~is_b(made)].mean(0)
                for kind in np.unique(told(made))
            ]
        )
        shifts /= np.linalg.norm(shifts, axis=1, keepdims=True)
        alike[own] = (shifts @ shifts.T)[np.triu_indices(3, 1)].mean()
    assert alike[False] > 0.8
    assert alike[True] < 0.5


def test_sexes_have_their_shares_and_differ():
    made = plant(replace(BARE, female_a=0.8, female_b=0.3, sex=1.0), 7)
    female = made.people.sex == "female"
    assert female[~is_b(made)].mean() == pytest.approx(0.8, abs=0.05)
    assert female[is_b(made)].mean() == pytest.approx(0.3, abs=0.05)
    assert apart(made, female) > 0.1
    plain = plant(BARE, 7)
    assert abs(apart(plain, plain.people.sex == "female")) < 0.02


def test_ages_have_their_medians_and_differ():
    made = plant(replace(BARE, age=0.5, age_a=5.0, age_b=14.0), 8)
    assert np.median(years(made)[~is_b(made)]) == pytest.approx(5, rel=0.15)
    assert np.median(years(made)[is_b(made)]) == pytest.approx(14, rel=0.15)
    assert apart(made, years(made) > 8) > 0.1


def test_photos_are_as_many_as_planned_and_unequal_where_dispersed():
    spreads = []
    for dispersion in (0.0, 3.0):
        made = plant(replace(LARGE, photos=3.0, photos_b=2.0, photos_dispersion=dispersion), 9)
        counts = np.bincount(made.patient_of_row)
        assert counts.min() == 1
        assert counts[~is_b(made)].mean() == pytest.approx(3, abs=0.4)
        assert counts[is_b(made)].mean() == pytest.approx(2, abs=0.3)
        spreads.append(counts[~is_b(made)].var())
    # Poisson: 2; with a dispersion of 3: 2 + 3 · 2².
    assert spreads[0] == pytest.approx(2, rel=0.25)
    assert spreads[1] == pytest.approx(14, rel=0.35)


def test_photos_of_b_are_noisier_without_another_mean():
    made = plant(replace(LARGE, photos=2.0, photo_b=2.0), 10)
    similar = [
        float(
            np.mean(
                [
                    made.descriptors[row] @ made.descriptors[row + 1]
                    for row in np.flatnonzero(np.diff(made.patient_of_row) == 0)
                    if is_b(made)[made.patient_of_row[row]] == of_b
                ]
            )
        )
        for of_b in (False, True)
    ]
    assert similar[1] < similar[0] - 0.2


@pytest.mark.parametrize("follow", [0.0, 1.0])
def test_sites_follow_cohorts_as_far_as_planned(follow: float):
    made = plant(replace(BARE, sites=2, site=1.0, sites_follow=follow), 11)
    same = (site_of(made) == "S1") == is_b(made)
    assert same.mean() == (1.0 if follow else pytest.approx(0.5, abs=0.05))
    assert apart(made, site_of(made) == "S1") > 0.1
    assert (apart(made, is_b(made)) > 0.1) is bool(follow)


def test_sites_follow_disorders_as_far_as_planned():
    made = plant(replace(BARE, sites=3, site=1.0, sites_follow_disorder=0.8), 12)
    home = np.array([f"S{int(one[-1]) % 3}" for one in told(made)])
    assert (site_of(made) == home).mean() == pytest.approx(0.8 + 0.2 / 3, abs=0.04)
    assert apart(made, told(made) == "OMIM:100000") > 0.05


def test_photos_of_later_sites_are_noisier():
    made = plant(replace(LARGE, sites=2, site_photo=3.0, photos=2.0), 13)
    rows = np.flatnonzero(np.diff(made.patient_of_row) == 0)
    similar = np.einsum("rd,rd->r", made.descriptors[rows], made.descriptors[rows + 1])
    assert similar[made.sites[rows] == "S1"].mean() < similar[made.sites[rows] == "S0"].mean() - 0.2


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_families_are_pairs_of_one_disorder_cohort_and_site(share: float):
    made = plant(replace(LARGE, families=share, sites=4, sites_follow_disorder=0.3, wrong=0.2), 14)
    found = pairs(made)
    assert 2 * len(found) / len(made.patients) == pytest.approx(share, abs=0.01)
    for facts in (told(made), made.people.cohort, site_of(made)):
        assert all(facts[one] == facts[two] for one, two in found)
    alone = len(made.patients) - len(found)
    assert len(np.unique(made.families)) == alone


def test_relatives_are_alike_by_their_kinship():
    similar = {}
    for kinship in (0.0, 0.4, 0.9):
        made = plant(replace(BARE, families=1.0, kinship=kinship, photo=0.0), 15)
        means = made.patient_means()
        similar[kinship] = float(np.mean([means[one] @ means[two] for one, two in pairs(made)]))
    for kinship, seen in similar.items():
        assert seen == pytest.approx(kinship, abs=0.05)


def test_relatives_with_a_wrong_diagnosis_have_one_true_disorder():
    """Else a wrong diagnosis would set relatives apart. Siblings who do not look alike otherwise
    are as similar as any two of one true disorder."""
    plan = replace(LARGE, disorder=3.0, families=1.0, kinship=0.0, wrong=0.5, photo=0.0)
    made = plant(plan, 16)
    means = made.patient_means()
    similar = np.array([means[one] @ means[two] for one, two in pairs(made)])
    assert (similar > 0.5).mean() > 0.97


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_a_share_of_the_diagnoses_is_wrong(share: float):
    made = plant(replace(LARGE, disorder=4.0, wrong=share), 17)
    means, kinds = made.patient_means(), np.unique(told(made))
    centres = np.stack([np.median(means[told(made) == kind], axis=0) for kind in kinds])
    nearest = kinds[(means @ centres.T).argmax(axis=1)]
    assert (nearest != told(made)).mean() == pytest.approx(share, abs=0.03)


def test_other_people_can_have_the_same_disorders():
    """With a seed of people, the disorders lie where they did, and the patients are others."""

    def centres(people: int | None, seed: int = 18) -> np.ndarray:
        made = plant(replace(LARGE, common=0.0, photos=2.0, sites=2, site=0.5), seed, people=people)
        means = made.patient_means()
        rows = [means[told(made) == kind].mean(0) for kind in np.unique(told(made))]
        return np.stack([row / np.linalg.norm(row) for row in rows])

    one, two = centres(1), centres(2)
    assert not np.array_equal(one, two)
    assert np.array_equal(one, centres(1))
    assert np.einsum("kd,kd->k", one, two).min() > 0.9
    assert np.abs(np.einsum("kd,kd->k", one, centres(1, seed=19))).max() < 0.7
