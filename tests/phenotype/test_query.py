from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_space.phenotype.obo import parse_obo
from gestalt_space.phenotype.query import Query, make_query, parse_query, split_terms
from tests.phenotype import oracle
from tests.phenotype.made import OBO

ONTOLOGY = parse_obo(OBO)
PHENOTYPES = sorted(set(oracle.PARENTS) - {1, 5, 118})


def numbers(places: tuple[int, ...]) -> list[int]:
    return [int(ONTOLOGY.numbers[place]) for place in places]


def told(query: Query) -> list[tuple[str, str, str | None]]:
    return [(one.given, one.reason, one.by) for one in query.ignored]


def test_present_and_excluded_terms_are_told_apart():
    query = parse_query(ONTOLOGY, ["HP:0000011", "! HP:0000020", "!Eye"])
    assert numbers(query.present) == [11]
    assert numbers(query.excluded) == [13, 20]
    assert query.ignored == ()


def test_former_identifiers_and_names_are_mapped_and_told():
    query = parse_query(ONTOLOGY, ["HP:0000091", "wide nose", "!short ARM"])
    assert [(one.given, one.id, one.name) for one in query.mapped] == [
        ("HP:0000091", "HP:0000010", "Nose"),
        ("wide nose", "HP:0000011", "Wide nose"),
        ("!short ARM", "HP:0000020", "Short arm"),
    ]


@pytest.mark.parametrize(
    ("texts", "present", "excluded", "ignored"),
    [
        (["HP:0009999"], [], [], [("HP:0009999", "unknown", None)]),
        (["!HP:0000090"], [], [], [("!HP:0000090", "obsolete", None)]),
        (["part"], [], [], [("part", "ambiguous", None)]),
        (["HP:0000005"], [], [], [("HP:0000005", "no_phenotype", None)]),
        (["HP:0000118"], [], [], [("HP:0000118", "no_phenotype", None)]),
        (["HP:0000010", "Nose"], [10], [], [("Nose", "repeated", "HP:0000010")]),
        (["HP:0000002", "HP:0000011"], [11], [], [("HP:0000002", "implied", "HP:0000011")]),
        (["!HP:0000011", "!HP:0000010"], [], [10], [("!HP:0000011", "implied", "HP:0000010")]),
        (
            ["HP:0000011", "!HP:0000010"],
            [11],
            [],
            [("!HP:0000010", "contradicted", "HP:0000011")],
        ),
        (
            ["HP:0000011", "!HP:0000011"],
            [11],
            [],
            [("!HP:0000011", "contradicted", "HP:0000011")],
        ),
        # A child of what is present may be excluded.
        (["HP:0000010", "!HP:0000011"], [10], [11], []),
        ([], [], [], []),
    ],
)
def test_what_is_not_used_is_told(texts, present, excluded, ignored):
    query = parse_query(ONTOLOGY, texts)
    assert numbers(query.present) == present
    assert numbers(query.excluded) == excluded
    assert told(query) == ignored


def test_a_list_is_split_and_a_name_with_a_comma_is_not():
    text = OBO.replace("name: Eye", "name: Eye, left")
    assert split_terms("Eye, left", parse_obo(text)) == ["Eye, left"]
    assert split_terms("!Eye, left", parse_obo(text)) == ["!Eye, left"]
    assert split_terms("HP:0000011, Nose;; !Eye", ONTOLOGY) == ["HP:0000011", "Nose", "!Eye"]


terms = st.lists(st.sampled_from(PHENOTYPES), max_size=6)


@given(present=terms, excluded=terms, data=st.data())
def test_neither_order_nor_an_ancestor_changes_a_query(present, excluded, data):
    def made(has: list[int], lacks: list[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        ids = [[f"HP:{number:07}" for number in one] for one in (has, lacks)]
        query = make_query(ONTOLOGY, *ids)
        return query.present, query.excluded

    found = made(present, excluded)
    assert made(data.draw(st.permutations(present)), excluded[::-1]) == found
    for term in present:
        more = sorted(oracle.ancestors(term) - {1, 118})
        assert made([*present, *more], excluded) == found
    # Each term is used, or told.
    ids = [f"HP:{number:07}" for number in present]
    query = make_query(ONTOLOGY, ids, [f"HP:{number:07}" for number in excluded])
    used = len(query.present) + len(query.excluded)
    assert used + len(query.ignored) == len(present) + len(excluded)
