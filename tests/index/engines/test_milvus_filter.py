"""Filters as expressions of Milvus."""

from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.index.engines.contract import EngineFilter
from gestalt_space.index.engines.milvus_filter import (
    NO_AGE,
    expression,
    stored_ages,
    stored_sites,
)

CASES = {
    "": EngineFilter(),
    "(age >= 1.5 and age <= 10.0)": EngineFilter(ages=(1.5, 10.0)),
    "(age >= 2.0)": EngineFilter(ages=(2.0, np.inf)),
    "(age >= -999.0 and age <= 3.0)": EngineFilter(ages=(-np.inf, 3.0)),
    "(age >= 1.0 and age <= 2.0 or age == -1000.0)": EngineFilter((1.0, 2.0), unknown_age=True),
    "age == -1000.0": EngineFilter(unknown_age=True),
    "site in [-9223372036854775807, 5]": EngineFilter(sites=np.array([-(2**63), 5])),
    "patient in [3, 4]": EngineFilter(patients=np.array([3, 4])),
    "patient not in [3]": EngineFilter(without=np.array([3])),
    "(age >= 0.0) and site in [7] and patient not in [1, 2]": EngineFilter(
        (0.0, np.inf), sites=np.array([7]), without=np.array([1, 2])
    ),
}


@pytest.mark.parametrize("text", CASES)
def test_a_filter_is_an_expression(text: str):
    assert expression(CASES[text]) == text


def test_nobody_fits_where_none_is_named():
    nobody = np.zeros(0, dtype=np.int64)
    assert expression(EngineFilter(patients=nobody)) is None
    assert expression(EngineFilter(sites=nobody, without=np.array([1]))) is None
    assert expression(EngineFilter(without=nobody)) == ""


def test_what_is_not_known_and_what_cannot_be_written_has_a_number():
    assert stored_ages(np.array([0.0, np.nan, 99.5])).tolist() == [0.0, NO_AGE, 99.5]
    assert stored_sites(np.array([-(2**63), 0, 2**63 - 1])).tolist() == [
        -(2**63) + 1,
        0,
        2**63 - 1,
    ]
