from __future__ import annotations

from dataclasses import fields, replace

import cv2
import numpy as np
import pytest

from gestalt_space.faces.quality import roll, sharpness
from gestalt_space.simulate.canvas import MEAN_LANDMARKS, SIZE
from gestalt_space.simulate.capture import Capture, jpeg, sample_capture, take
from gestalt_space.simulate.persons import Portrait
from gestalt_space.types import Pixels
from tests.simulate import blobs

AS_IT_IS = Capture(quality=100)


@pytest.fixture(scope="module")
def grey() -> Portrait:
    return Portrait(blobs.plain(), MEAN_LANDMARKS)


def shot(portrait: Portrait, **options: object) -> Portrait:
    return take(portrait, replace(AS_IT_IS, **options))


def gap(one: Pixels, two: Pixels) -> float:
    return float(np.abs(one.astype(int) - two).mean())


def test_a_plain_capture_leaves_the_picture_as_it_is(portrait: Portrait):
    photo = take(portrait, AS_IT_IS)
    assert gap(photo.pixels, portrait.pixels) < 1.5
    assert np.abs(photo.landmarks - portrait.landmarks).max() < 1e-4


def test_a_photo_is_a_picture_that_other_code_can_work_on(portrait: Portrait):
    photo = take(portrait, sample_capture(np.random.default_rng(1)))
    assert (photo.pixels.shape, photo.pixels.dtype) == ((SIZE, SIZE, 3), np.uint8)
    assert photo.pixels.flags.c_contiguous
    assert (photo.landmarks.shape, photo.landmarks.dtype) == ((5, 2), np.float32)


def test_the_portrait_is_not_changed(portrait: Portrait):
    before = portrait.pixels.copy()
    shot(portrait, glasses=0.9, fringe=8, noise=5, blur=2, light=(0.3, 0.3, 0.3))
    assert np.array_equal(portrait.pixels, before)


@pytest.mark.parametrize("degrees", [-20.0, -4.0, 7.5, 30.0])
def test_roll_turns_the_face_by_that_angle(degrees: float, portrait: Portrait):
    photo = shot(portrait, roll=degrees)
    assert roll(photo.landmarks) - roll(portrait.landmarks) == pytest.approx(degrees, abs=0.01)


def test_scale_and_shift_are_those_asked_for(portrait: Portrait):
    photo = shot(portrait, scale=0.8, shift=(6.0, -3.0))
    expected = (portrait.landmarks - SIZE / 2) * 0.8 + SIZE / 2 + [6, -3]
    assert np.abs(photo.landmarks - expected).max() < 1e-3


@pytest.mark.parametrize("turn", [-0.12, 0.12])
def test_a_turn_makes_one_half_of_the_face_wider(turn: float):
    photo = shot(Portrait(blobs.plain(), MEAN_LANDMARKS), turn=turn)
    left, right, nose = photo.landmarks[:3, 0]
    assert np.log((nose - left) / (right - nose)) * np.sign(turn) > 0.05
    assert abs(roll(photo.landmarks)) < 5


@pytest.mark.parametrize(
    "options",
    [
        {"roll": 12.0},
        {"scale": 0.85, "shift": (5.0, -4.0)},
        {"turn": 0.12},
        {"turn": -0.1, "roll": -6.0, "scale": 1.04, "shift": (-3.0, 2.0)},
    ],
)
def test_landmarks_follow_the_picture(options: dict[str, object]):
    photo = shot(Portrait(blobs.dotted(MEAN_LANDMARKS), MEAN_LANDMARKS), **options)
    picture = photo.pixels.mean(axis=2) - blobs.GREY
    for landmark in photo.landmarks:
        assert np.abs(blobs.centroid(picture, landmark) - landmark).max() < 0.3


@pytest.mark.parametrize("noise", [2.0, 3.0, 8.0])
def test_noise_has_its_standard_deviation(noise: float, grey: Portrait):
    """In each colour alike. Looked at in brightness, since JPEG blurs the noise of colours."""
    weights = np.array([0.299, 0.587, 0.114])
    brightness = shot(grey, noise=noise, seed=91).pixels @ weights
    assert brightness.mean() == pytest.approx(blobs.GREY, abs=0.1)
    # Whole levels and JPEG add a little noise of their own, and take nothing away.
    assert 0.99 < brightness.std() / (noise * np.linalg.norm(weights)) < 1.11


def test_another_seed_is_other_noise(grey: Portrait):
    one, two, again = (shot(grey, noise=5.0, seed=seed).pixels for seed in (1, 10**9, 1))
    assert np.array_equal(one, again)
    assert np.corrcoef(one.ravel(), two.ravel())[0, 1] < 0.1


def test_blur_lowers_sharpness_the_more_the_wider(portrait: Portrait):
    levels = [sharpness(shot(portrait, blur=blur).pixels) for blur in (0.0, 0.7, 1.5, 3.0)]
    assert np.diff(levels).max() < -0.1 * levels[-1]


def test_low_resolution_loses_what_is_small_and_keeps_what_is_large(portrait: Portrait):
    sharp, coarse = shot(portrait).pixels, shot(portrait, resolution=0.3).pixels
    details = [cv2.Laplacian(one, cv2.CV_64F).var() for one in (coarse, sharp)]
    assert details[0] < 0.5 * details[1]
    small = [cv2.resize(one, (20, 20), interpolation=cv2.INTER_AREA) for one in (sharp, coarse)]
    assert gap(*small) < 4


