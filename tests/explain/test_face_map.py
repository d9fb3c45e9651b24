"""Maps: their shares with intervals, their correlation, and where they lie on the photo."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from gestalt_space.explain.face_map import FEWEST, FaceMap, correlation, on_photo
from gestalt_space.faces.alignment import align
from tests.explain.faces import spot


def test_the_map_is_the_mean_of_its_repeats() -> None:
    made = spot(70, 56)
    assert made.values == pytest.approx(made.repeats.mean(axis=0))


def test_a_spot_on_the_nose_is_of_the_nose() -> None:
    shares = spot(66, 56, width=3).shares()
    assert shares["nose"].value > 0.8
    assert shares["nose"].low <= shares["nose"].value <= shares["nose"].high
    assert shares["nose"].low < shares["nose"].high
    assert sum(share.value for share in shares.values()) == pytest.approx(1)


def test_repeats_that_are_alike_have_a_narrow_interval() -> None:
    one = spot(66, 56).repeats[0]
    shares = FaceMap(np.stack([one] * 8)).shares()
    assert shares["nose"].high - shares["nose"].low < 1e-6


def test_of_few_repeats_there_is_no_interval() -> None:
    shares = spot(66, 56, repeats=FEWEST - 1).shares()
    assert shares["nose"].value > 0
    assert np.isnan([shares["nose"].low, shares["nose"].high]).all()


def test_a_map_of_which_nothing_speaks_for_the_line_is_blank() -> None:
    against = FaceMap(-spot(66, 56).repeats)
    assert against.is_blank
    assert np.isnan([share.value for share in against.shares().values()]).all()
    assert not spot(66, 56).is_blank


def test_how_much_of_a_map_speaks_for_the_line() -> None:
    values = np.zeros((1, 112, 112), np.float32)
    values[0, 3, 3], values[0, 9, 9] = 1, -3
    assert FaceMap(values).speaks_for == 0.25
    assert spot(66, 56).speaks_for == 1
    assert np.isnan(FaceMap(0 * values).speaks_for)


def test_the_correlation_is_that_of_scipy() -> None:
    one, other = spot(66, 56), spot(60, 50, width=9)
    expected = spearmanr(one.values.ravel(), other.values.ravel()).statistic
    assert correlation(one, other) == pytest.approx(expected)
    assert correlation(one, one) == pytest.approx(1)


def test_a_flat_map_correlates_with_nothing() -> None:
    assert np.isnan(correlation(spot(66, 56), FaceMap(np.ones((1, 112, 112), np.float32))))


def test_a_map_lies_on_the_photo_where_the_face_was_cut_out() -> None:
    landmarks = np.array(
        [[120, 90], [170, 100], [140, 130], [115, 150], [160, 160]], dtype=np.float32
    )
    photo = np.zeros((240, 320, 3), np.uint8)
    photo[118:122, 148:152] = 255
    face = align(photo, landmarks)
    values = face.max(axis=2).astype(np.float32)
    laid = on_photo(values, landmarks, 240, 320)
    assert laid.shape == (240, 320)
    assert np.unravel_index(np.nanargmax(laid), laid.shape) == pytest.approx((119.5, 149.5), abs=2)
    assert np.isnan(laid[0, 0])
