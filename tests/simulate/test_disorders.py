from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from gestalt_space.errors import UsageError
from gestalt_space.simulate.disorders import (
    DIFFICULTIES,
    FEWEST_TERMS,
    MOST_TERMS,
    Feature,
    SimulatedDisorder,
    draw_disorders,
    term_combinations,
)
from gestalt_space.simulate.phenotypes import STRONGEST, TERMS

CLINICAL = DIFFICULTIES["clinical"]
# Eight terms of six axes: two of them have two terms each.
FEW = (
    "HP:0000316", "HP:0000601", "HP:0000664", "HP:0000154",
    "HP:0000160", "HP:0000508", "HP:0000319", "HP:0000348",
)  # fmt: skip


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def by_brute_force(terms: tuple[str, ...]) -> set[frozenset[str]]:
    return {
        frozenset(chosen)
        for size in range(FEWEST_TERMS, MOST_TERMS + 1)
        for chosen in combinations(terms, size)
        if len({TERMS[term].axis for term in chosen}) == size
    }


def term_sets(disorders: tuple[SimulatedDisorder, ...]) -> list[frozenset[str]]:
    return [frozenset(feature.term for feature in one.features) for one in disorders]


@pytest.fixture(scope="module")
def many() -> tuple[SimulatedDisorder, ...]:
    return draw_disorders(rng(), 200, CLINICAL)


def test_disorders_are_made_of_different_sets_of_terms(many: tuple[SimulatedDisorder, ...]):
    sets = term_sets(many)
    assert len(set(sets)) == 200
    assert {len(one) for one in sets} == set(range(FEWEST_TERMS, MOST_TERMS + 1))
    assert set().union(*sets) == set(TERMS)


def test_of_an_axis_a_disorder_has_one_term_at_most(many: tuple[SimulatedDisorder, ...]):
    for disorder in many:
        axes = [TERMS[feature.term].axis for feature in disorder.features]
        assert len(set(axes)) == len(axes)


def test_identifiers_and_names_are_counted(many: tuple[SimulatedDisorder, ...]):
    assert [one.id for one in many] == [f"SIM:{n}" for n in range(1, 201)]
    assert len({one.name for one in many}) == 200


def test_the_same_seed_gives_the_same_disorders(many: tuple[SimulatedDisorder, ...]):
    assert draw_disorders(rng(), 200, CLINICAL) == many
    assert draw_disorders(rng(2), 200, CLINICAL) != many


@pytest.mark.parametrize("terms", [FEW, FEW[:4], FEW[:3], FEW[2:], tuple(TERMS)[:12]])
def test_combinations_are_counted_as_by_brute_force(terms: tuple[str, ...]):
    assert term_combinations(terms) == len(by_brute_force(terms))


def test_all_terms_allow_disorders_without_end():
    assert term_combinations(tuple(TERMS)) > 10**6


@pytest.mark.parametrize("short_of", [0, 1, 10])
def test_all_disorders_that_the_terms_allow_can_be_drawn(short_of: int):
    allowed = by_brute_force(FEW)
    count = len(allowed) - short_of
    sets = term_sets(draw_disorders(rng(), count, CLINICAL, FEW))
    assert len(set(sets)) == count
    assert set(sets) <= allowed


def test_one_more_than_the_terms_allow_is_refused():
    allowed = term_combinations(FEW)
    with pytest.raises(
        UsageError, match=f"{allowed + 1} disorders.* 8 terms allow only {allowed},"
    ) as e:
        draw_disorders(rng(), allowed + 1, CLINICAL, FEW)
    assert "--terms" in e.value.hint


def test_a_term_that_is_named_twice_counts_once():
    allowed = term_combinations(FEW)
    with pytest.raises(UsageError):
        draw_disorders(rng(), allowed + 1, CLINICAL, FEW + FEW)


@pytest.mark.parametrize("terms", [(), FEW[:2], (*FEW[:2], "HP:0000154")])
def test_too_few_terms_are_refused(terms: tuple[str, ...]):
    with pytest.raises(UsageError, match="allow only 0"):
        draw_disorders(rng(), 1, CLINICAL, terms)


