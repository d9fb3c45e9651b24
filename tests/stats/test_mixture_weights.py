"""Weights of the parts of a mixture."""

from __future__ import annotations

import numpy as np

from gestalt_space.stats.mixture_weights import mixture_weights


def test_a_part_that_knows_more_weighs_more() -> None:
    rng = np.random.default_rng(0)
    likelihoods = np.stack([rng.uniform(0.5, 0.9, 200), np.full(200, 0.25)], axis=1)
    first, second = mixture_weights(likelihoods, np.ones(200))
    assert first > 0.95
    assert np.isclose(first + second, 1)


def test_parts_that_know_the_same_weigh_the_same() -> None:
    found = mixture_weights(np.full((30, 4), 0.3), np.ones(30))
    np.testing.assert_allclose(found, 0.25)


def test_few_cases_change_little() -> None:
    likelihoods = np.array([[0.9, 0.1]])
    assert mixture_weights(likelihoods, np.ones(1))[0] < 0.7


def test_weights_are_those_of_the_greatest_likelihood() -> None:
    rng = np.random.default_rng(5)
    likelihoods = rng.uniform(0, 1, (300, 2)) ** [1, 2]
    found = mixture_weights(likelihoods, np.ones(300), prior=0)
    grid = np.linspace(0, 1, 1001)
    sums = np.log(np.outer(likelihoods[:, 0], grid) + np.outer(likelihoods[:, 1], 1 - grid))
    assert abs(found[0] - grid[sums.sum(axis=0).argmax()]) < 0.02


def test_many_problems_are_solved_at_once() -> None:
    rng = np.random.default_rng(2)
    likelihoods, cases = rng.uniform(0, 1, (5, 20, 3)), rng.uniform(0, 2, (5, 20))
    together = mixture_weights(likelihoods, cases)
    for number in range(5):
        np.testing.assert_allclose(
            together[number], mixture_weights(likelihoods[number], cases[number])
        )
