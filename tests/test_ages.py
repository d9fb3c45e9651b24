"""Ages are compared and written to the day."""

from __future__ import annotations

import pytest

from gestalt_space.ages import DAYS_PER_YEAR, age_text, same_age


def test_the_notations_of_a_day_are_one_age() -> None:
    assert same_age(4 + 2 / 12, 50 / 12)
    assert same_age(4 + 2 / 12, 4.1667)
    assert not same_age(4.5, 4.5 + 1 / DAYS_PER_YEAR)
    assert not same_age(4.17, 50 / 12)


@pytest.mark.parametrize(
    ("years", "text"),
    [
        *((0.0, "0d"), (4.0, "4y"), (4.5, "4y6m"), (1.5, "18m"), (50 / 12, "4y2m"), (1.0, "1y")),
        *((10 / DAYS_PER_YEAR, "10d"), (11 / 12, "11m"), (130.0, "130y"), (1.9999, "2y")),
        (4 + 2 / 12 + 3 / DAYS_PER_YEAR, "4y2m3d"),
    ],
)
def test_an_age_is_written_in_years_months_and_days(years: float, text: str) -> None:
    assert age_text(years) == text
