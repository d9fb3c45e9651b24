from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.cohort.sharpening import contrasts_of, lab_of, with_contrast


def test_contrasts_that_averaging_took_are_given_back_at_most_twofold():
    rng = np.random.default_rng(2)
    texture = rng.integers(60, 200, (336, 336, 1)).astype(np.uint8).repeat(3, axis=2)
    middle = np.full_like(texture, 128)
    slight = np.rint(128 + (texture / 3 - 128 / 3)).astype(np.uint8)
    half = np.rint(128 + (texture / 1.5 - 128 / 1.5)).astype(np.uint8)
    wanted = contrasts_of(lab_of(texture)[..., 0])[0]
    assert np.std(with_contrast(half, wanted)) == pytest.approx(np.std(texture), rel=0.05)
    assert np.std(with_contrast(slight, wanted)) == pytest.approx(2 * np.std(slight), rel=0.05)
    assert (with_contrast(middle, wanted) == 128).all(), "nothing is made of nothing"
