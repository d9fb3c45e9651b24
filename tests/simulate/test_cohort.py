from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from gestalt_space.errors import UsageError
from gestalt_space.simulate.cohort import (
    AGE_GROUPS,
    FREQUENT,
    MOST_PATIENTS,
    MOST_PEOPLE,
    USUAL_AGES,
    Cohort,
    CohortPlan,
    SimulatedPatient,
    draw_cohort,
    patient_counts,
)
from gestalt_space.simulate.persons import FaceLabels, Persons
from gestalt_space.simulate.real_faces import RealFace
from gestalt_space.simulate.study import StudyPlan
from gestalt_space.simulate.subjects import RealSubjects, SampledSubjects
from tests.simulate.faces import GreySubjects, cartoon

SMALL = CohortPlan(disorders=6, patients=24, controls=3)


def drawn_as(**changes: object) -> Cohort:
    return draw_cohort(replace(SMALL, **changes), GreySubjects())


def ages_of(cohort: Cohort) -> list[float]:
    return [patient.subject.age_years for patient in cohort.patients]


def shares_of(words: list[str]) -> dict[str, float]:
    return {word: count / len(words) for word, count in Counter(words).items()}


@pytest.mark.parametrize(
    ("disorders", "patients"),
    [(1, 2), (1, 60), (6, 24), (10, 20), (10, 599), (10, 600), (100, 800)],
)
def test_all_patients_are_dealt(disorders: int, patients: int):
    for seed in range(5):
        counts = patient_counts(np.random.default_rng(seed), disorders, patients)
        assert len(counts) == disorders
        assert sum(counts) == patients
        assert min(counts) >= 2
        assert max(counts) <= MOST_PATIENTS


@pytest.mark.parametrize("seed", range(5))
def test_the_tail_is_long_at_the_defaults(seed: int):
    counts = np.array(patient_counts(np.random.default_rng(seed), 100, 800))
    frequent = counts >= FREQUENT
    assert 10 <= frequent.sum() <= 60
    assert (~frequent).sum() >= 40
    assert counts.max() > 5 * np.median(counts)


@pytest.mark.parametrize(("disorders", "patients"), [(6, 11), (1, 61), (0, 0), (-1, 5), (3, 0)])
def test_patients_that_cannot_be_dealt_are_refused(disorders: int, patients: int):
    with pytest.raises(UsageError, match="Cannot divide"):
        patient_counts(np.random.default_rng(1), disorders, patients)


def test_evenly_no_disorder_has_two_more_than_another():
    cohort = drawn_as(patients=27, is_even=True)
    sizes = Counter(patient.disorder.id for patient in cohort.patients if patient.disorder)
    assert sorted(sizes.values()) == [4, 4, 4, 5, 5, 5]


def test_the_patients_of_each_disorder_are_dealt_to_cohorts():
    cohort = drawn_as(patients=48, is_even=True, cohorts=("Bonn", "Taipei"))
    sizes = Counter((patient.disorder, patient.cohort) for patient in cohort.patients[:48])
    assert set(sizes.values()) == {4}
    assert {patient.cohort for patient in drawn_as().patients} == {"simulated"}
    with pytest.raises(UsageError, match="name of a cohort is empty"):
        drawn_as(cohorts=("Bonn", ""))


def test_a_cohort_has_the_people_of_its_plan():
    cohort = drawn_as()
    sizes = Counter(patient.disorder.id for patient in cohort.patients if patient.disorder)
    assert set(sizes) == {disorder.id for disorder in cohort.disorders}
    assert sum(sizes.values()) == 24
    assert len(cohort.patients) == 27
    assert len({patient.id for patient in cohort.patients}) == 27


def test_patients_have_a_gene_and_strengths_of_their_disorder():
    for patient in drawn_as().patients:
        if patient.disorder:
            assert patient.gene in patient.disorder.genes
            assert patient.strengths
            assert set(patient.strengths) <= {f.term for f in patient.disorder.features}


def test_controls_have_no_disorder_and_show_nothing():
    controls = [patient for patient in drawn_as().patients if patient.disorder is None]
    assert len(controls) == 3
    assert all(control.gene is None and not control.strengths for control in controls)


def test_patients_without_a_number_are_eight_a_disorder():
    cohort = drawn_as(patients=None, controls=0)
    assert len(cohort.patients) == 48


def test_only_the_terms_that_are_given_are_shown():
    terms = ("HP:0000316", "HP:0000664", "HP:0000154", "HP:0000508", "HP:0000319")
    cohort = drawn_as(terms=terms)
    assert {term for patient in cohort.patients for term in patient.strengths} == set(terms)


