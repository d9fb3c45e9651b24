from __future__ import annotations

import pytest

from gestalt_space.errors import TableDamaged
from gestalt_space.phenotype.identifiers import term_id, term_number
from gestalt_space.phenotype.obo import parse_obo
from gestalt_space.phenotype.ontology import Ontology
from tests.phenotype import oracle
from tests.phenotype.made import OBO


@pytest.fixture(scope="module")
def ontology() -> Ontology:
    return parse_obo(OBO)


def numbers(ontology: Ontology, places) -> set[int]:
    return {int(ontology.numbers[place]) for place in places}


def test_the_release_and_its_terms_are_read(ontology: Ontology):
    assert ontology.release == "2025-01-16"
    assert numbers(ontology, range(len(ontology))) == set(oracle.PARENTS)
    for term, parents in oracle.PARENTS.items():
        place = ontology.place_of(term)
        assert numbers(ontology, ontology.parents[place]) == set(parents)
        assert numbers(ontology, ontology.ancestors[place]) == oracle.ancestors(term)
        below = {one for one in oracle.PARENTS if term in oracle.ancestors(one)}
        assert numbers(ontology, ontology.descendants[place]) == below


def test_phenotypes_are_what_is_under_phenotypic_abnormality(ontology: Ontology):
    found = {int(ontology.numbers[place]) for place in ontology.is_phenotype.nonzero()[0]}
    assert found == set(oracle.PARENTS) - {1, 5, 118}


@pytest.mark.parametrize(
    ("text", "number", "how"),
    [
        ("HP:0000010", 10, "id"),
        (" hp_0000010 ", 10, "id"),
        ("http://purl.obolibrary.org/obo/HP_0000010", 10, "id"),
        ("HP:0000019", 10, "former"),
        ("HP:0000091", 10, "former"),
        ("HP:0000092", 10, "former"),
        ("wide  NOSE", 11, "name"),
        ('front of "head"', 2, "name"),
        # The name of one term wins over a synonym of another.
        ("limb", 3, "name"),
        ("part", None, "ambiguous"),
        ("HP:0000090", None, "obsolete"),
        ("HP:0009999", None, "unknown"),
        ("HP:10", None, "unknown"),
        ("wing", None, "unknown"),
        ("", None, "unknown"),
    ],
)
def test_a_text_is_resolved(ontology: Ontology, text: str, number: int | None, how: str):
    found = ontology.resolve(text)
    assert found.how == how
    assert found.place == (None if number is None else ontology.place_of(number))


def test_terms_are_found_by_words(ontology: Ontology):
    def ids(text: str, most: int = 9) -> list[str]:
        return [one.id for one in ontology.search(text, most)]

    assert ids("nose") == ["HP:0000010", "HP:0000011", "HP:0000012"]
    assert ids("nose", 1) == ["HP:0000010"]
    assert ids("head front") == ["HP:0000002"]
    assert ids("hp:0000019") == ["HP:0000010"]
    assert ids(" ") == ids("(") == ids("wing") == ids("part of") == []


def test_identifiers_have_one_spelling():
    assert term_id(316) == "HP:0000316"
    assert term_number("HP 0000316") == 316
    assert term_number("MP:0000316") is None


CIRCLE = (
    "\n[Term]\nid: HP:0000001\nname: a\nis_a: HP:0000002\n"
    "\n[Term]\nid: HP:0000002\nname: b\nis_a: HP:0000001\n"
)


@pytest.mark.parametrize("text", ["", "no ontology", CIRCLE])
def test_a_file_that_is_no_ontology_is_refused(text: str):
    with pytest.raises(TableDamaged):
        parse_obo(text)
