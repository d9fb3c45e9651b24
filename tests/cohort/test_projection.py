"""Maps: groups that lie apart stay apart, and few points are no fault."""

from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.cohort.projection import lay_out
from tests import made


def test_groups_stay_together_and_the_same_seed_gives_the_same_map(rng: np.random.Generator):
    centres = made.unit(rng, 3, 16).repeat(12, axis=0)
    rows = (centres + 0.05 * rng.standard_normal(centres.shape)).astype(np.float32)
    places = lay_out(rows, seed=1)
    assert places.shape == (36, 2)
    groups = places.reshape(3, 12, 2)
    middles = groups.mean(axis=1)
    spread = np.linalg.norm(groups - middles[:, None], axis=2).max()
    apart = np.linalg.norm(middles[:, None] - middles, axis=2)
    assert apart[~np.eye(3, dtype=bool)].min() > spread
    np.testing.assert_array_equal(lay_out(rows, seed=1), places)


@pytest.mark.parametrize("count", [1, 3, 4, 6])
def test_a_few_points_are_laid_out_too(rng: np.random.Generator, count: int):
    places = lay_out(made.unit(rng, count, 16))
    assert places.shape == (count, 2)
    assert len(np.unique(places, axis=0)) == count
