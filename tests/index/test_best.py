from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_space.index.best import Best


@given(
    seed=st.integers(0, 2**32 - 1),
    probes=st.integers(1, 9),
    count=st.integers(1, 12),
    blocks=st.lists(st.integers(0, 60), max_size=12),
    least=st.sampled_from([-np.inf, 0.5]),
    levels=st.sampled_from([2, 9, 10**6]),
)
def test_the_highest_are_kept_and_nothing_else_is_above_them(
    seed: int, probes: int, count: int, blocks: list[int], least: float, levels: int
):
    rng = np.random.default_rng(seed)
    best = Best(probes, count, least)
    every: list[list[float]] = [[] for _ in range(probes)]
    row = 0
    for size in blocks:
        which = rng.integers(0, probes, size)
        values = rng.integers(0, levels, size) / levels
        for probe, value in zip(which.tolist(), values.tolist(), strict=True):
            every[probe] += [value] * (value > least)
        above = values > best.floor[which]
        within = np.array([int(np.sum(which[:place] == one)) for place, one in enumerate(which)])
        for start in range(0, int(within.max(initial=-1)) + 1, count):
            some = above & (within >= start) & (within < start + count)
            best.offer(which[some], row + np.flatnonzero(some), values[some])
        row += size
    for found, values in zip(best.found(), every, strict=True):
        kept = sorted(found.at_most.tolist(), reverse=True)
        assert kept == sorted(values, reverse=True)[: len(kept)]
        assert len(kept) == min(count, len(values))
        assert len(set(found.rows.tolist())) == len(kept)
        assert all(value <= found.others for value in sorted(values, reverse=True)[len(kept) :])


def test_a_probe_with_fewer_values_keeps_them_whatever_partition_does_with_the_rest(
    monkeypatch: pytest.MonkeyPatch,
):
    """NumPy may order what is at one value, here -inf, as it likes, and does on some processors."""
    whole = np.argpartition

    def turned(values: np.ndarray, kth: int, axis: int) -> np.ndarray:
        order = whole(values, kth, axis=axis)
        order[:, :kth] = order[:, :kth][:, ::-1]
        for row, some in enumerate(values):
            tied = some[order[row]] == some.max()
            order[row, tied] = order[row, tied][::-1]
        return order

    monkeypatch.setattr(np, "argpartition", turned)
    best = Best(2, 3, least=0.0)
    for start in range(0, 30, 3):
        best.offer(np.zeros(3, np.int64), np.arange(start, start + 3), np.full(3, 0.5 + start))
        if start == 0:
            best.offer(np.array([1]), np.array([99]), np.array([0.75]))
    first, second = best.found()
    assert sorted(first.rows.tolist()) == [27, 28, 29]
    assert (second.rows.tolist(), second.at_most.tolist()) == ([99], [0.75])


def test_threads_find_what_one_finds(rng: np.random.Generator):
    values = rng.random((40, 200))
    best = Best(5, 7)

    def offer(block: int) -> None:
        for probe in range(5):
            rows = np.arange(block * 200, block * 200 + 200)
            order = np.argsort(-values[block])[:7]
            best.offer(np.full(7, probe), rows[order], values[block][order])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(offer, range(40)))
    wanted = np.sort(values.ravel())[::-1][:7]
    for found in best.found():
        assert np.sort(found.at_most)[::-1].tolist() == pytest.approx(wanted.tolist(), abs=0)
        assert found.others == wanted[-1]
