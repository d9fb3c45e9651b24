from __future__ import annotations

import math

import pytest

from gestalt_space.pages import numbers
from gestalt_space.stats.estimates import Estimate, Finding


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (numbers.counted(1234), "1,234"),
        (numbers.counted(1, "patient"), "1 patient"),
        (numbers.counted(1000, "patient"), "1,000 patients"),
        (numbers.counted(2, "family", "families"), "2 families"),
        (numbers.fixed(-0.125, 2), "−0.12"),
        (numbers.fixed(math.nan, 2), "–"),
        (numbers.short(0.00123), "0.0012"),
        (numbers.short(math.nan), "–"),
        (numbers.percent(0.125, 1), "12.5 %"),
        (numbers.share(Estimate(0.5, 0.25, 1.0)), "50.0 % (25–100)"),
        (numbers.points(Estimate(-0.01, -0.02, 0.015)), "−1.0 (−2.0 to +1.5)"),
        (numbers.p_value_text(0.0004), "< 0.001"),
        (numbers.p_value_text(0.04), "0.040"),
        (numbers.finding(Finding("a", "b", 0.5, 3, "patients", "m", 0.25, 0.75), 2),
         "0.50 (0.25 to 0.75)"),
        (numbers.finding(Finding("a", "b", 0.5, 3, "patients", "m"), 2), "0.50"),
    ],
)  # fmt: skip
def test_numbers_are_written_so(written: str, expected: str):
    assert written == expected
