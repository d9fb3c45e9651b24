"""A map over a face: orange for, blue against, and the picture itself where there is no map."""

from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.figures.face_maps import with_map
from tests import made


def drawn(value: float) -> np.ndarray:
    """Red, green and blue of a grey picture in the middle of a square of the map."""
    values = np.zeros((40, 40), np.float32)
    values[10:30, 10:30] = value
    return with_map(np.full((40, 40, 3), 128, np.uint8), values)[20, 20].astype(int)


def test_what_speaks_for_is_orange_and_what_speaks_against_is_blue() -> None:
    red, _, blue = drawn(0.3)
    assert red > blue + 80
    red, _, blue = drawn(-0.3)
    assert blue > red + 80


def test_an_empty_map_has_neither_colours_nor_a_line() -> None:
    shown = with_map(np.full((40, 40, 3), (200, 90, 30), np.uint8), np.zeros((40, 40)))
    assert len(np.unique(shown)) == 1


def test_where_there_is_no_map_the_picture_stays_and_elsewhere_it_is_grey() -> None:
    picture = made.crop(1)
    values = np.full((112, 112), np.nan, np.float32)
    values[:, :50] = 0.0
    values[5, 5] = 1.0
    shown = with_map(picture, values)
    assert np.array_equal(shown[:, 50:], picture[:, 50:])
    assert np.ptp(shown[60:, :40].astype(int), axis=2).max() <= 1
    assert np.ptp(picture[60:, :40].astype(int), axis=2).max() > 1


def test_a_line_is_at_half_of_the_highest_value() -> None:
    values = np.tile(np.linspace(0, 1, 100, dtype=np.float32), (100, 1))
    shown = with_map(np.zeros((100, 100, 3), np.uint8), values)
    white = np.flatnonzero((shown[50] == 255).all(axis=1))
    assert white.min() == pytest.approx(50, abs=1)


def test_each_pixel_is_enlarged() -> None:
    assert with_map(made.crop(1), np.zeros((112, 112)), scale=3).shape == (336, 336, 3)
