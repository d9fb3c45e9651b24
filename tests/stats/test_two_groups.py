from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from gestalt_space.errors import UsageError
from gestalt_space.stats import two_groups
from gestalt_space.stats.design import least_p, require_labellings
from gestalt_space.stats.permutation import Stratum
from gestalt_space.stats.two_group_intervals import shift_intervals, spread_ratio
from gestalt_space.stats.two_group_shuffles import own_shift_p, shift_p
from gestalt_space.stats.two_groups import (
    at_one_length,
    group_lengths,
    group_moments,
    moments_left_out,
    own_shift,
    reduce_dimensions,
    shift,
    two_rows,
    without_common_shift,
)

KINDS = np.repeat([0, 1, 2], 20)
FIRST = np.tile(np.arange(20) < 8, 3)
STRATA = [Stratum(np.flatnonzero(kind == KINDS), 8) for kind in range(3)]


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def drawn(
    seed: int,
    *,
    noise: float = 1.0,
    common: float = 0.0,
    own: float = 0.0,
    dim: int = 40,
    directions: int | None = None,
) -> np.ndarray:
    """Units of three kinds, 8 and 12 of each; the second group's noise, and its shifts in all kinds
    and in the first, of these lengths. What is alike in all draws has the seed `directions`."""
    rng = np.random.default_rng(seed)
    fixed = rng if directions is None else np.random.default_rng(directions)
    centres = unit(fixed.standard_normal((3, dim))) + unit(fixed.standard_normal(dim))
    ways = unit(fixed.standard_normal((2, dim)))
    own_parts = unit(rng.standard_normal((60, dim)))
    rows = centres[KINDS] + np.where(FIRST, 1.0, noise)[:, None] * own_parts
    rows[~FIRST] += common * ways[0]
    rows[~FIRST & (KINDS == 0)] += own * ways[1]
    return unit(rows)


def cells(vectors: np.ndarray):
    return group_moments(vectors, KINDS, *two_rows(FIRST))


@pytest.mark.parametrize("at_once", [1, 1000, 10**7])
def test_cells_without_a_unit_are_those_of_all_others(
    monkeypatch: pytest.MonkeyPatch, at_once: int
):
    monkeypatch.setattr(two_groups, "_AT_ONCE", at_once)
    vectors, kept = drawn(2), 1 - np.eye(60)
    # A kind with two units in a group, of which one is then alone.
    kinds = np.where(np.arange(60) < 2, 3, KINDS)
    one, other = two_rows(FIRST)
    wanted = group_moments(vectors, kinds, one * kept, other * kept)
    found = list(moments_left_out(vectors, kinds, FIRST))
    assert len(found) == {1: 60, 1000: 10, 10**7: 1}[at_once]
    for name in ("counts", "means", "squares", "noise"):
        joined = np.concatenate([getattr(one, name) for one in found], axis=1)
        np.testing.assert_allclose(joined, getattr(wanted, name), atol=1e-12)


def test_memory_of_intervals_does_not_grow_with_the_pairs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(two_groups, "_AT_ONCE", 40_000)
    units = 3000
    vectors = unit(np.random.default_rng(0).standard_normal((units, 4)))
    kinds, first = np.arange(units) % 2, np.arange(units) % 4 < 2
    shift_intervals(vectors[:60], kinds[:60], first[:60])  # what is imported first
    tracemalloc.start()
    try:
        shift_intervals(vectors, kinds, first)
        spread_ratio(vectors, kinds, first)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < units**2, "less than a byte for each pair"


def test_cells_are_what_loops_over_units_give():
    vectors = drawn(1)
    of = cells(vectors)
    for group, chosen in enumerate((FIRST, ~FIRST)):
        for kind in range(3):
            rows = vectors[chosen & (kind == KINDS)]
            pairs = rows @ rows.T
            mean = pairs[~np.eye(len(rows), dtype=bool)].mean()
            assert of.squares[group, 0, kind] == pytest.approx(mean)
            noise = rows.var(axis=0, ddof=1).sum() / len(rows)
            assert of.noise[group, 0, kind] == pytest.approx(noise)
            assert of.counts[group, 0, kind] == len(rows)
    assert of.shares.tolist() == [pytest.approx([1 / 3] * 3)]


def test_fewer_dimensions_keep_inner_products():
    wide = drawn(2, dim=200)
    assert reduce_dimensions(wide).shape == (60, 60)
    assert reduce_dimensions(wide) @ reduce_dimensions(wide).T == pytest.approx(wide @ wide.T)
    assert reduce_dimensions(wide[:, :40]).shape == (60, 40)


def test_a_shift_is_one_less_the_cosine_of_means():
    found = np.array([shift(cells(drawn(seed, common=0.8))).half_square[0] for seed in range(200)])
    # μ of length √2 and μ + 0.8 e: the mean of 1 − cosine over directions e.
    rng = np.random.default_rng(0)
    middle, way = np.sqrt(2) * np.eye(40)[0], 0.8 * unit(rng.standard_normal((4000, 40)))
    truth = 1 - np.mean(unit(middle + way)[:, 0])
    assert found[:, 0].mean() == pytest.approx(truth, abs=0.01)
    # Of a shift that all have, what is common is all.
    assert found[:, 1].mean() == pytest.approx(found[:, 0].mean(), abs=0.01)


