"""Patients ranked by terms, against loops over the made release."""

from __future__ import annotations

import pytest

from gestalt_space.errors import UsageError
from gestalt_space.phenotype.query import parse_query
from gestalt_space.phenotype.release import Release
from gestalt_space.phenotype.similar_patients import similar_patients
from tests.phenotype import oracle

PATIENTS = {
    "P1": ("HP:0000011",),
    "P2": ("HP:0000011", "HP:0000020"),
    "P3": ("HP:0000020",),
    "P4": ("HP:9999999",),
    "P5": (),
}


def numbers(terms: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(int(term.removeprefix("HP:")) for term in terms)


@pytest.mark.parametrize("measure", ["resnik", "lin", "jiang-conrath"])
def test_similarities_are_the_best_match_averages_of_loops(release: Release, measure: str) -> None:
    query = parse_query(release.ontology, ["HP:0000012", "HP:0000020"])
    found = similar_patients(release, query, PATIENTS, 10, measure)
    similar = oracle.MEASURES[measure]
    own = (12, 20)
    for one in found.patients:
        terms = numbers(PATIENTS[one.patient])
        there = sum(max(similar(a, b) for b in terms) for a in own) / len(own)
        back = sum(max(similar(a, b) for a in own) for b in terms) / len(terms)
        assert one.similarity == pytest.approx((there + back) / 2, abs=1e-6)
        assert one.terms == len(terms)
    assert [one.rank for one in found.patients] == [1, 2, 3]
    assert [one.similarity for one in found.patients] == sorted(
        (one.similarity for one in found.patients), reverse=True
    )


def test_patients_without_a_term_that_can_be_used_are_not_ranked(release: Release) -> None:
    query = parse_query(release.ontology, ["HP:0000011"])
    found = similar_patients(release, query, PATIENTS, 10)
    assert {one.patient for one in found.patients} == {"P1", "P2", "P3"}
    assert found.ranked == 3
    assert [one.patient for one in similar_patients(release, query, PATIENTS, 1).patients] == ["P1"]


def test_what_patients_have_in_common_is_named_without_what_follows_from_it(
    release: Release,
) -> None:
    query = parse_query(release.ontology, ["HP:0000011", "HP:0000020"])
    found = {one.patient: one for one in similar_patients(release, query, PATIENTS, 3).patients}
    assert {term.id for term in found["P2"].in_common} == {"HP:0000011", "HP:0000020"}
    assert [term.id for term in found["P3"].in_common] == ["HP:0000020"]
    query = parse_query(release.ontology, ["HP:0000012"])
    (sibling,) = similar_patients(release, query, {"P1": PATIENTS["P1"]}, 1).patients
    assert [term.id for term in sibling.in_common] == ["HP:0000010"]


def test_ties_are_in_the_order_of_identifiers(release: Release) -> None:
    query = parse_query(release.ontology, ["HP:0000011"])
    patients = dict.fromkeys(("b", "a", "c"), ("HP:0000020",))
    found = similar_patients(release, query, patients, 3)
    assert [one.patient for one in found.patients] == ["a", "b", "c"]


def test_wrong_questions_are_refused(release: Release) -> None:
    query = parse_query(release.ontology, ["HP:0000011"])
    with pytest.raises(UsageError, match="no similarity 'cosine'"):
        similar_patients(release, query, PATIENTS, 1, "cosine")  # type: ignore[arg-type]
    excluded = parse_query(release.ontology, ["!HP:0000011"])
    with pytest.raises(UsageError, match="no HPO term that is present"):
        similar_patients(release, excluded, PATIENTS, 1)