def test_an_unknown_term_is_refused():
    with pytest.raises(UsageError, match="HP:9999999"):
        draw_disorders(rng(), 1, CLINICAL, (*FEW, "HP:9999999"))


def test_a_disorder_has_several_genes_and_a_gene_several_disorders_now_and_then(
    many: tuple[SimulatedDisorder, ...],
):
    counts = Counter(len(one.genes) for one in many)
    assert set(counts) == {1, 2, 3}
    assert 0.1 < (counts[2] + counts[3]) / 200 < 0.3
    causes = Counter(gene for one in many for gene in one.genes)
    assert 0.03 < sum(n > 1 for n in causes.values()) / len(causes) < 0.2
    assert all(len(set(one.genes)) == len(one.genes) for one in many)


@pytest.mark.parametrize("name", list(DIFFICULTIES))
def test_strength_and_penetrance_are_those_of_the_difficulty(name: str):
    difficulty = DIFFICULTIES[name]
    features = [f for one in draw_disorders(rng(), 200, difficulty) for f in one.features]
    severities = [feature.severity for feature in features]
    penetrances = [feature.penetrance for feature in features]
    assert np.median(severities) == pytest.approx(difficulty.severity, rel=0.05)
    assert np.mean(penetrances) == pytest.approx(difficulty.penetrance, abs=0.02)
    assert 0 < min(penetrances) <= max(penetrances) <= 1


def test_difficulties_are_in_order():
    severities = [one.severity for one in DIFFICULTIES.values()]
    assert list(DIFFICULTIES) == ["textbook", "clinical", "subtle"]
    assert severities == sorted(severities, reverse=True)


def test_patients_show_their_disorders_terms_within_the_limits(
    many: tuple[SimulatedDisorder, ...],
):
    draws = rng(3)
    for disorder in many:
        strengths = disorder.sample_strengths(draws, DIFFICULTIES["textbook"])
        assert strengths
        assert set(strengths) <= {feature.term for feature in disorder.features}
        assert all(0 < strength <= STRONGEST for strength in strengths.values())


def test_patients_of_one_disorder_differ(many: tuple[SimulatedDisorder, ...]):
    draws = rng(4)
    shown = [many[0].sample_strengths(draws, CLINICAL) for _ in range(30)]
    assert len({frozenset(one) for one in shown}) > 1
    assert len({tuple(one.values()) for one in shown}) == 30


def test_a_term_is_shown_as_often_and_as_strongly_as_its_feature_says():
    disorder = SimulatedDisorder(
        "SIM:1",
        "One",
        (Feature("HP:0000316", 0.7, 2.0), Feature("HP:0000664", 1.0, 1.0)),
        ("SIMG1",),
    )
    draws = rng(5)
    shown = [disorder.sample_strengths(draws, replace(CLINICAL, spread=0.2)) for _ in range(1000)]
    strengths = [one["HP:0000316"] for one in shown if "HP:0000316" in one]
    assert len(strengths) / 1000 == pytest.approx(0.7, abs=0.05)
    assert np.median(strengths) == pytest.approx(2.0, rel=0.03)
    assert np.std(np.log(strengths)) == pytest.approx(0.2, abs=0.02)


def test_a_patient_shows_one_term_at_least():
    """The one that is shown most often."""
    features = (Feature("HP:0000316", 0.0, 2.0), Feature("HP:0000664", 1e-9, 1.0))
    disorder = SimulatedDisorder("SIM:1", "One", features, ("SIMG1",))
    assert set(disorder.sample_strengths(rng(), CLINICAL)) == {"HP:0000664"}


def test_a_strength_beyond_the_strongest_is_the_strongest():
    features = (Feature("HP:0000316", 1.0, 50.0),)
    disorder = SimulatedDisorder("SIM:1", "One", features, ("SIMG1",))
    assert disorder.sample_strengths(rng(), CLINICAL) == {"HP:0000316": STRONGEST}
