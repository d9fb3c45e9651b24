from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from gestalt_space.cohort import cohesion as module
from gestalt_space.cohort.cohesion import CohesionPlan, cohesion
from gestalt_space.cohort.selection import Selection
from gestalt_space.errors import SpaceMismatch, UsageError
from gestalt_space.simulate.planted import PlantedPlan, plant
from tests.cohort.simulated import joined, renamed, simulated

QUICK = CohesionPlan(permutations=499, draws=100)


def part(selection: Selection, disorder: str) -> Selection:
    pairs = zip(selection.patients, selection.disorders, strict=True)
    return selection.only(patient for patient, has in pairs if disorder in has)


@pytest.fixture
def gallery() -> Selection:
    return simulated(np.random.default_rng(1), ["a"] * 8 + ["b"] * 20 + ["c"] * 20)


def test_patients_of_one_disorder_are_more_alike_than_chance(gallery: Selection):
    found = cohesion(part(gallery, "a"), gallery, QUICK)
    assert (found.patients, found.controls, found.curve_controls) == (8, 40, 40)
    assert found.p < 0.02
    assert found.percentile > 98
    assert found.effect > 2.5
    assert found.similarity > found.random_mean
    assert [point.size for point in found.curve] == [2, 3, 4, 5, 6, 7, 8]
    assert found.curve[-1].percentile > found.curve[0].percentile > 50


def test_the_similarity_is_the_mean_over_pairs_of_different_patients(gallery: Selection):
    cohort = part(gallery, "a")
    pairs = [
        np.mean([x @ y for x in rows[i] for y in rows[j]])
        for rows in [[cohort.descriptors[cohort.patient_of_row == k] for k in range(8)]]
        for i in range(8)
        for j in range(i)
    ]
    found = cohesion(cohort, gallery, QUICK)
    assert found.similarity == pytest.approx(np.mean(pairs), abs=1e-6)


def test_p_is_uniform_where_the_cohort_is_a_random_draw():
    rng = np.random.default_rng(2)
    found = []
    for seed in range(200):
        gallery = simulated(rng, [""] * 30, dim=8)
        cohort = gallery.only(rng.permutation(gallery.patients)[:6].tolist())
        plan = CohesionPlan(permutations=199, draws=0, seed=seed)
        found.append(cohesion(cohort, gallery, plan).p)
    assert kstest(found, "uniform").pvalue > 0.01


def test_a_large_gallery_gives_the_same(gallery: Selection, monkeypatch: pytest.MonkeyPatch):
    one = cohesion(part(gallery, "a"), gallery, QUICK)
    monkeypatch.setattr(module, "_LARGEST_MATRIX", 10)
    other = cohesion(part(gallery, "a"), gallery, QUICK)
    assert (one.p, one.percentile, one.curve) == (other.p, other.percentile, other.curve)
    assert one.random_mean == pytest.approx(other.random_mean, abs=1e-6)


def test_matched_groups_have_the_cohorts_composition():
    rng = np.random.default_rng(3)
    sexes = ["female"] * 6 + ["female"] * 10 + ["male"] * 30 + [""] * 4
    gallery = simulated(rng, ["a"] * 6 + [""] * 44, sex=sexes)
    found = cohesion(part(gallery, "a"), gallery, replace(QUICK, match=("sex",)))
    assert found.controls == 10
    assert cohesion(part(gallery, "a"), gallery, QUICK).controls == 44


def test_what_makes_patients_alike_besides_is_taken_out_by_matching():
    rng = np.random.default_rng(4)
    women = simulated(rng, [""] * 40, shift=1.5, sex=["female"] * 40, prefix="W")
    men = simulated(rng, [""] * 40, shift=-1.5, sex=["male"] * 40, prefix="M")
    gallery = joined(women, men)
    cohort = gallery.only(women.patients[:8])
    assert cohesion(cohort, gallery, QUICK).p < 0.02
    assert cohesion(cohort, gallery, replace(QUICK, match=("sex",))).p > 0.05


def test_a_cohort_that_cannot_be_judged_is_told(gallery: Selection):
    cohort = part(gallery, "a")
    with pytest.raises(UsageError, match="only one patient"):
        cohesion(cohort.only(cohort.patients[:1]), gallery, QUICK)
    with pytest.raises(UsageError, match=r"Besides the cohort's 48, the gallery has only 0"):
        cohesion(gallery, gallery, QUICK)
    with pytest.raises(
        UsageError, match=r"For 8 of the 8 patients of the cohort, sex is not known"
    ):
        cohesion(cohort, gallery, replace(QUICK, match=("sex",)))
    with pytest.raises(UsageError, match="too few for a p-value"):
        CohesionPlan(permutations=10)
    with pytest.raises(SpaceMismatch):
        cohesion(replace(cohort, fingerprint="0" * 64), gallery, QUICK)


def test_a_stratum_with_too_few_controls_is_named():
    sexes, ages = ["female"] * 3 + ["male"] * 9, [2.0] * 12
    gallery = simulated(np.random.default_rng(5), ["a"] * 2 + [""] * 10, sex=sexes, ages=ages)
    plan = replace(QUICK, match=("sex", "age"))
    with pytest.raises(
        UsageError, match=r"cohort's 2 \(female, 1 to 2 years\), the gallery has only 1"
    ):
        cohesion(part(gallery, "a"), gallery, plan)


def test_more_groups_than_can_be_drawn_are_refused() -> None:
    with pytest.raises(UsageError, match="too many"):
        CohesionPlan(permutations=10**12)


def test_a_family_counts_once():
    rng = np.random.default_rng(6)
    gallery = simulated(rng, ["a"] * 6 + [""] * 30)
    cohort = part(gallery, "a")
    twins = renamed(cohort, "T")
    names = np.array([f"F{place}" for place in range(6)])
    alone = np.full(30, "")

    def related(one: Selection, family: np.ndarray) -> Selection:
        return replace(one, people=replace(one.people, family=family))

    whole = related(joined(gallery, twins), np.concatenate([names, alone, names]))
    once = cohesion(cohort, gallery, QUICK)
    both = cohesion(part(whole, "a"), whole, QUICK)
    assert (both.patients, both.families, both.controls) == (12, 6, 30)
    assert both.similarity == pytest.approx(once.similarity, abs=1e-6)
    assert both.p == once.p
    inflated = cohesion(part(whole, "a"), whole, replace(QUICK, with_family=True))
    assert inflated.similarity > both.similarity
    # Whose siblings are asked about is no control.
    assert cohesion(related(cohort, names), whole, QUICK).relatives == 6
    with pytest.raises(UsageError, match="2 patients of the cohort are of one family"):
        cohesion(part(whole, "a").only(["P0000", "T0000"]), whole, QUICK)


def test_siblings_are_no_cohesion():
    plan = PlantedPlan(sizes=(6, 60), disorder=0.0, families=1.0, kinship=0.9)
    p = {False: [], True: []}
    for seed in range(30):
        gallery = plant(plan, seed)
        cohort = gallery.only(gallery.patients[:6])
        for with_family, found in p.items():
            how = CohesionPlan(permutations=99, draws=0, seed=seed, with_family=with_family)
            found.append(cohesion(cohort, gallery, how).p)
    assert np.mean(np.array(p[False]) <= 0.05) <= 0.2
    assert np.mean(np.array(p[True]) <= 0.05) > 0.3
