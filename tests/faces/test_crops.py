from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from gestalt_space.errors import PhotoDamaged
from gestalt_space.faces.crops import crop_from_png, crop_to_png


def noise(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (112, 112, 3), dtype=np.uint8)


def test_a_crop_survives_to_the_pixel():
    assert np.array_equal(crop_from_png(crop_to_png(noise())), noise())


def test_red_is_red_for_other_programs():
    image = Image.open(io.BytesIO(crop_to_png(noise())))
    assert image.format == "PNG"
    assert np.array_equal(np.asarray(image), noise())


def test_the_png_bears_no_metadata():
    assert Image.open(io.BytesIO(crop_to_png(noise()))).info == {}


@pytest.mark.parametrize("keep", [0, 10, 1000])
def test_a_damaged_crop_is_told(keep: int):
    with pytest.raises(PhotoDamaged):
        crop_from_png(crop_to_png(noise())[:keep])


def test_a_crop_that_was_cut_off_is_never_taken_for_a_whole_one():
    png = crop_to_png(noise())
    with pytest.raises(PhotoDamaged):
        crop_from_png(png[: len(png) // 2])
