from __future__ import annotations

from gestalt_space.training.splits import held_out, validating

NAMES = [f"{number}_0_0.jpg" for number in range(4000)]


def test_a_fifth_is_held_out_and_a_twentieth_measures():
    assert 0.18 < sum(map(held_out, NAMES)) / len(NAMES) < 0.22
    assert 0.04 < sum(map(validating, NAMES)) / len(NAMES) < 0.06


def test_no_photo_is_in_two_parts():
    assert not any(held_out(name) and validating(name) for name in NAMES)


def test_the_folder_of_a_photo_says_nothing():
    assert all(held_out(name) == held_out(f"some/folder/{name}") for name in NAMES)
