from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, kstest

from gestalt_space.cohort import recognisable as module
from gestalt_space.cohort.controls import matched_controls
from gestalt_space.cohort.families import unit_strata
from gestalt_space.cohort.patients import strata_of
from gestalt_space.cohort.recognisable import Recognisable, RecognisablePlan, recognisable
from gestalt_space.cohort.selection import Selection
from gestalt_space.errors import SpaceMismatch, UsageError
from gestalt_space.simulate.planted import PlantedPlan, plant
from gestalt_space.stats.held_out import HeldOut
from tests.cohort.simulated import joined, simulated

QUICK = RecognisablePlan(match=(), permutations=99)


def with_disorder(of: Selection, disorder: str) -> Selection:
    pairs = zip(of.patients, of.disorders, strict=True)
    return of.only(patient for patient, has in pairs if disorder in has)


@pytest.fixture
def gallery() -> Selection:
    return simulated(np.random.default_rng(1), ["a"] * 12 + ["b"] * 20 + [""] * 20, strength=2.0)


def asked(gallery: Selection, plan: RecognisablePlan = QUICK, disorder: str = "a") -> Recognisable:
    return recognisable(with_disorder(gallery, disorder), gallery, plan)


def test_a_disorder_with_a_face_of_its_own_is_recognisable(gallery: Selection):
    found = asked(gallery)
    assert (found.patients.patients, found.controls.patients) == (12, 12)
    assert found.classifier == "RBF SVM"
    assert found.p == 0.01
    assert found.auroc.value > 0.95
    assert found.brier < 0.15 < found.shuffled_brier - found.shuffled_sd
    assert "not matched on sex and age" in found.warnings[0]


def test_so_it_is_with_few_patients(gallery: Selection):
    few = gallery.only(gallery.patients[5:])
    found = asked(few, replace(QUICK, controls=2))
    assert (found.classifier, found.folds) == ("logistic regression", 7)
    assert (found.patients.units, found.controls.units) == (7, 14)
    assert found.p == 0.01


def test_p_is_that_of_the_seed(gallery: Selection):
    weak = simulated(np.random.default_rng(2), ["a"] * 6 + [""] * 30, strength=0.4)
    assert asked(weak) == asked(weak)
    assert asked(weak).p != asked(weak, replace(QUICK, seed=1)).p


def test_p_counts_the_permutations_that_are_at_least_as_good(
    gallery: Selection, monkeypatch: pytest.MonkeyPatch
):
    briers = iter([0.2, *[0.3] * 60, *[0.2] * 9, *[0.1] * 30])
    monkeypatch.setattr(module, "brier", lambda *_: next(briers))
    found = asked(gallery)
    assert found.p == (39 + 1) / 100
    assert (found.brier, found.shuffled_brier) == (0.2, pytest.approx((18 + 1.8 + 3) / 99))


def test_labels_are_permuted_within_strata_over_whole_families(monkeypatch: pytest.MonkeyPatch):
    sexes = ["female"] * 6 + ["male"] * 2 + ["female"] * 9 + ["male"] * 9
    families = [*("", "F1", "F1", "F2"), *[""] * 4, *("F3", "F3"), *[""] * 16]
    of = simulated(
        np.random.default_rng(3), ["a"] * 8 + [""] * 18, sex=sexes, family=families, dim=8
    )
    seen = []
    real = HeldOut.probabilities
    monkeypatch.setattr(
        HeldOut, "probabilities", lambda self, labels: seen.append(labels) or real(self, labels)
    )
    found = asked(of, replace(QUICK, match=("sex",)))
    assert (found.patients.patients, found.patients.units, found.controls.units) == (8, 7, 7)
    labels = np.array(seen)
    assert labels.shape == (100, 14), "the observed labels, and 99 permutations of them"
    drawn = matched_controls(with_disorder(of, "a"), of, ("sex",))
    strata = [
        unit_strata(strata_of(group, ("sex",)), group.families)
        for group in (drawn.patients, drawn.controls)
    ]
    women = np.concatenate(strata) == "female"
    assert set(labels[:, women].sum(axis=1)) == {5}
    assert set(labels.sum(axis=1)) == {7}
    assert len(np.unique(labels, axis=0)) > 60


