"""Strengths of evidence."""

from __future__ import annotations

import pytest

from gestalt_space.ranking.likelihood import strength_of


@pytest.mark.parametrize(
    ("ratio", "strength"),
    [
        (0.0, "none"),
        (2.079, "none"),
        (2.08, "supporting"),
        (4.33, "moderate"),
        (18.72, "strong"),
        (350.3, "strong"),
        (350.4, "very strong"),
    ],
)
def test_the_strengths_of_acmg(ratio: float, strength: str) -> None:
    assert strength_of(ratio) == strength
