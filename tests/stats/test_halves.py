from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.stats.halves import _gaps, _inner, halve

DIM = 64


def group(rng: np.random.Generator, count: int, line: np.ndarray | float) -> np.ndarray:
    """Points around a direction, moved along another by the numbers of a line `(n,)`."""
    rows = rng.normal(size=(count, DIM)) / np.sqrt(DIM) + np.eye(DIM)[0]
    rows += np.asarray(line)[..., None] * np.eye(DIM)[1]
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def test_power_rises_with_the_gap():
    found = []
    for apart in (0.4, 0.8, 1.6, 3.0):
        halves = [
            halve(
                group(np.random.default_rng([5, seed]), 12, apart * (np.arange(12) < 6)),
                samples=59,
                seed=seed,
            )
            for seed in range(10)
        ]
        found.append((np.mean([one.p <= 0.05 for one in halves]), halves[0].apart))
    power, apart = zip(*found, strict=True)
    assert sorted(power) == list(power)
    assert min(apart[2:]) > max(apart[:2])
    assert power[-1] == power[-2] == 1


def test_a_long_group_is_not_two():
    """An even spread over three times the persons' spread, as of ages."""
    called = [
        halve(group(rng, 16, rng.uniform(-1.5, 1.5, 16)), samples=59, seed=seed).p <= 0.05
        for seed in range(20)
        for rng in [np.random.default_rng([6, seed])]
    ]
    assert sum(called) <= 3


def test_halves_are_found_and_the_smaller_is_second():
    rng = np.random.default_rng(3)
    found = halve(group(rng, 14, 2.5 * (np.arange(14) < 5)), samples=99)
    assert found.second.tolist() == [True] * 5 + [False] * 9
    assert found.p <= 0.05


def test_two_that_lie_apart_are_no_half():
    rng = np.random.default_rng(4)
    found = halve(group(rng, 12, 3.0 * (np.arange(12) < 2)), samples=59)
    assert found.p > 0.05


def test_points_are_placed_without_themselves():
    rng = np.random.default_rng(7)
    rows = rng.normal(size=(9, 20))
    second = np.arange(9) < 4
    places = []
    for out in range(9):
        kept = np.arange(9) != out
        one, other = rows[kept & ~second].mean(0), rows[kept & second].mean(0)
        line = (other - one) / np.linalg.norm(other - one)
        places.append((rows[out] - (one + other) / 2) @ line)
    places = np.array(places)
    within = sum(((places[of] - places[of].mean()) ** 2).sum() for of in (second, ~second))
    distance = places[second].mean() - places[~second].mean()
    gap, apart = _gaps(_inner(rows[None]), second[None])
    assert apart[0] == pytest.approx(distance / np.sqrt(within / 7))
    assert gap[0] == pytest.approx(np.sign(distance) * 4 * 5 / 9 * distance**2 / within)


def test_points_on_one_place_are_one():
    found = halve(np.tile(np.eye(16)[:1], (9, 1)), samples=19)
    assert found.p == 1
    with pytest.raises(ValueError, match="fewer than 6"):
        halve(np.eye(5))