def test_patients_have_more_photos_where_the_plan_says_so():
    for mean in (1.0, 1.3, 3.0):
        cohort = drawn_as(disorders=40, patients=600, photos_per_patient=mean)
        assert cohort.photo_count / len(cohort.patients) == pytest.approx(mean, rel=0.1)
        assert min(len(patient.ages) for patient in cohort.patients) == 1


def test_photos_of_a_patient_show_different_ages():
    several = [p for p in drawn_as(photos_per_patient=4.0).patients if len(p.ages) > 1]
    assert len(several) > 15
    for patient in several:
        assert patient.ages[0] == patient.subject.age_years
        assert len(set(patient.ages)) > 1
        assert all(0.3 <= age <= 90 for age in patient.ages)


def test_a_real_face_has_one_age():
    labels = FaceLabels("female", 33.0, "light")
    source = RealSubjects([RealFace(f"{n}.png", cartoon(n)[0], labels) for n in range(4)])
    plan = CohortPlan(disorders=1, patients=3, controls=1, photos_per_patient=4.0)
    cohort = draw_cohort(plan, source)
    assert cohort.photo_count > 4
    assert {age for patient in cohort.patients for age in patient.ages} == {33.0}
    assert len({patient.subject.source.name for patient in cohort.patients}) == 4


def test_a_cohort_of_more_people_than_real_faces_is_refused():
    source = RealSubjects([RealFace("a.png", cartoon(1)[0], FaceLabels())])
    with pytest.raises(UsageError, match="fewer faces"):
        draw_cohort(CohortPlan(disorders=1, patients=2), source)


def test_a_share_of_all_is_everybody():
    cohort = drawn_as(sexes={"female": 1.0}, ages={"20-39": 5.0}, ancestries={"there": 0.1})
    assert {patient.subject.sex for patient in cohort.patients} == {"female"}
    assert {patient.subject.ancestry for patient in cohort.patients} == {"there"}
    assert all(20 <= age <= 40 for age in ages_of(cohort))


def test_shares_are_kept_in_the_mean():
    cohort = drawn_as(
        disorders=100,
        patients=2000,
        sexes={"female": 3, "male": 1},
        ages={"0-2": 1, "60+": 1},
        ancestries={"here": 0.1, "there": 0.9},
    )
    people = [patient.subject for patient in cohort.patients]
    assert shares_of([one.sex for one in people])["female"] == pytest.approx(0.75, abs=0.04)
    assert shares_of([one.ancestry for one in people])["here"] == pytest.approx(0.1, abs=0.03)
    ages = np.array(ages_of(cohort))
    assert np.mean(ages < 3) == pytest.approx(0.5, abs=0.04)
    assert ((ages <= 3) | (ages >= 60)).all()


def test_people_are_of_the_usual_ages_and_of_all_groups_alike_unless_told():
    cohort = drawn_as(disorders=100, patients=2000)
    ages = np.array(ages_of(cohort))
    for group, (youngest, oldest) in AGE_GROUPS.items():
        share = np.mean((youngest <= ages) & (ages < oldest))
        assert share == pytest.approx(USUAL_AGES[group], abs=0.03)
    people = [patient.subject for patient in cohort.patients]
    assert shares_of([one.sex for one in people])["male"] == pytest.approx(0.5, abs=0.04)
    assert shares_of([one.ancestry for one in people])["here"] == pytest.approx(0.5, abs=0.04)


def test_groups_of_age_leave_no_gap():
    edges = list(AGE_GROUPS.values())
    assert all(one[1] == two[0] for one, two in pairwise(edges))
    assert sum(USUAL_AGES.values()) == pytest.approx(1)
    assert set(USUAL_AGES) == set(AGE_GROUPS)


@pytest.mark.parametrize(
    "changes",
    [
        {"sexes": {"woman": 1.0}},
        {"ancestries": {"here": 1.0, "nowhere": 0.0}},
        {"ages": {"20-29": 1.0}},
        {"difficulty": "hard"},
        {"terms": ("HP:0000001",)},
    ],
)
def test_an_unknown_word_is_refused(changes: dict[str, object]):
    with pytest.raises(UsageError) as caught:
        drawn_as(**changes)
    assert caught.value.hint


@pytest.mark.parametrize("share", [-0.1, float("nan"), float("inf")])
def test_a_share_that_is_none_is_refused(share: float):
    with pytest.raises(UsageError, match="not a share of sex female"):
        drawn_as(sexes={"female": share, "male": 1.0})


@pytest.mark.parametrize("shares", [{}, {"female": 0.0, "male": 0.0}])
def test_shares_that_are_all_0_are_refused(shares: dict[str, float]):
    with pytest.raises(UsageError, match="all 0"):
        drawn_as(sexes=shares)


