from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from gestalt_space.evaluation.gmdb import GmdbResult, evaluate_gmdb
from gestalt_space.evaluation.gmdb_comparison import compare_gmdb
from gestalt_space.interop.gmdb import Splits
from gestalt_space.stats.resampling import Bootstrap
from tests.evaluation.test_gmdb import drawn, frequent, on_circle, rows

FEW = Bootstrap(200, 0)


def found(**angles: float) -> GmdbResult:
    """Patients P, of three photos of syndrome 1, and Q to S of one photo of syndrome 2 each."""
    test = rows("p1 1 P", "p2 1 P", "p3 1 P", "q 2 Q", "r 2 R", "s 2 S")
    return evaluate_gmdb(on_circle(a=0, b=90, **angles), frequent(test, rows("a 1", "b 2")))


def test_the_published_mean_is_tested_by_patients() -> None:
    """P's photos are found by the first alone, Q by the second alone, R and S by both."""
    first = found(p1=1, p2=2, p3=3, q=10, r=80, s=80)
    second = found(p1=81, p2=82, p3=83, q=85, r=80, s=80)
    lines = compare_gmdb(first, second, FEW)
    by = {(one.k, one.over): one for one in lines if one.test == "frequent"}
    mean, cases = by[1, "disorders"].found, by[1, "cases"].found
    assert mean.difference.value == pytest.approx(1 / 2 - 1 / 6)
    assert cases.difference.value == pytest.approx(3 / 6 - 1 / 6)
    flips = np.array(list(itertools.product([1, -1], repeat=2))) @ np.array([1 / 2, -1 / 6])
    exact = float(np.mean(np.abs(flips) >= 1 / 3 - 1e-9))
    assert mean.p == pytest.approx(exact, abs=0.03)
    assert (mean.patients, mean.cases) == (4, 6)
    assert all(one.p_held >= one.found.p for one in lines)


def test_encodings_do_not_differ_from_themselves() -> None:
    images, splits = drawn(2)
    result = evaluate_gmdb(images, splits)
    lines = compare_gmdb(result, result, FEW)
    assert {(one.test, one.gallery) for one in lines} == {
        (one.test, one.gallery) for one in result.evaluations
    }
    assert all((one.found.p, one.found.difference.value) == (1, 0) for one in lines)


def test_cases_that_one_lacks_are_left_out() -> None:
    first = found(p1=1, p2=2, p3=3, q=10, r=80, s=80)
    second = found(p1=81, p2=82, r=80)
    lines = compare_gmdb(first, second, FEW)
    assert {one.found.cases for one in lines} == {3}


def test_the_interval_is_over_patients_and_not_over_images() -> None:
    """Of two syndromes, one patient each has 1 or 20 photos of one fate: the width is the same."""
    few = evaluate_gmdb(
        on_circle(a=0, b=90, p1=1, q1=10), frequent(rows("p1 1 P", "q1 2 Q"), rows("a 1", "b 2"))
    )
    photos = {f"p{n}": 1.0 for n in range(20)} | {f"q{n}": 10.0 for n in range(20)}
    names = [f"{name} {1 if name[0] == 'p' else 2} {name[0].upper()}" for name in photos]
    many = evaluate_gmdb(on_circle(a=0, b=90, **photos), frequent(rows(*names), rows("a 1", "b 2")))
    one, other = few.evaluations[0], many.evaluations[0]
    assert (one.top[1], one.patients) == (other.top[1], other.patients) == (50, 2)
    assert one.low[1] == other.low[1]
    low, high = one.low[1], one.high[1]
    assert low is not None
    assert high is not None
    assert low < 10
    assert high > 90


def test_with_nothing_tested_there_is_no_interval() -> None:
    images, splits = drawn(2)
    nothing = replace(splits, frequent_test=())
    assert isinstance(nothing, Splits)
    one = evaluate_gmdb(images, nothing).evaluations[0]
    assert one.low[1] is None
    assert one.patients == 0
