"""Which group has which hue, and how names are shortened and thinned."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from gestalt_space.figures.keys import Palette, shortened, thinned
from gestalt_space.figures.style import HUES, OTHER, UNKNOWN, hue, marker


def test_the_largest_groups_have_hues_and_the_rest_are_counted():
    values = np.array([f"d{number}" for number in range(12) for _ in range(13 - number)] + [""] * 4)
    key = Palette().key("disorder", values)
    assert key.names == tuple(f"d{number}" for number in range(10))
    assert key.rows[0] == (0, "d0 (13)")
    assert key.rows[-2:] == [(OTHER, "others (5)"), (UNKNOWN, "not known (4)")]
    assert key.groups(np.array(["d0", "d11", "", "new"])).tolist() == [0, OTHER, UNKNOWN, OTHER]


def test_groups_of_one_size_are_in_the_order_of_their_numbers():
    assert Palette().key("type", np.array(["t10", "t2", "t1"])).names == ("t1", "t2", "t10")


def test_a_group_has_one_hue_in_all_figures_of_a_report():
    palette = Palette()
    first = palette.key("disorder", np.array(["a", "b", "b"]))
    second = palette.key("disorder", np.array(["c", "c", "c", "a", "a"]))
    hues = dict(zip(first.names, first.hues, strict=True))
    again = dict(zip(second.names, second.hues, strict=True))
    assert again["a"] == hues["a"]
    assert again["c"] not in hues.values()
    assert palette.key("cohort", np.array(["a"])).hues[0] not in (*hues.values(), again["c"])


def test_no_two_groups_of_a_column_have_one_hue():
    palette = Palette()
    first = palette.key("disorder", np.array(list("abcdefgh")))
    palette.key("cohort", np.array(["x", "y"]))
    second = palette.key("disorder", np.array([*"bcdefgh", "new", "newer"]))
    assert len({hue(number) for number in second.hues}) == 9
    known = dict(zip(first.names, first.hues, strict=True))
    assert all(known[name] == number for name, number in zip("bcdefgh", second.hues, strict=False))


def test_groups_of_one_hue_have_different_marks():
    assert len({to_rgb(one) for one in HUES}) == len(HUES)
    signs = {(hue(number), marker(number)) for number in range(50)}
    assert len(signs) == 50


@pytest.mark.parametrize(
    ("name", "short"),
    [("Kabuki", "Kabuki"), ("Cornelia de Lange syndrome 12", "Cornelia de L…rome 12")],
)
def test_long_names_lose_their_middle(name: str, short: str):
    assert shortened(name, 21) == short
    assert len(shortened("x" * 100, 21)) == 21


def test_names_are_thinned_where_they_would_touch():
    assert list(thinned(5, 10, 1)) == [0, 1, 2, 3, 4]
    assert list(thinned(400, 8, 0.1)) == list(range(0, 400, 5))
    assert list(thinned(3, 0, 1)) == [0]
