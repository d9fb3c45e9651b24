"""The report of a cohort as one page. It names and shows nobody unless asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata

from gestalt_space.cohort.columns import titles_of
from gestalt_space.cohort.report import CohortReport
from gestalt_space.cohort.shown_map import shown_map
from gestalt_space.cohort.splitting import FEWEST
from gestalt_space.figures.cohorts import heat_map_of, similarities_figure, tree_of
from gestalt_space.figures.heat_map import heat_map_figure
from gestalt_space.figures.keys import Palette
from gestalt_space.figures.trees import tree_figure
from gestalt_space.pages.environment import render
from gestalt_space.pages.heat_map import pointed_cells
from gestalt_space.pages.pictures import Drawings, picture
from gestalt_space.pages.point_map import column_maps, words_of

SHOWN_PAIRS = 15
CELL_DIGITS = 2
"""Of similarities that are pointed at: of hundreds of patients they are most of the page."""
_LIBRARIES = ("numpy", "scipy", "scikit-learn")


def cohort_report_page(report: CohortReport, *, show_patients: bool = False) -> str:
    """The report as HTML."""
    of, found = report.selection, report.clustering
    drawings, palette = Drawings(), Palette()
    heat = heat_map_of(report.matrix, palette)
    said_of_rows = _said_of(report, heat.rows, show_patients=show_patients)
    if not show_patients:
        heat = replace(heat, rows=[""] * len(heat.rows))
    heat_figure = heat_map_figure(heat, "")
    tree = tree_of(of, found, palette, show_patients=show_patients)
    shown = shown_map(report.map, of)
    count = f"{len(of.patients):,} patients"
    matrix_svg = drawings.add(heat_figure, f"Similarity matrix of {count}")
    return render(
        "cohort_report.html",
        maker="gestalt-space cohort report",
        scripts=("pointing.js", "heat_map.js", "point_map.js"),
        of=of,
        fingerprint=of.fingerprint[:12],
        plan=report.plan,
        matrix_svg=matrix_svg,
        cells=pointed_cells(heat, heat_figure, CELL_DIGITS, said_of_rows),
        similarities_svg=None
        if (similarities := similarities_figure(of)) is None
        else drawings.add(similarities, "Similarities with one disorder and with different ones"),
        cohesion=report.cohesion,
        comparison=_comparison(report),
        clusters=found,
        tree_svg=drawings.add(tree_figure(tree, ""), f"Tree of {count} by average linkage"),
        pairs=found.pairs[:SHOWN_PAIRS],
        maps=column_maps(shown, drawings, palette),
        words=words_of(shown, show_patients=show_patients),
        map_method=report.map.told,
        composites=[(title, picture(one.pixels), one) for title, one in report.composites],
        libraries=", ".join(f"{name} {metadata.version(name)}" for name in _LIBRARIES),
        fewest_to_split=FEWEST,
        left_out=report.left_out,
        date=f"{datetime.now(UTC):%Y-%m-%d}",
    )


def _said_of(report: CohortReport, patients: Sequence[str], *, show_patients: bool) -> list[str]:
    """What is said of patients who are pointed at: the disorder, and the name where it is shown."""
    titles = titles_of(report.selection, "disorder").tolist()
    title_of = dict(zip(report.selection.patients, titles, strict=True))
    return [
        ", ".join(filter(None, [patient * show_patients, title_of[patient]])) or "a patient"
        for patient in patients
    ]


def _comparison(report: CohortReport) -> dict[str, object] | None:
    if report.comparison is None:
        return None
    a, b, found = report.comparison
    return {"a": a.people.cohort[0], "b": b.people.cohort[0], "found": found}
