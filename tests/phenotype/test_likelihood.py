from __future__ import annotations

import math

import numpy as np
import pytest

from gestalt_space.phenotype.likelihood import (
    EXCLUDED_WEIGHT,
    KINSHIP,
    MOST,
    UNRELATED,
    Likelihoods,
)
from gestalt_space.phenotype.profiles import pooled
from gestalt_space.phenotype.release import Release
from tests.phenotype import oracle

TERMS = sorted(set(oracle.PARENTS) - {1, 5, 118})


def test_statements_of_several_papers_are_pooled(release: Release):
    found = pooled(release.annotations)
    told: dict[str, dict[int, float]] = {id_: {} for id_ in release.annotations.disorders}
    for disorder, term, share in zip(found.disorder, found.term, found.share, strict=True):
        number = int(release.ontology.numbers[term])
        told[release.annotations.disorders[disorder]][number] = pytest.approx(float(share))
    assert told == {id_: oracle.FREQUENCIES[id_] for id_ in told}


def test_frequencies_go_up_to_the_ancestors(release: Release):
    for column, own in enumerate(oracle.FREQUENCIES.values()):
        for number in TERMS:
            place = release.ontology.place_of(number)
            assert place is not None
            assert release.profiles.share(place, column) == pytest.approx(oracle.share(own, number))


def test_the_background_is_the_mean_over_omim(release: Release):
    for number in TERMS:
        place = release.ontology.place_of(number)
        assert release.background[place] == pytest.approx(oracle.background(number))


@pytest.mark.parametrize("unrelated", [1.0, UNRELATED])
def test_ratios_are_those_of_loops(release: Release, unrelated: float):
    ratios = Likelihoods(release.ontology, release.profiles, release.background, unrelated)
    for number in TERMS:
        place = release.ontology.place_of(number)
        assert place is not None
        present = ratios.of(place, is_present=True)
        excluded = ratios.of(place, is_present=False)
        for column, own in enumerate(oracle.FREQUENCIES.values()):
            expected = math.log10(oracle.present_ratio(own, number, KINSHIP, unrelated))
            assert present[column] == pytest.approx(expected, abs=6e-5)
            expected = EXCLUDED_WEIGHT * math.log10(oracle.excluded_ratio(own, number, MOST))
            assert excluded[column] == pytest.approx(expected, abs=6e-5)


def test_what_a_ratio_rests_on_is_told(release: Release):
    ratios = Likelihoods(release.ontology, release.profiles, release.background)
    place_of = release.ontology.place_of

    def told(number: int, disorder: str, *, is_present: bool = True) -> tuple[int | None, float]:
        place = place_of(number)
        assert place is not None
        column = release.annotations.place_of_disorder[disorder]
        found = ratios.matched(place, column, is_present=is_present)
        term = None if found.term is None else int(release.ontology.numbers[found.term])
        return term, found.share

    assert told(11, "OMIM:1") == (11, pytest.approx(0.55))
    assert told(10, "OMIM:1") == (10, pytest.approx(0.55))
    # Another nose: by the noses.
    assert told(12, "OMIM:1") == (10, pytest.approx(0.55))
    assert told(20, "OMIM:1") == (None, 0)
    assert told(20, "OMIM:3", is_present=False) == (20, pytest.approx(0.25))
    assert told(11, "OMIM:2", is_present=False) == (None, 0)


def test_a_total_is_the_sum_of_its_terms(release: Release):
    ratios = Likelihoods(release.ontology, release.profiles, release.background)
    present = [release.ontology.place_of(number) for number in (11, 21)]
    excluded = [release.ontology.place_of(20)]
    total = ratios.total(present, excluded)
    parts = [ratios.of(place, is_present=True) for place in present]
    parts += [ratios.of(place, is_present=False) for place in excluded]
    shown = np.sum([np.round(part.astype(np.float64), 4) for part in parts], axis=0)
    assert (total == np.round(shown, 4)).all()
    assert not ratios.total([]).any()
