from __future__ import annotations

import numpy as np

from gestalt_space.training.space.augmentation import Augmentation
from tests import made
from tests.training.space.conftest import small_recipe

NONE = ("flip=0", "grey=0", "shrink=0", "jitter=0", "hue=0", "shift=0", "turn=0")


def varied(*changes, seed=1):
    return Augmentation(small_recipe(*NONE, *changes))(made.crop(3), seed)


def test_without_variation_a_face_stays_as_it_is():
    assert np.array_equal(varied(), made.crop(3))


def test_a_face_is_mirrored():
    assert np.array_equal(varied("flip=1"), made.crop(3)[:, ::-1])


def test_a_grey_face_has_three_equal_channels():
    grey = varied("grey=1")
    assert np.array_equal(grey[..., 0], grey[..., 2])
    assert not np.array_equal(grey, made.crop(3))


def test_a_shrunk_face_has_its_size_and_less_detail():
    shrunk = varied("shrink=1").astype(int)
    whole = made.crop(3).astype(int)
    assert shrunk.shape == whole.shape
    assert np.abs(np.diff(shrunk, axis=0)).sum() < np.abs(np.diff(whole, axis=0)).sum()


def test_each_variation_changes_the_face_and_depends_on_the_seed_alone():
    for change in ("jitter=0.5", "hue=0.3", "shift=0.2", "turn=30"):
        first, again, other = (varied(change, seed=seed) for seed in (1, 1, 2))
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)
        assert first.shape == (112, 112, 3)
        assert first.dtype == np.uint8
