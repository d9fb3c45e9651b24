"""Age groups and their borders."""

from __future__ import annotations

import numpy as np

from gestalt_space.match.demographics import AGE_GROUPS, age_groups, age_steps


def test_age_groups_begin_at_1_5_and_10_years() -> None:
    ages = np.array([0, 0.99, 1, 4.99, 5, 9.99, 10, 90, np.nan])
    names = [AGE_GROUPS.index(name) if name else None for name in age_groups(ages)]
    assert names == [0, 0, 1, 1, 2, 2, 3, 3, None]


def test_ages_are_matched_in_steps_that_grow_with_age() -> None:
    ages = np.array([0, 0.99, 1, 2.99, 3, 12.9, 13, 19.9, 20, 29, 30, 89.9, 90, 104, np.nan])
    assert age_steps(ages).tolist() == [
        *["under 1 year"] * 2,
        *["1 to 2 years"] * 2,
        *("3 to 4 years", "10 to 12 years", "13 to 15 years", "16 to 19 years"),
        *["20 to 29 years"] * 2,
        *("30 to 39 years", "80 to 89 years"),
        *["90 years and older"] * 2,
        "",
    ]
    # No step lies in two of the groups that reports tell.
    years = np.arange(0, 100, 0.25)
    groups = dict(zip(age_steps(years), age_groups(years), strict=True))
    for step, group in zip(age_steps(years), age_groups(years), strict=True):
        assert groups[step] == group