def test_light_brightens_from_side_to_side(grey: Portrait):
    pixels = shot(grey, light=(0.4, 0.0, 0.0)).pixels.astype(float)
    assert pixels[:, 0].mean() == pytest.approx(blobs.GREY * np.exp(-0.4), abs=2)
    assert pixels[:, -1].mean() == pytest.approx(blobs.GREY * np.exp(0.4), abs=2)
    assert np.ptp(pixels[:, 80].mean(axis=1)) <= 2


def test_light_brightens_from_top_to_bottom_and_overall(grey: Portrait):
    pixels = shot(grey, light=(0.0, -0.3, 0.2)).pixels.astype(float)
    assert pixels[0].mean() == pytest.approx(blobs.GREY * np.exp(0.5), abs=2)
    assert pixels[-1].mean() == pytest.approx(blobs.GREY * np.exp(-0.1), abs=2)


def test_balance_is_a_gain_of_each_colour(grey: Portrait):
    pixels = shot(grey, balance=(1.2, 1.0, 0.7)).pixels.reshape(-1, 3)
    assert pixels.mean(axis=0) == pytest.approx([120, 100, 70], abs=2)


def test_light_too_bright_stays_white():
    white = shot(
        Portrait(np.full((SIZE, SIZE, 3), 240, np.uint8), MEAN_LANDMARKS), light=(0, 0, 1.0)
    )
    assert white.pixels.min() == 255


def test_low_quality_makes_a_smaller_file_and_a_worse_picture(portrait: Portrait):
    assert len(jpeg(portrait.pixels, 20)) < 0.5 * len(jpeg(portrait.pixels, 95))
    poor, good = (gap(shot(portrait, quality=q).pixels, portrait.pixels) for q in (10, 95))
    assert poor > 2 * good


def test_a_jpeg_is_read_in_the_same_colours(portrait: Portrait):
    colours = np.zeros((SIZE, SIZE, 3), np.uint8)
    colours[:, :80], colours[:, 80:] = (200, 40, 60), (30, 90, 220)
    data = jpeg(colours, 95)
    assert bytes(data[:3]) == b"\xff\xd8\xff"
    read = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    assert gap(read[:, :70], colours[:, :70]) < 3
    assert gap(read[:, 90:], colours[:, 90:]) < 3


def test_glasses_darken_the_rim_of_the_eyes_and_not_the_eyes():
    bright = Portrait(np.full((SIZE, SIZE, 3), 180, np.uint8), MEAN_LANDMARKS)
    rim, none = (shot(bright, glasses=dark).pixels.astype(int) for dark in (0.9, 0.0))
    for x, y in np.rint(MEAN_LANDMARKS[:2]).astype(int):
        around = np.s_[y - 14 : y + 15, x - 18 : x + 19]
        assert none[around].min() >= 178
        assert rim[around].min() < 70
        assert abs(rim[y - 3 : y + 4, x - 3 : x + 4].mean() - 180) < 4
    assert np.abs(rim[125:] - none[125:]).max() <= 4


def test_faint_glasses_are_fainter():
    bright = Portrait(np.full((SIZE, SIZE, 3), 180, np.uint8), MEAN_LANDMARKS)
    darkest = [shot(bright, glasses=dark).pixels.min() for dark in (0.0, 0.3, 0.6, 0.9)]
    assert np.all(np.diff(np.array(darkest, int)) < -20)


def test_a_fringe_hangs_over_the_forehead_and_not_over_the_mouth():
    bright = Portrait(np.full((SIZE, SIZE, 3), 180, np.uint8), MEAN_LANDMARKS)
    few, many = (shot(bright, fringe=length).pixels.astype(int) for length in (2.0, 14.0))
    assert few[45:55, 50:110].mean() < 150
    assert many[60:68, 50:110].mean() < few[60:68, 50:110].mean() - 5
    assert abs(many[95:].mean() - 180) < 1


@pytest.mark.parametrize("seed", range(5))
def test_a_capture_gives_the_same_photo_again(seed: int, portrait: Portrait):
    capture = sample_capture(np.random.default_rng(seed))
    assert capture == sample_capture(np.random.default_rng(seed))
    assert np.array_equal(take(portrait, capture).pixels, take(portrait, capture).pixels)


def test_captures_are_drawn_within_what_a_clinic_sees(portrait: Portrait):
    rng = np.random.default_rng(1)
    drawn = [sample_capture(rng) for _ in range(400)]
    assert 3 < np.std([capture.roll for capture in drawn]) < 5
    assert all(0.86 <= capture.scale <= 1.04 for capture in drawn)
    assert all(60 <= capture.quality <= 96 for capture in drawn)
    assert 0.01 < np.mean([capture.glasses > 0 for capture in drawn]) < 0.12
    assert 0.02 < np.mean([capture.fringe > 0 for capture in drawn]) < 0.16
    assert 0.2 < np.mean([capture.resolution < 1 for capture in drawn]) < 0.4
    varied = {one.name for one in fields(Capture) if len({getattr(c, one.name) for c in drawn}) > 1}
    assert varied == {one.name for one in fields(Capture)}


def test_the_face_stays_in_the_photo(portrait: Portrait):
    rng = np.random.default_rng(2)
    for _ in range(60):
        landmarks = take(portrait, sample_capture(rng)).landmarks
        assert landmarks.min() > 10
        assert landmarks.max() < SIZE - 10
