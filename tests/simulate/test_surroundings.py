from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gestalt_space.simulate.canvas import SIZE
from gestalt_space.simulate.surroundings import (
    CENTRE,
    FACE_DOWN,
    FACE_UP,
    FACE_WIDTH,
    Hair,
    background,
    face_oval,
    paint,
    sample_hair,
)
from gestalt_space.types import Pixels

SKIN = np.full((SIZE, SIZE, 3), (200, 160, 140), np.uint8)


@pytest.fixture
def hair(rng: np.random.Generator) -> Hair:
    return replace(sample_hair(rng, sex="male", dark=True), hairline=52.0, thickness=9.0)


def painted(hair: Hair, age: float = 20.0, seed: int = 1, face: Pixels = SKIN) -> Pixels:
    return paint(face, hair, age, np.random.default_rng(seed))


@pytest.mark.parametrize("size", [SIZE, 40])
def test_the_oval_has_the_area_of_its_half_axes(size: int):
    area = face_oval(size).sum() * (SIZE / size) ** 2
    assert area == pytest.approx(np.pi * FACE_WIDTH * (FACE_UP + FACE_DOWN) / 2, rel=0.02)
    assert face_oval(size, margin=4.0).sum() > face_oval(size).sum()


def test_the_middle_of_the_face_is_kept_to_the_pixel(hair: Hair, rng: np.random.Generator):
    face = rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    inside = face_oval(SIZE, margin=-16.0) & (np.arange(SIZE)[:, None] > CENTRE[1] - 20)
    assert inside.sum() > 3000
    assert np.array_equal(painted(hair, face=face)[inside], face[inside])


def test_nothing_of_the_face_outside_its_oval_is_shown(hair: Hair, rng: np.random.Generator):
    """What the model does not know cannot be seen."""
    other = SKIN.copy()
    outside = ~face_oval(SIZE, margin=3.0)
    other[outside] = rng.integers(0, 256, (int(outside.sum()), 3))
    assert np.array_equal(painted(hair), painted(hair, face=other))


def test_the_background_is_another_in_each_photo_and_the_same_with_its_seed(hair: Hair):
    assert np.array_equal(painted(hair, seed=1), painted(hair, seed=1))
    corner = np.s_[:20, :20]
    corners = [painted(hair, seed=seed)[corner].astype(int) for seed in (1, 2, 3)]
    assert min(np.abs(corners[0] - corners[1]).mean(), np.abs(corners[0] - corners[2]).mean()) > 5


def test_backgrounds_are_dark_and_bright():
    means = [background(np.random.default_rng(seed)).mean() for seed in range(40)]
    assert min(means) < 70 < 180 < max(means)


def test_hair_lies_above_the_face_in_its_colour(hair: Hair):
    top = painted(hair)[34:37, 70:90].reshape(-1, 3).mean(axis=0)
    assert top.mean() < 60
    red = painted(replace(hair, colour=np.array([120, 52, 28], np.float32)))[34:37, 70:90]
    assert red[..., 0].mean() > red[..., 2].mean() + 40


def test_long_hair_falls_beside_the_neck(hair: Hair):
    side = np.s_[115:120, 20:24]
    short, long = (painted(replace(hair, length=length)) for length in (70.0, 150.0))
    assert long[side].mean() < 70
    assert np.abs(long[side].astype(int) - short[side]).mean() > 10


def test_dark_hair_where_light_hair_is_not_common():
    dark, any_colour = (
        [sample_hair(np.random.default_rng(n), sex="male", dark=only).colour for n in range(80)]
        for only in (True, False)
    )
    assert np.max(dark) < 50
    assert np.max(any_colour) > 130


def test_women_have_long_hair_more_often():
    shares = {
        sex: np.mean(
            [
                sample_hair(np.random.default_rng(n), sex=sex, dark=True).length > 100
                for n in range(200)
            ]
        )
        for sex in ("female", "male")
    }
    assert shares["female"] > 0.6
    assert 0 < shares["male"] < 0.2
