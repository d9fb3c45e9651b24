"""Maps in words."""

from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.explain.face_map import FaceMap
from gestalt_space.explain.words import (
    NOTHING,
    balance_in_words,
    regions_in_words,
    share_text,
    similarity_of_maps,
)
from gestalt_space.stats.estimates import Estimate
from tests.explain.faces import spot


def test_the_largest_shares_come_first() -> None:
    words = regions_in_words(spot(66, 56, width=3))
    assert words.startswith("nose ")
    assert words.count(" %") == 3


def test_a_share_has_its_interval_if_it_has_one() -> None:
    nan = float("nan")
    assert share_text(Estimate(0.342, 0.281, 0.409)) == "34 % (28–41)"
    assert share_text(Estimate(0.342, nan, nan)) == "34 %"
    assert share_text(Estimate(nan, nan, nan)) == "–"


def test_a_map_against_its_line() -> None:
    assert regions_in_words(FaceMap(-spot(66, 56).repeats)) == NOTHING
    assert balance_in_words(FaceMap(-spot(66, 56).repeats)).startswith("0 % of the map speaks for")
    assert balance_in_words(FaceMap(np.zeros((1, 112, 112), np.float32))) == "the map is empty"


@pytest.mark.parametrize(
    ("correlation", "told"),
    [(0.9, "almost the same"), (0.5, "partly"), (0.1, "differ"), (float("nan"), "cannot be")],
)
def test_what_the_correlation_says(correlation: float, told: str) -> None:
    assert told in similarity_of_maps(correlation)
