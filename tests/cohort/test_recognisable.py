from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from math import comb

import numpy as np
import pytest
from scipy.stats import binom, kstest

from gestalt_space.cohort import recognisable as module
from gestalt_space.cohort.controls import matched_controls
from gestalt_space.cohort.families import unit_strata
from gestalt_space.cohort.patients import strata_of
from gestalt_space.cohort.recognisable import Recognisable, RecognisablePlan, recognisable
from gestalt_space.cohort.selection import Selection
from gestalt_space.cohort.term_groups import unit_similarities
from gestalt_space.errors import SpaceMismatch, UsageError
from gestalt_space.phenotype.patients import described
from gestalt_space.phenotype.release import Release
from gestalt_space.simulate.planted import PlantedPlan, plant
from gestalt_space.stats.held_out import HeldOut
from tests.cohort.simulated import joined, simulated
from tests.phenotype.made import made_release

pytestmark = pytest.mark.lengthy

QUICK = RecognisablePlan(match=(), permutations=99)


def with_disorder(of: Selection, disorder: str) -> Selection:
    pairs = zip(of.patients, of.disorders, strict=True)
    return of.only(patient for patient, has in pairs if disorder in has)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The release that was made by hand."""
    return made_release(tmp_path_factory.mktemp("hpo") / "release")


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


LEAVES = ("HP:0000011", "HP:0000012", "HP:0000013", "HP:0000020", "HP:0000021")
NOSE = "HP:0000011"


def terms_of(
    of: Selection, often: dict[str, tuple[float, float]], seed: int = 0
) -> dict[str, list[str]]:
    """Terms of patients: how often a patient with the disorder `a` has each, and another one. Who
    would have none has the arm, which is as frequent in both groups."""
    rng = np.random.default_rng([seed, 77])
    found = {}
    for patient, has in zip(of.patients, of.disorders, strict=True):
        draws = rng.random(len(LEAVES))
        shares = [often.get(term, (0.4, 0.4))["a" not in has] for term in LEAVES]
        terms = [
            term for term, draw, share in zip(LEAVES, draws, shares, strict=True) if draw < share
        ]
        found[patient] = terms or ["HP:0000020"]
    return found


BOTH = replace(QUICK, by="both")


def planted(release: Release, *, face: float, nose: tuple[float, float], seed: int = 1):
    """Who is compared, with terms: 14 patients with a disorder, whose faces and noses differ."""
    of = simulated(np.random.default_rng(seed), ["a"] * 14 + [""] * 30, strength=face)
    return of, described(release, terms_of(of, {NOSE: nose}, seed))


def told(found: Recognisable) -> dict[str, float]:
    return {one.by: one.p for one in (*found.alone, found)}


@pytest.mark.parametrize(
    ("face", "nose", "recognised"),
    [
        (2.0, (0.4, 0.4), {"face", "both"}),
        (0.0, (0.95, 0.05), {"terms", "both"}),
        (2.0, (0.95, 0.05), {"face", "terms", "both"}),
    ],
)
def test_what_is_planted_is_what_carries_it(release, face, nose, recognised):
    of, terms = planted(release, face=face, nose=nose, seed=2)
    found = recognisable(with_disorder(of, "a"), of, BOTH, described=terms)
    assert {by for by, p in told(found).items() if p <= 0.05} == recognised
    assert found.by == "both"
    distinct = {one.id for one in found.terms.shares if one.q <= 0.05}
    assert (NOSE in distinct) == ("terms" in recognised)


def test_each_part_is_measured_as_if_it_alone_were(release: Release):
    of, terms = planted(release, face=0.5, nose=(0.7, 0.3))
    cohort = with_disorder(of, "a")
    found = recognisable(cohort, of, BOTH, described=terms)
    for by, one in zip(("face", "terms"), found.alone, strict=True):
        alone = recognisable(cohort, of, replace(QUICK, by=by), described=terms)
        assert (alone.by, alone.alone) == (by, ())
        assert (alone.p, alone.brier, alone.auroc) == (one.p, one.brier, one.auroc)


def test_patients_without_terms_are_left_out_of_all_and_counted(release: Release):
    of, terms = planted(release, face=2.0, nose=(0.9, 0.1))
    family = np.array(["F"] + [""] * 42 + ["F"])
    of = replace(of, people=replace(of.people, family=family))
    gone = {*of.patients[:2], *of.patients[20:25], of.patients[-1]}
    kept = {one: query for one, query in terms.queries.items() if one not in gone}
    found = recognisable(with_disorder(of, "a"), of, BOTH, described=replace(terms, queries=kept))
    assert (found.patients.patients, found.controls.patients) == (12, 12)
    assert (found.terms.patients_without, found.terms.controls_without) == (2, 5)
    assert found.relatives == 1, "of a patient who is left out, too"
    few = {one: terms.queries[one] for one in of.patients[13:]}
    with pytest.raises(UsageError, match="only one patient with HPO terms"):
        recognisable(with_disorder(of, "a"), of, BOTH, described=replace(terms, queries=few))
    with pytest.raises(UsageError, match="terms of the patients are not given"):
        asked(of, BOTH)


def test_relatives_are_one_by_the_mean_of_their_similarities(release: Release):
    of = simulated(np.random.default_rng(1), ["a"] * 6 + [""] * 4, family=["F", "F"] + [""] * 8)
    terms = described(release, terms_of(of, {}))
    groups = of.only(of.patients[:6]), of.only(of.patients[6:])
    units = [group.families for group in groups]
    found = unit_similarities(terms, groups, units)
    alone = terms.similarities(of.patients)
    assert found.shape == (9, 9)
    pair = int(units[0][0])
    single, last = int(units[0][5]), 5 + int(units[1][3])
    assert found[pair, last] == pytest.approx(alone[:2, 9].mean())
    assert found[single, last] == pytest.approx(alone[5, 9])


def test_who_was_described_more_thoroughly_is_a_warning(release: Release):
    of = simulated(np.random.default_rng(1), ["a"] * 14 + [""] * 30, strength=0.0)
    often = dict.fromkeys(LEAVES, (0.8, 0.25))
    found = recognisable(
        with_disorder(of, "a"), of, BOTH, described=described(release, terms_of(of, often))
    )
    assert found.terms.count.patients > found.terms.count.controls + 1
    assert any("Patients have more terms than controls" in told for told in found.warnings)
    same = recognisable(
        with_disorder(of, "a"), of, BOTH, described=described(release, terms_of(of, {}))
    )
    assert not any("more terms" in told for told in same.warnings)


def test_a_term_is_listed_once_where_the_same_patients_have_what_it_implies(release: Release):
    of = simulated(np.random.default_rng(1), ["a"] * 6 + [""] * 6)
    noses = (1, 2, 3, 4, 7)
    terms = {
        one: [NOSE if place in noses else "HP:0000013"] for place, one in enumerate(of.patients)
    }
    terms[of.patients[0]] = ["HP:0000021"]
    found = recognisable(
        with_disorder(of, "a"),
        of,
        replace(QUICK, by="terms"),
        described=described(release, terms),
    )
    by_id = {one.id: one for one in found.terms.shares}
    assert by_id.keys() == {NOSE, "HP:0000013"}, "all have a face, and only one has an arm"
    assert (by_id[NOSE].patients, by_id[NOSE].controls) == (4 / 6, 1 / 6)
    ways = [comb(5, k) * comb(7, 6 - k) for k in range(6)]  # k of 5 with such a nose are patients
    far = sum(way for k, way in enumerate(ways) if abs(2 * k - 5) >= 3) / comb(12, 6)
    assert by_id[NOSE].p == pytest.approx(far, abs=0.01)


def test_terms_that_do_not_differ_are_rarely_recognisable(release: Release):
    found = []
    for seed in range(12):
        of, terms = planted(release, face=0.0, nose=(0.4, 0.4), seed=seed)
        plan = replace(QUICK, by="terms", seed=seed)
        found.append(recognisable(with_disorder(of, "a"), of, plan, described=terms).p)
    assert np.sum(np.array(found) <= 0.05) <= binom.ppf(0.999, 12, 0.05)
    assert np.median(found) > 0.2


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
