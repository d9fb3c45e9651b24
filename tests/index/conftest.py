"""The indexes that one contract holds for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gestalt_space.index.contract import VectorIndex
from gestalt_space.index.exact import ExactIndex
from gestalt_space.index.faiss_flat import FaissIndex

Make = Callable[[int], VectorIndex]


@pytest.fixture(params=[ExactIndex, FaissIndex])
def make(request: pytest.FixtureRequest) -> Make:
    """Makes an empty index of a dimension."""
    return request.param
