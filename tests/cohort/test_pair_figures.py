"""Figures of pairs block by block: those of all pairs in memory."""

from __future__ import annotations

import tracemalloc
from dataclasses import astuple

import numpy as np
import pytest

from gestalt_space.cohort import pair_figures as module
from gestalt_space.cohort.pair_figures import pair_figures
from tests import made

RNG = np.random.default_rng(7)
ROWS, OTHERS = made.unit(RNG, 150, 24), made.unit(RNG, 70, 24)


def in_memory(values: np.ndarray) -> list[float]:
    wide = values.astype(np.float64)
    return [
        len(wide),
        wide.mean(),
        wide.std(ddof=1),
        *np.quantile(wide, (0.05, 0.5, 0.95)),
    ]


@pytest.mark.parametrize("block", [16, 50, 149, 150, 4096])
def test_they_are_those_of_all_pairs(monkeypatch: pytest.MonkeyPatch, block: int):
    monkeypatch.setattr(module, "BLOCK", block)
    within = (ROWS @ ROWS.T)[np.triu_indices(len(ROWS), 1)]
    np.testing.assert_allclose(astuple(pair_figures(ROWS)), in_memory(within), atol=1e-7)
    between = (ROWS @ OTHERS.T).ravel()
    np.testing.assert_allclose(astuple(pair_figures(ROWS, OTHERS)), in_memory(between), atol=1e-7)
    turned = astuple(pair_figures(OTHERS, ROWS))
    np.testing.assert_allclose(turned, astuple(pair_figures(ROWS, OTHERS)), atol=1e-7)


def test_equal_similarities_have_one_value(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "BLOCK", 8)
    # Numbers that are exact in any order: halves, of both signs, and zeros.
    rows = RNG.choice(np.array([-0.5, 0.0, 0.5], np.float32), (61, 6))
    wanted = in_memory((rows @ rows.T)[np.triu_indices(61, 1)])
    found = astuple(pair_figures(rows))
    assert found[0] == wanted[0]
    assert list(found[3:]) == wanted[3:], "percentiles are exact"
    np.testing.assert_allclose(found[1:3], wanted[1:3], rtol=1e-12)


@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_threads_does_not_matter(monkeypatch: pytest.MonkeyPatch, threads: int):
    monkeypatch.setattr(module, "BLOCK", 40)
    wanted = pair_figures(ROWS), pair_figures(ROWS, OTHERS)
    monkeypatch.setattr("gestalt_space.cohort.workers.cores", lambda: threads)
    assert (pair_figures(ROWS), pair_figures(ROWS, OTHERS)) == wanted


def test_memory_does_not_grow_with_the_pairs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "BLOCK", 500)
    rows = made.unit(RNG, 6000, 8)
    tracemalloc.start()
    try:
        pair_figures(rows)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6000**2 * 4 / 2, "less than half of the matrix"


def test_two_rows_have_no_spread():
    found = pair_figures(ROWS[:2])
    assert found.pairs == 1
    assert np.isnan(found.sd)
    assert found.low == found.median == found.high == found.mean
