from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import UsageError
from gestalt_space.gallery.intake.tables import read_table
from gestalt_space.simulate.case_cohorts import draw_case_cohort
from gestalt_space.simulate.cohort import Cohort, CohortPlan
from gestalt_space.simulate.cohort_files import write_cohort
from gestalt_space.simulate.phenotypes import show
from gestalt_space.simulate.published_cases import SIMULATED_FACE, PublishedCases, use_cases
from gestalt_space.simulate.real_faces import RealFace
from gestalt_space.simulate.study import StudyPlan
from gestalt_space.simulate.subjects import RealSubjects
from tests.documents.validation import assert_valid
from tests.simulate.faces import GreySubjects, cartoon
from tests.simulate.published import ONTOLOGY, SHOWN, case, file

PLAN = CohortPlan(photos_per_patient=1, seed=3)


def published() -> PublishedCases:
    records = [
        case("A1", (*SHOWN, "HP:0000218"), ("HP:0000219",), sex="MALE", age="P4Y2M"),
        case("A2", ("HP:0000316", "HP:0000219"), sex="UNKNOWN_SEX", age=None, gene=None),
        case("A3", age="P40Y"),
        case("B1", disorder="OMIM:122470", gene="NIPBL", sex="OTHER_SEX"),
        case("B2", disorder="OMIM:122470", gene="NIPBL", age="P0D"),
    ]
    return use_cases(map(file, records), ONTOLOGY)


def drawn(**changes: object) -> Cohort:
    return draw_case_cohort(replace(PLAN, **changes), published(), GreySubjects())  # type: ignore[arg-type]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_there_is_a_person_for_each_case_with_its_terms_sex_and_age():
    patients = drawn(controls=1).patients
    assert len(patients) == 6
    for patient, one in zip(patients, published().cases, strict=False):
        assert patient.case == one
        assert tuple(patient.strengths) == one.shown
        assert all(strength > 0 for strength in patient.strengths.values())
        assert patient.disorder is patient.diagnosis
        assert patient.disorder.id == one.disorder.id
        assert patient.gene == one.gene
    assert patients[0].subject.sex == "male"
    assert patients[0].ages == (4.17,)
    assert patients[2].ages == (40.0,)
    assert patients[4].ages == (0.0,)
    assert patients[5].case is patients[5].disorder is None


def test_what_is_not_known_is_drawn_for_the_face_and_not_told():
    unknown = drawn().patients[1]
    assert unknown.subject.sex in ("female", "male")
    assert unknown.told_sex == "unknown"
    assert unknown.subject.age_years > 0
    assert not unknown.is_age_told
    other = drawn().patients[3]
    assert other.subject.sex in ("female", "male")
    assert other.told_sex == "other"


def test_disorders_have_the_terms_of_their_cases():
    second, first = drawn().disorders
    assert (first.id, first.name, first.genes) == ("OMIM:147920", "Disorder OMIM:147920", ("AAA1",))
    shares = {feature.term: feature.penetrance for feature in first.features}
    assert shares == {"HP:0000219": 0.333, "HP:0000316": 1.0, "HP:0000508": 0.667}
    assert second.genes == ("NIPBL",)


def test_a_seed_draws_the_same_people_again_and_another_one_others():
    one, same, other = drawn(), drawn(), drawn(seed=4)
    assert one.patients == same.patients
    assert [p.strengths for p in one.patients] != [p.strengths for p in other.patients]
    assert {p.case.id for p in other.patients if p.case} == {p.id for p in published().cases}


def test_sites_families_and_wrong_diagnoses_are_as_in_other_cohorts():
    study = StudyPlan(sites=("Bonn", "Taipei"), families=1.0, wrong=1.0)
    cohort = drawn(study=study)
    assert {patient.site.name for patient in cohort.patients if patient.site} == {"Bonn", "Taipei"}
    families = [patient.family for patient in cohort.patients if patient.family]
    assert len(families) == 4
    assert {patient.relation for patient in cohort.patients} <= {"", "sibling", "parent"}
    for patient in cohort.patients:
        assert patient.case is not None
        assert patient.disorder is not patient.diagnosis
        assert patient.disorder.id == patient.case.disorder.id
        assert tuple(patient.strengths) == patient.case.shown
        assert patient.gene in patient.diagnosis.genes


def test_faces_of_real_people_show_no_published_case():
    real = RealSubjects([RealFace(f"{seed}.png", *cartoon(seed)) for seed in range(8)])
    with pytest.raises(UsageError, match="real people"):
        draw_case_cohort(PLAN, published(), real)


@pytest.mark.parametrize("changes", [{"difficulty": "hard"}, {"controls": -1}, {"patients": 6}])
def test_a_plan_that_cannot_be_is_refused(changes: dict[str, object]):
    with pytest.raises(UsageError):
        drawn(**changes)


def test_every_table_and_photo_says_what_it_is(tmp_path: Path):
    cohort = drawn(controls=1)
    write_cohort(cohort, tmp_path / "cohort")
    folder = tmp_path / "cohort"
    table = rows(folder / "patients.csv")
    assert [row["consent"] == SIMULATED_FACE for row in table] == [True] * 5 + [False]
    first = table[0]
    assert (first["disorder"], first["disorder_name"]) == ("OMIM:147920", "Disorder OMIM:147920")
    assert first["hpo"] == ";".join((*SHOWN, "HP:0000218", "!HP:0000219"))
    assert (first["sex"], first["age"], first["genes"]) == ("male", "4.17", "AAA1")
    assert (table[1]["sex"], table[1]["age"], table[1]["genes"]) == ("unknown", "unknown", "")
    for row in table[:5]:
        data = (folder / row["photo"]).read_bytes()
        assert SIMULATED_FACE.capitalize().encode() in data[:200]
    assert SIMULATED_FACE.encode() not in (folder / table[5]["photo"]).read_bytes().lower()
    cases = rows(folder / "cases.csv")
    assert [row["case"] for row in cases] == ["A1", "A2", "A3", "B1", "B2", ""]
    assert [row["patient"] for row in cases] == [patient.id for patient in cohort.patients]
    assert [row["photos"] for row in cases[:5]] == [SIMULATED_FACE] * 5
    (metadata,) = folder.glob("gmdb/image_metadata_*.tsv")
    assert metadata.read_text().count(SIMULATED_FACE) == 5
    (syndromes,) = folder.glob("gmdb/gmdb_syndromes_*")
    assert "122470" in syndromes.read_text()
    truth = json.loads((folder / "truth.json").read_text())
    assert_valid(truth, "truth")
    assert truth["published"]["photos"] == SIMULATED_FACE
    assert truth["patients"][0]["case"] == "A1"
    assert truth["patients"][1]["published"] == {"sex": None, "age_years": None}
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"the name on the chart" not in everything


def test_the_gallery_takes_the_table(tmp_path: Path):
    write_cohort(drawn(), tmp_path / "cohort")
    read = read_table(tmp_path / "cohort" / "patients.csv")
    records = [row.record for row in read.rows]
    assert None not in records
    assert [record.sex for record in records if record] == [
        "male",
        None,
        "female",
        "other",
        "female",
    ]
    assert [record.age for record in records if record] == [4.17, None, 40.0, 4.0, 0.0]
    assert records[0] is not None
    assert records[0].hpo_absent == ("HP:0000219",)


def test_the_terms_of_the_case_are_in_the_photo():
    cohort = drawn()
    patient = cohort.patients[0]
    plain = cohort.source.portrait(patient.subject, np.random.default_rng(0), 4.0)
    assert not np.array_equal(show(plain, patient.strengths).landmarks, plain.landmarks)
