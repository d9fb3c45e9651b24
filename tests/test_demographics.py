"""Age groups and their borders."""

from __future__ import annotations

import numpy as np

from gestalt_space.demographics import AGE_GROUPS, age_groups


def test_age_groups_begin_at_1_5_and_10_years() -> None:
    ages = np.array([0, 0.99, 1, 4.99, 5, 9.99, 10, 90, np.nan])
    names = [AGE_GROUPS.index(name) if name else None for name in age_groups(ages)]
    assert names == [0, 0, 1, 1, 2, 2, 3, 3, None]