@pytest.mark.parametrize(
    "changes",
    [
        {"photos_per_patient": 0.5},
        {"photos_per_patient": float("nan")},
        {"photos_per_patient": float("inf")},
        {"controls": -1},
        {"seed": -1},
    ],
)
def test_numbers_that_cannot_be_are_refused(changes: dict[str, object]):
    with pytest.raises(UsageError, match="Cannot make a cohort"):
        drawn_as(**changes)


def test_the_same_plan_gives_the_same_people_and_photos(drawn: Persons):
    one, two = (draw_cohort(SMALL, SampledSubjects(drawn)) for _ in range(2))
    assert one.disorders == two.disorders
    assert [p.id for p in one.patients] == [p.id for p in two.patients]
    assert [p.strengths for p in one.patients] == [p.strengths for p in two.patients]
    for first, second in zip(one.photos(), two.photos(), strict=True):
        assert first.capture == second.capture
        assert np.array_equal(first.portrait.pixels, second.portrait.pixels)


def test_another_seed_gives_other_people():
    one, two = drawn_as(seed=1), drawn_as(seed=2)
    assert one.disorders != two.disorders
    assert not {p.id for p in one.patients} & {p.id for p in two.patients}
    assert ages_of(one) != ages_of(two)
    seeds = [{photo.capture.seed for photo in cohort.photos()} for cohort in (one, two)]
    assert not seeds[0] & seeds[1]


def test_photos_are_numbered_and_of_their_patients(drawn: Persons):
    cohort = draw_cohort(SMALL, SampledSubjects(drawn))
    photos = list(cohort.photos())
    assert [photo.id for photo in photos] == list(range(1, cohort.photo_count + 1))
    taken = [(photo.patient.id, photo.age_years) for photo in photos]
    assert taken == [(patient.id, age) for patient in cohort.patients for age in patient.ages]


def test_phenotypes_are_in_the_photos():
    """A strong change of the eyes' distance moves the landmarks of the photo apart."""
    cohort = drawn_as()
    patient = next(p for p in cohort.patients if p.disorder)
    wide = replace(patient, strengths={"HP:0000316": 4.0}, ages=(9.0,))
    plain = replace(patient, strengths={}, ages=(9.0,))
    shown, bare = (next(iter(replace(cohort, patients=(one,)).photos())) for one in (wide, plain))
    assert shown.capture == bare.capture
    apart = [np.linalg.norm(np.diff(p.portrait.landmarks[:2], axis=0)) for p in (shown, bare)]
    assert apart[0] > apart[1] + 5


def test_identifiers_tell_nothing():
    """Nothing about group, order or disorder."""
    cohort = drawn_as()
    numbers = [int(patient.id.removeprefix("P")) for patient in cohort.patients]
    assert all(len(patient.id) == 7 for patient in cohort.patients)
    assert numbers != sorted(numbers)
    assert abs(np.corrcoef(numbers, np.arange(len(numbers)))[0, 1]) < 0.6


