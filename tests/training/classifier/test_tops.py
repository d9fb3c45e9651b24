"""Top-k of photos and its intervals."""

from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.training.classifier.tops import ranks_of, top_shares


def test_ranks_are_counted_by_hand() -> None:
    given = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.25, 0.25, 0.5]])
    assert ranks_of(given, np.array([0, 2, 0])).tolist() == [1, 1, 3]  # a tie is the worst rank


def test_shares_of_photos_and_of_classes() -> None:
    # Class 0: three photos, two right; class 1: one photo, wrong.
    given = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.6, 0.4]])
    (top,) = top_shares(given, np.array([0, 0, 0, 1]), np.arange(4), seed=0)
    assert top.k == 1
    assert top.photos.value == 0.5
    assert top.classes.value == pytest.approx(1 / 3)
    assert top.chance == 0.5


def test_intervals_widen_where_photos_are_of_one_family() -> None:
    rng = np.random.default_rng(0)
    classes = np.repeat([0, 1], 100)
    right = np.repeat(rng.random(20) < 0.6, 10)
    given = np.where(right[:, None] == (np.arange(2) == classes[:, None]), 0.8, 0.2)
    (alone,) = top_shares(given, classes, np.arange(200), seed=0)
    (families,) = top_shares(given, classes, np.repeat(np.arange(20), 10), seed=0)
    assert alone.photos.value == families.photos.value
    widths = [one.photos.high - one.photos.low for one in (alone, families)]
    assert widths[1] > 2 * widths[0]


def test_a_k_of_all_classes_is_left_out() -> None:
    given = np.full((40, 12), 1 / 12)
    tops = top_shares(given, np.arange(40) % 12, np.arange(40), seed=0)
    assert [one.k for one in tops] == [1, 5, 10]
    assert tops[0].photos.value == 0  # nothing is known, and ties do not help
