from __future__ import annotations

import numpy as np

from gestalt_space.cohort.splitting import split_in_two
from tests.cohort.selections import DIM, drawn


def two(each: int, apart: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = np.eye(DIM)[0], np.eye(DIM)[0] + apart * np.eye(DIM)[1]
    return np.concatenate([drawn(rng, each, centre) for centre in centres]).astype(np.float64)


def test_halves_follow_the_column_that_parts_them():
    rows = two(8, 2)
    rng = np.random.default_rng(2)
    columns = {
        "site": np.repeat(["Bonn", "Taipei"], 8),
        "sex": np.tile(["female", "male"], 8),
        "age": rng.uniform(1, 5, 16),
        "cohort": np.full(16, ""),
    }
    found = split_in_two(rows, np.arange(16), columns, samples=99)
    assert found.sizes == (8, 8)
    assert found.p <= 0.05
    assert found.follows == ("site",)
    columns["age"] += np.repeat([0, 10], 8)
    columns["ancestry"] = np.repeat(["a", "b", "c", "d"], 4)
    found = split_in_two(rows, np.arange(16), columns, samples=99)
    assert found.follows == ("site", "age", "ancestry")


def test_four_and_four_that_part_by_sex_follow_it_although_so_few_cannot_reach_five_percent():
    columns = {name: np.tile(["x", "y"], 4) for name in ("cohort", "ancestry", "site")}
    columns["sex"] = np.repeat(["female", "male"], 4)
    found = split_in_two(two(4, 3), np.arange(8), columns, samples=99)
    assert found.follows == ("sex",)


def test_a_large_family_is_no_half():
    """Eight members of one family and eight strangers: one point against eight."""
    families = np.where(np.arange(16) < 8, 0, np.arange(16))
    found = split_in_two(two(8, 3), families, {}, samples=99)
    assert sum(found.sizes) == 9
    assert found.p > 0.05


def test_too_few_families_are_not_split():
    assert split_in_two(two(4, 3), np.arange(8) // 2, {}) is None