@pytest.mark.parametrize(
    "changes",
    [
        {"patients": 6, "disorders": 3, "controls": MOST_PEOPLE},
        {"disorders": MOST_PEOPLE // 8 + 1},
    ],
)
def test_more_people_than_there_are_identifiers_are_refused(changes: dict[str, object]):
    with pytest.raises(UsageError, match="people") as caught:
        draw_cohort(CohortPlan(**changes), GreySubjects())
    assert f"{MOST_PEOPLE:,}" in caught.value.hint


def test_a_seed_that_no_file_name_holds_is_refused():
    with pytest.raises(UsageError, match="seed"):
        draw_cohort(CohortPlan(disorders=2, seed=10**20), GreySubjects())


def test_shares_of_any_size_are_shares():
    plan = CohortPlan(disorders=2, sexes={"female": 1e308, "male": 1e308})
    sexes = [patient.subject.sex for patient in draw_cohort(plan, GreySubjects()).patients]
    assert set(sexes) == {"female", "male"}


REAL = StudyPlan(
    sites=("Bonn", "Taipei"), families=0.6, wrong=0.2, photos_dispersion=2.0, sites_by_disorder=0.5
)


def test_relatives_have_one_name_gene_site_and_ancestry():
    cohort = drawn_as(patients=120, study=REAL, cohorts=("a", "b"))
    members: dict[str, list[SimulatedPatient]] = {}
    for patient in cohort.patients:
        if patient.family:
            members.setdefault(patient.family, []).append(patient)
    assert 30 <= len(members) <= 42
    for first, second in members.values():
        for what in ("diagnosis", "disorder", "gene", "site", "cohort"):
            assert getattr(first, what) == getattr(second, what) is not None
        assert first.subject.ancestry == second.subject.ancestry
        assert (first.relation, second.relation in ("sibling", "parent")) == ("", True)
        assert second.strengths != first.strengths
    assert all(p.relation == "" for p in cohort.patients if not p.family)


def test_patients_show_their_disorder_and_tables_their_diagnosis():
    cohort = drawn_as(patients=120, study=REAL)
    mistaken = [p for p in cohort.patients if p.disorder is not p.diagnosis]
    assert 10 <= len(mistaken) <= 40
    for patient in mistaken:
        assert patient.disorder is not None
        assert patient.gene in patient.diagnosis.genes
        assert set(patient.strengths) <= {f.term for f in patient.disorder.features}


def test_sites_have_patients_of_their_own_ages_and_ancestries():
    cohort = drawn_as(disorders=100, patients=2000, study=replace(REAL, families=0.0))
    for site in cohort.sites:
        there = [p.subject for p in cohort.patients if p.site is site]
        shares = shares_of([one.ancestry for one in there])
        assert shares["here"] == pytest.approx(site.ancestries["here"], abs=0.05)
        young = np.mean([one.age_years < 3 for one in there])
        assert young == pytest.approx(site.ages["0-2"], abs=0.04)


def test_sites_that_do_not_differ_take_the_photos_of_no_site(drawn: Persons):
    """So that what a site adds can be told from everything else."""
    study = StudyPlan(sites=("Bonn", "Taipei"), site_strength=0.0)
    plain, sited = (
        draw_cohort(replace(SMALL, study=one), SampledSubjects(drawn))
        for one in (StudyPlan(), study)
    )
    for one, two in zip(plain.photos(), sited.photos(), strict=True):
        assert one.capture == two.capture
        assert np.array_equal(one.portrait.pixels, two.portrait.pixels)


def test_photos_of_two_sites_differ_in_light_and_of_one_do_not(drawn: Persons):
    study = StudyPlan(sites=("Bonn", "Taipei"))
    cohort = draw_cohort(
        CohortPlan(disorders=6, patients=80, seed=4, study=study), SampledSubjects(drawn)
    )
    shown = {"Bonn": [], "Taipei": []}
    for photo in cohort.photos():
        corner = photo.portrait.pixels[4:24, 4:24].mean(axis=(0, 1))
        shown[photo.patient.site.name].append(corner)
    groups = [np.array(values) for values in shown.values()]
    between = np.linalg.norm(groups[0].mean(0) - groups[1].mean(0))
    halves = np.linalg.norm(groups[0][::2].mean(0) - groups[0][1::2].mean(0))
    assert between > 2 * halves


def test_real_faces_have_no_relatives():
    source = RealSubjects(
        [RealFace(f"{n}.png", cartoon(n)[0], FaceLabels("male", 9.0, "light")) for n in range(9)]
    )
    plan = CohortPlan(disorders=1, patients=6, study=StudyPlan(families=1.0))
    with pytest.raises(UsageError, match="Families cannot"):
        draw_cohort(plan, source)


def test_relatives_look_alike_by_their_kinship(builtin: Persons):
    rng = np.random.default_rng(1)
    found: dict[float, list[float]] = {0.0: [], 0.5: [], 1.0: []}
    own = []
    for _ in range(60):
        person = builtin.sample(rng, sex="male", age_years=8, ancestry="asian")
        for kinship, alike in found.items():
            other = builtin.relative(rng, person, sex="female", age_years=5, kinship=kinship)
            assert (other.ancestry, other.sex, other.age_years) == ("asian", "female", 5)
            assert np.array_equal(other.hair.colour, person.hair.colour)
            alike.append(float(np.corrcoef(other.traits, person.traits)[0, 1]))
            own.append(np.square(other.traits).sum() / np.square(person.traits).sum())
    for kinship, alike in found.items():
        assert np.mean(alike) == pytest.approx(kinship, abs=0.1)
    # They vary as anybody does.
    assert np.median(own) == pytest.approx(1, abs=0.15)


def test_real_faces_are_photographed_as_their_site_does():
    labels = FaceLabels("female", 33.0, "light")
    source = RealSubjects([RealFace(f"{n}.png", cartoon(n)[0], labels) for n in range(12)])
    study = StudyPlan(sites=("Bonn", "Taipei"))
    cohort = draw_cohort(CohortPlan(disorders=1, patients=12, study=study), source)
    for photo in cohort.photos():
        site = photo.patient.site
        assert photo.capture.balance[1] == pytest.approx(site.balance[1])
        assert photo.capture.blur >= site.blur
    assert {patient.site.name for patient in cohort.patients} == {"Bonn", "Taipei"}
