from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from gestalt_space.stats.adjustment import false_discovery_rates
from gestalt_space.stats.permutation import (
    Stratum,
    draw_groups,
    p_value,
    relabelled_means,
)


@pytest.fixture
def similarities() -> np.ndarray:
    found = np.random.default_rng(1).uniform(-1, 1, (12, 12))
    return (found + found.T) / 2


def means_by_loop(similarities: np.ndarray, first: list[int], second: list[int]) -> list[float]:
    """Within the first, within the second, between."""
    within = [
        np.mean([similarities[i, j] for i, j in itertools.permutations(group, 2) if i != j])
        for group in (first, second)
    ]
    return [*within, np.mean([similarities[i, j] for i in first for j in second])]


def test_means_of_relabelled_groups_are_those_of_a_loop(similarities: np.ndarray):
    everybody = [Stratum(np.arange(12), 5)]
    (block,) = draw_groups(np.random.default_rng(2), everybody, 12, 40)
    found = relabelled_means(similarities, iter([block]))
    for draw, row in enumerate(block):
        wanted = means_by_loop(similarities, [*np.flatnonzero(row)], [*np.flatnonzero(row == 0)])
        got = [found.first[draw], found.second[draw], found.between[draw]]
        assert got == pytest.approx(wanted, abs=1e-6)
        assert found.difference[draw] == pytest.approx(sum(wanted[:2]) / 2 - wanted[2], abs=1e-6)


def test_the_diagonal_is_never_counted(similarities: np.ndarray):
    changed = similarities + np.diag(np.full(12, 100.0))
    labels = (np.arange(12) < 4)[None].astype(np.float32)
    one, other = (relabelled_means(s, iter([labels])) for s in (similarities, changed))
    assert one.difference == pytest.approx(other.difference, abs=1e-6)


def test_every_group_is_as_likely_as_any_other():
    (block,) = draw_groups(np.random.default_rng(4), [Stratum(np.arange(5), 2)], 5, 20_000)
    seen = Counter(tuple(np.flatnonzero(row)) for row in block)
    assert len(seen) == 10
    assert all(abs(count - 2000) < 5 * np.sqrt(2000 * 0.9) for count in seen.values())


def test_strata_keep_their_numbers_and_seeds_their_draws():
    strata = [Stratum(np.array([0, 3, 5]), 2), Stratum(np.array([1, 2]), 2)]

    def draw(seed: int) -> np.ndarray:
        return np.concatenate([*draw_groups(np.random.default_rng(seed), strata, 8, 99_000)])

    found = draw(5)
    assert len(found) == 99_000
    assert (found[:, [0, 3, 5]].sum(axis=1) == 2).all()
    assert (found[:, [1, 2]] == 1).all()
    assert (found[:, [4, 6, 7]] == 0).all()
    assert np.array_equal(found, draw(5))
    assert not np.array_equal(found, draw(6))


def test_p_is_never_zero_and_counts_ties():
    drawn = np.array([0.1, 0.2, 0.3, 0.4])
    assert p_value(0.5, drawn) == 1 / 5
    assert p_value(0.3, drawn) == 3 / 5
    assert p_value(0.3 + 1e-8, drawn) == 3 / 5
    assert p_value(0.0, drawn) == 1


def test_adjusted_p_values_are_those_of_the_paper():
    p = np.array([0.01, 0.04, 0.03, 0.005])
    assert false_discovery_rates(p) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert false_discovery_rates([0.9, 0.8]) == pytest.approx([0.9, 0.9])
