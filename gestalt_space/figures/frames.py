"""Figures that are as large as what is drawn on them, and places in inches beside axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation, Transform

from gestalt_space.figures.style import FAINT, styled
from gestalt_space.paths import display_name

_MARGIN, _UNDER_TITLE, _OVER_NOTES = 0.1, 0.12, 0.12
_STEP = 0.02
"""Figures are so many inches large, and axes begin at such a place: whole pixels at 100 and 200 an
inch, so that cells of one size look it."""


def inches_from(ax: Axes, x: float, y: float) -> Transform:
    """From inches beside a place of axes, as (0, 1) is their upper left corner."""
    figure = ax.get_figure(root=True)
    assert figure is not None  # noqa: S101 - axes that are drawn on have one
    return figure.dpi_scale_trans + ScaledTranslation(x, y, ax.transAxes)  # type: ignore[arg-type]


def inches_of(ax: Axes) -> tuple[float, float]:
    """Width and height of axes in inches, as they are now."""
    figure = ax.get_figure(root=True)
    assert figure is not None  # noqa: S101
    box = ax.get_window_extent()
    return max(box.width / figure.dpi, 0.1), max(box.height / figure.dpi, 0.1)


def renderer_of(ax: Axes) -> RendererBase:
    """What measures the texts of axes."""
    figure = ax.get_figure(root=True)
    assert figure is not None  # noqa: S101
    canvas = figure.canvas
    if not isinstance(canvas, FigureCanvasAgg):
        canvas = FigureCanvasAgg(figure)
    renderer: RendererBase = canvas.get_renderer()  # type: ignore[no-untyped-call]
    return renderer


def framed(
    width: float,
    height: float,
    draw: Callable[[Axes], Axes],
    title: str = "",
    notes: Sequence[str] = (),
) -> Figure:
    """A figure of axes of `width` and `height` inches and of what `draw` draws on and beside them,
    with a title over it and notes under it."""
    with styled():
        figure = Figure(figsize=(width, height))
        FigureCanvasAgg(figure)
        ax = draw(figure.add_axes((0, 0, 1, 1)))
        renderer = renderer_of(ax)
        dpi = figure.dpi
        drawn = ax.get_tightbbox(renderer)
        assert drawn is not None  # noqa: S101 - only hidden axes have none
        left, bottom, right, top = (edge / dpi for edge in drawn.extents)
        wide, above, below = right - left, _MARGIN, _MARGIN
        head = foot = None
        if title:
            text = display_name(title)
            head = figure.suptitle(text, fontsize=11, fontweight="bold", ha="left", va="top")
            box = head.get_window_extent(renderer)
            wide, above = max(wide, box.width / dpi), above + box.height / dpi + _UNDER_TITLE
        if notes:
            text = "\n".join(map(display_name, notes))
            foot = figure.supxlabel(text, fontsize=7, color=FAINT, ha="left", va="bottom")
            box = foot.get_window_extent(renderer)
            wide, below = max(wide, box.width / dpi), below + box.height / dpi + _OVER_NOTES
        whole = _up(wide + 2 * _MARGIN), _up(top - bottom + above + below)
        at = _up(_MARGIN - left), _up(below - bottom)
        figure.set_size_inches(*whole)
        ax.set_position((at[0] / whole[0], at[1] / whole[1], width / whole[0], height / whole[1]))
        if head is not None:
            head.set_position((_MARGIN / whole[0], 1 - _MARGIN / whole[1]))
        if foot is not None:
            foot.set_position((_MARGIN / whole[0], _MARGIN / whole[1]))
    return figure


def _up(length: float) -> float:
    """A length, or a little more, that is a whole number of steps."""
    return -int(-(length - 1e-9) // _STEP) * _STEP
