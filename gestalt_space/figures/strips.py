"""Strips of groups beside a matrix or a tree: one cell of colour for each row or column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.transforms import Transform
from numpy.typing import NDArray

_CORNERS = ((0, 0), (0, 1), (1, 1), (1, 0), (0, 0))
_CODES = (Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY)


def draw_strip(
    ax: Axes,
    colours: Sequence[str],
    bounds: tuple[float, float, float, float],
    transform: Transform,
    *,
    lies: Literal["across", "down"],
) -> None:
    """Draw a strip of `colours`, from left to right or from the top down, on axes of its own within
    `bounds` of `ax`. Its parts are shapes, so that a page can give them other colours in the dark.
    """
    count = len(colours)
    strip = ax.inset_axes(bounds, transform=transform, xticks=[], yticks=[])
    for colour, path in _runs(np.array(colours, dtype=np.str_)):
        vertices = path if lies == "across" else path[:, ::-1]
        codes = _CODES * (len(vertices) // len(_CORNERS))
        strip.add_patch(
            # Neighbours would show a seam between them where edges are blurred.
            PathPatch(Path(vertices, codes), facecolor=colour, linewidth=0, antialiased=False)
        )
    if lies == "across":
        strip.set(xlim=(0, count), ylim=(0, 1))
    else:
        strip.set(xlim=(0, 1), ylim=(count, 0))
    strip.set_axis_off()


def _runs(colours: NDArray[np.str_]) -> list[tuple[str, NDArray[np.float64]]]:
    """The rectangles `(5 r, 2)` of each colour: along the strip, and across it."""
    starts = np.flatnonzero(np.concatenate([[True], colours[1:] != colours[:-1]]))
    ends = np.append(starts[1:], len(colours))
    corners = np.array(_CORNERS, np.float64)
    found = []
    for colour in np.unique(colours[starts]):
        own = colours[starts] == colour
        first, last = starts[own, None, None], ends[own, None, None]
        along = first + (last - first) * corners[None, :, :1]
        across = np.broadcast_to(corners[None, :, 1:], along.shape)
        found.append((str(colour), np.concatenate([along, across], axis=2).reshape(-1, 2)))
    return found
