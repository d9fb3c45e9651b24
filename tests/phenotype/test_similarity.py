from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.phenotype.release import Release
from gestalt_space.phenotype.significance import Significance
from gestalt_space.phenotype.similarity import (
    MEASURES,
    Similarities,
    best_matches,
    information_content,
)
from tests.phenotype import oracle

QUERIES = [(11,), (12,), (13, 20), (10, 21), (11, 12, 20)]


@pytest.fixture(scope="module")
def similarities(release: Release) -> Similarities:
    genes = np.zeros(len(release.annotations.genes), np.bool_)
    among = np.concatenate([release.is_omim, genes])
    return Similarities(release.ontology, information_content(release.profiles, among))


def places(release: Release, numbers) -> tuple[int, ...]:
    found = (release.ontology.place_of(number) for number in numbers)
    return tuple(place for place in found if place is not None)


def test_information_content_is_that_of_the_disorders(release, similarities):
    for number in oracle.PARENTS:
        (place,) = places(release, [number])
        assert similarities.information[place] == pytest.approx(oracle.information(number))


@pytest.mark.parametrize("measure", MEASURES)
def test_terms_are_as_similar_as_the_formula_says(release, similarities, measure):
    for first in oracle.PARENTS:
        row = similarities.to_all(places(release, [first])[0], measure)
        for second in oracle.PARENTS:
            expected = oracle.MEASURES[measure](first, second)
            assert row[places(release, [second])[0]] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("query", QUERIES)
def test_best_matches_are_those_of_loops(release, similarities, measure, query):
    matrix = similarities.matrix(places(release, query), measure)
    one_sided = best_matches(matrix, release.profiles.own, is_symmetric=False)
    symmetric = best_matches(matrix, release.profiles.own, is_symmetric=True)
    for column, own in enumerate(oracle.FREQUENCIES.values()):
        expected = oracle.one_sided(measure, query, own) if own else 0.0
        assert one_sided[column] == pytest.approx(expected, abs=1e-6)
        expected = oracle.symmetric(measure, query, own) if own else 0.0
        assert symmetric[column] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("measure", MEASURES)
def test_two_patients_are_as_similar_as_their_terms(release, similarities, measure):
    for first in QUERIES:
        for second in QUERIES:
            found = similarities.of_sets(places(release, first), places(release, second), measure)
            assert found == pytest.approx(oracle.symmetric(measure, first, second), abs=1e-6)
    assert similarities.of_sets((), places(release, [11]), measure) == 0


def test_p_values_are_the_share_of_random_patients_as_similar(release, similarities):
    drawn = np.array(places(release, [11, 12, 13, 20]), np.int32)
    own = release.profiles.own
    significance = Significance(similarities, own, drawn, samples=200, seed=3)
    matrix = similarities.matrix(places(release, [11, 13]), "resnik")
    scores = best_matches(matrix, own, is_symmetric=True)
    found = significance.p_values(scores, 2)
    rng = np.random.default_rng([3, 2])
    above = np.zeros(len(own))
    for _ in range(200):
        random = similarities.matrix(rng.choice(drawn, 2, replace=False), "resnik")
        above += best_matches(random, own, is_symmetric=True) >= scores
    assert found == pytest.approx((above + 1) / 201)
    again = Significance(similarities, own, drawn, samples=200, seed=3)
    assert (again.p_values(scores, 2) == found).all()
    # No more terms than there are to draw from.
    assert (significance.null(9) == significance.null(4)).all()