def test_nothing_is_zero_whatever_the_noise():
    for noise in (1.0, 2.0):
        found = [cells(drawn(seed, noise=noise)) for seed in range(200)]
        halves = np.array([shift(of).half_square[0] for of in found])
        assert halves.mean(axis=0) == pytest.approx(np.zeros(5), abs=0.012)
        ratios = np.array([shift(of).ratio[0] for of in found])
        assert ratios.mean(axis=0) == pytest.approx(np.ones(5), abs=0.12)
        own = np.array([own_shift(of).ratio[0] for of in found])
        assert own.mean(axis=0) == pytest.approx(np.ones(4), abs=0.12)


def test_a_common_shift_is_nobodys_own():
    both = [cells(drawn(seed, common=0.5)) for seed in range(100)]
    one = [cells(drawn(seed, own=0.8)) for seed in range(100)]
    assert np.mean([own_shift(of).ratio[0, 0] for of in both]) < 1.1
    ratios = np.mean([own_shift(of).ratio[0] for of in one], axis=0)
    assert ratios[0] > 1.5
    assert ratios[1] == ratios.max()


def test_kinds_that_lie_alike_hide_how_they_lie():
    rng = np.random.default_rng(3)
    alike = unit(np.ones(40) / 6 + unit(rng.standard_normal((60, 40))))
    of = own_shift(cells(alike))
    assert np.isnan(of.half_square).all()
    assert np.isfinite(of.ratio).all()


def test_what_is_permuted_has_one_length_and_no_common_shift():
    vectors = drawn(4, noise=2.0, common=1.0)
    moved = at_one_length(vectors, KINDS, FIRST)
    assert group_lengths(cells(moved)) == pytest.approx(np.ones((2, 1)))
    middles = cells(without_common_shift(vectors, KINDS, FIRST)).means.mean(axis=2)
    assert middles == pytest.approx(np.zeros((2, 1, 40)), abs=1e-12)


@pytest.mark.parametrize("noise", [1.0, 2.0])
def test_levels(noise: float):
    found = []
    for seed in range(150):
        tried = (drawn(1000 + seed, noise=noise), KINDS, FIRST, STRATA, 99, seed)
        found.append([*shift_p(*tried), *own_shift_p(*tried)])
    p = np.array(found)
    # 0.05 of 150: more than 14 happens in 1 of 100.
    assert ((p <= 0.05).sum(axis=0) <= 16).all()
    assert ((p <= 0.5).mean(axis=0) > 0.3).all()


def test_power():
    shifted, odd = drawn(5, common=0.8), drawn(5, own=1.2)
    assert shift_p(shifted, KINDS, FIRST, STRATA, 199, 0)[:2].tolist() == [1 / 200] * 2
    assert own_shift_p(odd, KINDS, FIRST, STRATA, 199, 0)[:2].tolist() == [1 / 200] * 2


@pytest.mark.parametrize("common", [0.0, 0.8])
def test_intervals_hold_the_truth(common: float):
    found = [
        shift_intervals(drawn(seed, common=common, directions=9), KINDS, FIRST)
        for seed in range(120)
    ]
    for place in (0, 2):
        values = [one[place].value for one in found]
        held = [one[place].low <= np.mean(values) <= one[place].high for one in found]
        assert np.mean(held) > 0.87
        widths = [one[place].high - one[place].low for one in found]
        assert np.mean(widths) < 7 * np.std(values)
    assert np.isnan([found[0][1].low, found[0][1].high]).all()


def test_spreads():
    alike = [spread_ratio(drawn(seed), KINDS, FIRST) for seed in range(100)]
    assert sum(p <= 0.05 for _, p in alike) <= 12
    assert np.mean([of.low <= 1 <= of.high for of, _ in alike]) > 0.88
    noisy, p = spread_ratio(drawn(7, noise=2.0), KINDS, FIRST)
    assert p < 0.001
    assert 1 < noisy.low < noisy.value < noisy.high
    turned, again = spread_ratio(drawn(7, noise=2.0), KINDS, ~FIRST)
    assert (turned.value, again) == pytest.approx((1 / noisy.value, p))


def test_labels_that_change_places_are_counted_once():
    even, uneven = [Stratum(np.arange(6), 3)], [Stratum(np.arange(7), 3)]
    assert least_p(even) == 1 / 20
    assert least_p(even, mirrored=True) == 1 / 10
    assert least_p(uneven, mirrored=True) == 1 / 35
    require_labellings(even, 0.05)
    with pytest.raises(
        UsageError, match=r"20 permutations of these .*, so no p-value below 0\.1 is possible"
    ):
        require_labellings(even, 0.05, mirrored=True)
