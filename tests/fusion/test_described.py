"""What is told of a patient by options and a phenopacket."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gestalt_space.errors import PhenotypeError, UsageError
from gestalt_space.fusion.described import describe, read_phenopacket
from gestalt_space.interop.phenopackets import Phenopacket
from gestalt_space.phenotype.ontology import Ontology
from gestalt_space.phenotype.ranking import Ranker
from tests.interop.test_phenopackets import packet


@pytest.fixture
def ontology(ranker: Ranker) -> Ontology:
    return ranker.release.ontology


def written(tmp_path: Path, **changes: Any) -> Phenopacket:
    path = tmp_path / "case.json"
    path.write_text(json.dumps(packet(**changes)), encoding="utf-8")
    return read_phenopacket(path)


def aged(duration: str, sex: str = "FEMALE") -> dict[str, Any]:
    return {"sex": sex, "timeAtLastEncounter": {"age": {"iso8601duration": duration}}}


def names(ontology: Ontology, places: tuple[int, ...]) -> list[str]:
    return [ontology.id_of(place) for place in places]


def test_a_phenopacket_gives_terms_sex_and_age(ontology: Ontology, tmp_path: Path):
    found = describe(ontology, (), written(tmp_path, subject=aged("P4Y6M")), None, None)
    assert found.query is not None
    assert names(ontology, found.query.present) == ["HP:0000011"]
    assert names(ontology, found.query.excluded) == ["HP:0000020"]
    assert (found.sex, found.age, found.notes) == ("female", 4.5, ())


def test_what_is_given_goes_before_the_phenopacket_and_a_contradiction_is_told(
    ontology: Ontology, tmp_path: Path
):
    given = written(tmp_path, subject=aged("P4Y6M"))
    found = describe(ontology, (), given, "male", 7.0)
    assert (found.sex, found.age) == ("male", 7.0)
    assert found.notes == (
        "The phenopacket says female, but male was given: male is used.",
        "The phenopacket says 4y6m, but 7y was given: 7y is used.",
    )
    assert describe(ontology, (), given, "female", 4.5).notes == ()
    unknown = written(tmp_path, subject=aged("P4Y6M", "UNKNOWN_SEX"))
    assert describe(ontology, (), unknown, "male", 4.5).notes == ()


@pytest.mark.parametrize(
    ("subject", "note"),
    [
        ({"sex": "FEMAL"}, "The sex 'FEMAL' is not used: it is none of FEMALE, MALE, "),
        (aged("P400Y"), "The age 'P400Y' is not used: nobody is older than 130 years."),
        (aged("-P4Y"), "The age '-P4Y' is not used: it is no duration such as P4Y6M."),
        (
            {"timeAtLastEncounter": {"ageRange": {"start": {}}}},
            "The age is not used: it is given as 'ageRange', not as a duration.",
        ),
    ],
)
def test_an_impossible_sex_or_age_is_named(
    ontology: Ontology, tmp_path: Path, subject: dict[str, Any], note: str
):
    found = describe(ontology, (), written(tmp_path, subject=subject), None, None)
    (shown,) = found.notes
    assert shown.startswith(f"Phenopacket: {note}")
    assert (found.sex is None) == ("sex" not in subject or subject["sex"] == "FEMAL")
    assert found.age is None


def test_the_terms_of_both_sources_count(ontology: Ontology, tmp_path: Path):
    found = describe(ontology, ["Eye,!HP:0000012"], written(tmp_path), None, None)
    assert found.query is not None
    assert names(ontology, found.query.present) == ["HP:0000011", "HP:0000013"]
    assert names(ontology, found.query.excluded) == ["HP:0000012", "HP:0000020"]


def test_without_terms_there_is_no_query(ontology: Ontology):
    assert describe(ontology, (), None, "male", 2.0).query is None


@pytest.mark.parametrize(
    ("hpo", "message"),
    [
        (["HP:9999999"], "No term can be used: HP:9999999."),
        ([" , "], "There is no term that is present."),
        (["!HP:0000012"], "There is no term that is present."),
    ],
)
def test_terms_that_say_nothing_are_refused(ontology: Ontology, hpo: list[str], message: str):
    with pytest.raises(PhenotypeError) as error:
        describe(ontology, hpo, None, None, None)
    assert error.value.message == message


def test_a_phenopacket_without_terms_is_refused(ontology: Ontology, tmp_path: Path):
    given = written(tmp_path, phenotypicFeatures=[])
    with pytest.raises(PhenotypeError, match=r"no term that is present in the phenopacket"):
        describe(ontology, (), given, None, None)


def test_a_phenopacket_that_cannot_be_read_is_named(tmp_path: Path):
    path = tmp_path / "case.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(PhenotypeError, match=r"case\.json: The file is not JSON"):
        read_phenopacket(path)
    folder = tmp_path / "two"
    folder.mkdir()
    for number in range(2):
        (folder / f"{number}.json").write_text(json.dumps(packet()), encoding="utf-8")
    with pytest.raises(UsageError, match="has 2 phenopackets"):
        read_phenopacket(folder)