def test_photos_count_no_more_where_a_patient_has_many(gallery: Selection):
    one = gallery.patients[0]
    rows = np.flatnonzero(gallery.patient_of_row == 0)
    more = joined(gallery.only([one]), gallery.only([p for p in gallery.patients if p != one]))
    again = np.r_[rows, rows, np.arange(len(gallery))[len(rows) :]]
    many = replace(
        more,
        descriptors=more.descriptors[again],
        photos=more.photos[again],
        ages=more.ages[again],
        sites=more.sites[again],
        patient_of_row=more.patient_of_row[again],
    )
    assert asked(many).p == asked(gallery).p
    assert asked(many).brier == pytest.approx(asked(gallery).brier, abs=1e-6)


def test_what_can_be_seen_but_is_not_the_disorder_is_removed_by_matching():
    rng = np.random.default_rng(4)
    women = simulated(rng, ["a"] * 9 + [""] * 12, shift=1.5, strength=0, sex=["female"] * 21)
    men = simulated(rng, [""] * 30, shift=-1.5, sex=["male"] * 30, prefix="M")
    of = joined(women, men)
    assert asked(of).p <= 0.05
    assert asked(of, replace(QUICK, match=("sex",))).p > 0.05


def test_sites_of_one_group_are_named():
    sites = ["Bonn"] * 6 + ["Taipei"] * 20
    of = simulated(np.random.default_rng(5), ["a"] * 6 + [""] * 20, site=sites)
    assert any("No site has photos of both groups" in told for told in asked(of).warnings)
    with pytest.raises(UsageError, match="controls with the same site"):
        asked(of, replace(QUICK, match=("site",)))
    shared = replace(of, sites=np.where(np.arange(len(of)) % 2, "Bonn", of.sites))
    assert any("Site Taipei has photos of the controls only" in t for t in asked(shared).warnings)


def test_who_cannot_be_asked_about_is_told(gallery: Selection):
    few = simulated(np.random.default_rng(6), ["a"] + [""] * 9)
    with pytest.raises(UsageError, match="only one patient"):
        asked(few)
    siblings = simulated(
        np.random.default_rng(6), ["a"] * 3 + [""] * 9, family=["F"] * 3 + [""] * 9
    )
    with pytest.raises(UsageError, match="of one family"):
        asked(siblings)
    with pytest.raises(UsageError, match="only 20 permutations of these families"):
        asked(simulated(np.random.default_rng(6), ["a"] * 3 + [""] * 9))
    with pytest.raises(UsageError, match="too few other patients"):
        asked(gallery, replace(QUICK, controls=41))
    with pytest.raises(SpaceMismatch):
        recognisable(replace(gallery, fingerprint="0" * 64), gallery, QUICK)
    for wrong, told in (
        ({"permutations": 10}, "too few"),
        ({"permutations": 10**12}, "too many"),
        ({"controls": 0}, "no controls"),
    ):
        with pytest.raises(UsageError, match=told):
            replace(QUICK, **wrong)


NULL = PlantedPlan(
    (8, 40),
    disorder=0.0,
    dim=16,
    sex=0.7,
    age=0.5,
    sites=3,
    site=0.7,
    sites_follow_disorder=0.5,
    families=0.3,
)
"""A disorder without a face of its own, whose patients come from other sites, and in families."""


def p_values(plan: PlantedPlan, galleries: int, asks: RecognisablePlan) -> list[float]:
    """Of those galleries in which enough patients can be matched for a p of 0.05."""
    found = []
    for seed in range(galleries):
        of = plant(plan, seed)
        disorder = min({has[0] for has in of.disorders if has})
        with suppress(UsageError):
            found.append(asked(of, replace(asks, seed=seed), disorder).p)
    assert len(found) > 0.9 * galleries
    return found


def test_without_a_face_of_its_own_a_disorder_is_rarely_recognisable():
    found = p_values(NULL, 16, replace(QUICK, match=("site",)))
    assert np.sum(np.array(found) <= 0.05) <= binom.ppf(0.999, 16, 0.05)
    assert np.median(found) > 0.2


@pytest.mark.slow
@pytest.mark.parametrize("each", [8, 14])
def test_p_is_uniform_without_a_face_of_its_own(each: int):
    plan = replace(NULL, sizes=(each, 60))
    found = p_values(plan, 200, replace(QUICK, match=("site",)))
    assert kstest(found, "uniform").pvalue > 0.01
