"""How long a calibration is expected to take."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gestalt_space.gallery.calibration.expected import Sizes, expected_seconds, measured_rate

SMALL = Sizes(photos=2_000, patients=800, disorders=100, memberships=800, dim=512)
LARGE = Sizes(photos=1_000_000, patients=60_000, disorders=5_000, memberships=60_000, dim=512)


def test_small_galleries_are_done_at_once_and_large_ones_are_not() -> None:
    assert expected_seconds(SMALL).seconds < 1
    assert expected_seconds(LARGE).seconds > 20
    nothing = Sizes(photos=0, patients=0, disorders=0, memberships=0, dim=512)
    assert expected_seconds(nothing).seconds == 0


def test_more_of_anything_takes_no_less() -> None:
    for before in (SMALL, LARGE):
        for name in ("photos", "patients", "disorders", "memberships", "dim"):
            more = replace(before, **{name: 2 * getattr(before, name)})
            if name == "disorders":
                more = replace(more, memberships=2 * before.memberships)
            assert expected_seconds(more).seconds >= expected_seconds(before).seconds, name


def test_time_is_in_proportion_to_the_rate() -> None:
    assert expected_seconds(LARGE, 2e10).seconds == pytest.approx(
        5 * expected_seconds(LARGE, 1e11).seconds
    )
    assert measured_rate() > 1e8
