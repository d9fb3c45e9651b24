"""Similarities held against what as many references give by chance."""

from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.errors import UsageError
from gestalt_space.ranking.aggregation import score_groups
from gestalt_space.ranking.chance import Chance
from gestalt_space.ranking.ranks import rank_groups
from tests.made import unit
from tests.ranking.galleries import made

CHANCE = Chance(np.log([1.0, 4.0]), np.array([0.2, 0.4]), np.array([0.4, 0.2]), 1.0)
"""With four references the middle is higher, and what is by chance less spread."""


def test_by_hand() -> None:
    groups = made([[0, 1, 2, 3], [4]])
    similarities = np.array([[0.4, 0.1, 0.1, 0.1, 0.3], [0.6, 0.1, 0.1, 0.1, 0.3]], np.float32)
    found = score_groups(similarities, groups, ["calibrated"], chance=CHANCE)["calibrated"]
    assert found[0] == pytest.approx([0.2, 0.3])
    assert found[1] == pytest.approx([0.2 + 0.2 * 2, 0.3])
    assert found.dtype == np.float32


def test_the_probes_own_patient_is_no_reference() -> None:
    groups = made([[0, 1], [0]])
    similarities = np.array([[1.0, 0.3]], np.float32)
    found = score_groups(similarities, groups, ["calibrated"], own=np.array([0]), chance=CHANCE)
    assert found["calibrated"][0] == pytest.approx([0.3, -np.inf])


def test_the_probes_family_is_no_reference() -> None:
    """Two of five patients are siblings of the probe: three references are left."""
    groups = made([[0, 1, 2, 3, 4]], families=[7, 7, 1, 2, 3])
    similarities = np.array([[0.9, 0.9, 0.1, 0.3, 0.2]], np.float32)
    found = score_groups(similarities, groups, ["calibrated"], own=np.array([7]), chance=CHANCE)
    middle, spread = (
        np.interp(np.log(3), CHANCE.sizes, of) for of in (CHANCE.middle, CHANCE.spread)
    )
    assert found["calibrated"][0] == pytest.approx([0.2 + (0.3 - middle) * 0.4 / spread])


def test_several_photos_of_a_patient_are_as_many_references_as_they_are_unlike() -> None:
    groups = made([[0], [1]], [0, 0, 0, 0, 1])
    similarities = np.array([[0.4, 0, 0, 0, 0.3]], np.float32)
    for correlation, expected in ((1.0, 0.4), (0.0, 0.2)):
        chance = Chance(CHANCE.sizes, CHANCE.middle, CHANCE.spread, correlation)
        found = score_groups(similarities, groups, ["calibrated"], chance=chance)
        assert found["calibrated"][0] == pytest.approx([expected, 0.3])


def test_noise_below_the_tolerance_changes_no_rank() -> None:
    """Scores move by more than similarities do, where references are many."""
    rng = np.random.default_rng(1)
    groups = made([[4 * g + n for n in range(4)] for g in range(10)])
    for _ in range(200):
        true = 0.5 + 1e-6 * rng.random(40)
        noisy = (true + rng.uniform(-1e-6, 1e-6, 40)).astype(np.float32)
        first, second = (
            [
                one.group
                for one in rank_groups(
                    given,
                    groups,
                    3,
                    "calibrated",
                    chance=CHANCE,
                    exact=lambda rows, true=true: true[rows],  # type: ignore[misc]
                    tolerance=tolerance,
                )
            ]
            for given, tolerance in ((true, 0.0), (noisy, 2e-6))
        )
        assert first == second


def test_a_gallery_without_curves_names_the_published_aggregation() -> None:
    with pytest.raises(UsageError, match="too few patients") as error:
        Chance.of(None)
    assert "nearest" in str(error.value.hint)
    with pytest.raises(ValueError, match="needs"):
        score_groups(unit(np.random.default_rng(0), 1, 1), made([[0]]), ["calibrated"])
