"""Strips of groups: every cell has the colour of its group."""

from __future__ import annotations

from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from gestalt_space.figures.strips import draw_strip

COLOURS = ["#0072b2", "#0072b2", "#d55e00", "#0072b2", "#eceff0"]


def test_each_cell_has_its_colour_in_either_direction():
    for lies in ("across", "down"):
        ax = Figure().subplots()
        draw_strip(ax, COLOURS, (0, 0, 1, 1), ax.transAxes, lies=lies)
        (strip,) = ax.child_axes
        for place, colour in enumerate(COLOURS):
            at = (place + 0.5, 0.5) if lies == "across" else (0.5, place + 0.5)
            found = [
                to_hex(one.get_facecolor())
                for one in strip.patches
                if one.get_path().contains_point(at)
            ]
            assert found == [colour]
        # A shape for each colour, however often it changes.
        assert len(strip.patches) == 3
        assert strip.get_ylim() == ((5, 0) if lies == "down" else (0, 1))
