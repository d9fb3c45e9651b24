"""The indexes that one contract holds for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gestalt_space.index.contract import VectorIndex
from gestalt_space.index.exact import ExactIndex

Make = Callable[[int], VectorIndex]


@pytest.fixture(params=[ExactIndex])
def make(request: pytest.FixtureRequest) -> Make:
    """Makes an empty index of a dimension."""
    return request.param
