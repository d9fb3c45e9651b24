from __future__ import annotations

import numpy as np

from gestalt_space.figures.studies import nulls_figure, power_figure


def test_power_has_a_line_a_test_and_one_at_the_level():
    strengths = np.array([0, 0.5, 1])
    shares = {"cohesion": np.array([0.05, 0.4, 1]), "compare": np.array([0.04, 0.6, 0.9])}
    ax = power_figure(strengths, shares, x="strength").axes[0]
    level, *lines = ax.lines
    assert set(level.get_ydata()) == {0.05}
    assert [line.get_ydata().tolist() for line in lines] == [[0.05, 0.4, 1], [0.04, 0.6, 0.9]]
    assert len({line.get_marker() for line in lines}) == 2


def test_p_values_of_a_test_that_is_right_lie_on_the_diagonal():
    even = (np.arange(200) + 0.5) / 200
    ax = nulls_figure({"right": even, "wrong": even / 2}).axes[0]
    _, right, wrong = ax.lines
    away = [np.abs(line.get_xdata() - line.get_ydata()).max() for line in (right, wrong)]
    assert away[0] < 0.01 < 0.4 < away[1]
