"""Regions of the ArcFace template."""

from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.classifiers.regions import GREY, REGIONS, SIDE, cut, is_half
from gestalt_space.faces.alignment import TEMPLATE

EYE_RIGHT, EYE_LEFT, NOSE, MOUTH_RIGHT, MOUTH_LEFT = TEMPLATE
"""The patient's own sides: the right eye is on the left of the picture."""


def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("region", "within", "without"),
    [
        ("eyes", [EYE_RIGHT, EYE_LEFT], [MOUTH_RIGHT, MOUTH_LEFT]),
        ("nose", [NOSE], [MOUTH_RIGHT, EYE_LEFT]),
        ("mouth", [MOUTH_RIGHT, MOUTH_LEFT], [EYE_RIGHT, EYE_LEFT, NOSE]),
        ("upper", [EYE_RIGHT, EYE_LEFT], [MOUTH_RIGHT, MOUTH_LEFT]),
        ("lower", [MOUTH_RIGHT, MOUTH_LEFT], [EYE_RIGHT, EYE_LEFT]),
        ("right", [EYE_RIGHT, MOUTH_RIGHT], [EYE_LEFT, MOUTH_LEFT]),
        ("left", [EYE_LEFT, MOUTH_LEFT], [EYE_RIGHT, MOUTH_RIGHT]),
        ("face", list(TEMPLATE), []),
    ],
)
def test_a_region_has_its_landmarks_and_no_others(region, within, without) -> None:
    left, top, right, bottom = REGIONS[region]
    for x, y in within:
        assert left <= x < right
        assert top <= y < bottom
    for x, y in without:
        assert not (left <= x < right and top <= y < bottom)


@pytest.mark.parametrize("region", REGIONS)
def test_what_is_not_in_a_region_does_not_matter(region: str) -> None:
    crops = pictures()
    left, top, right, bottom = REGIONS[region]
    other = np.full_like(crops, 7)
    other[:, top:bottom, left:right] = crops[:, top:bottom, left:right]
    for view in ("enlarged", "in-place"):
        shown = cut(crops, region, view)
        assert shown.shape == crops.shape
        assert shown.dtype == np.uint8
        np.testing.assert_array_equal(shown, cut(other, region, view))


def test_in_place_leaves_every_pixel_where_it_is() -> None:
    crops = pictures()
    shown = cut(crops, "mouth", "in-place")
    left, top, right, bottom = REGIONS["mouth"]
    np.testing.assert_array_equal(
        shown[:, top:bottom, left:right], crops[:, top:bottom, left:right]
    )
    rest = np.ones((SIDE, SIDE), bool)
    rest[top:bottom, left:right] = False
    assert (shown[:, rest] == GREY).all()


def test_enlarged_fills_the_picture_with_the_region() -> None:
    crops = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    left, top, right, bottom = REGIONS["nose"]
    crops[:, top:bottom, left:right] = 200
    assert (cut(crops, "nose", "enlarged") == 200).all()


def test_a_mirrored_face_shows_one_half_where_the_other_was() -> None:
    crops = pictures()
    mirrored = np.ascontiguousarray(crops[:, :, ::-1])
    left = cut(mirrored, "left", "enlarged")
    right = cut(crops, "right", "enlarged")
    np.testing.assert_array_equal(left, right[:, :, ::-1])
    assert [region for region in REGIONS if is_half(region)] == ["right", "left"]
