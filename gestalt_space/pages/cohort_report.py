"""The report of a cohort as one page. It names and shows nobody unless asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata

from markupsafe import Markup

from gestalt_space.cohort.columns import known_columns, titles_of
from gestalt_space.cohort.report import CohortReport
from gestalt_space.cohort.splitting import FEWEST
from gestalt_space.figures.heat_map import heat_map_figure
from gestalt_space.figures.keys import Palette
from gestalt_space.figures.trees import tree_figure
from gestalt_space.pages.cohort_figures import heat_map_of, tree_of
from gestalt_space.pages.environment import render
from gestalt_space.pages.pictures import Drawings, picture
from gestalt_space.pages.point_map import column_maps, words_of

SHOWN_PAIRS = 15
_LIBRARIES = ("numpy", "scipy", "scikit-learn")


def cohort_report_page(report: CohortReport, *, show_patients: bool = False) -> str:
    """The report as HTML."""
    selection = report.selection
    drawings, palette = Drawings(), Palette()
    columns = {
        str(name): titles_of(selection, name)
        for name in known_columns(selection) or ("disorder",)
    }
    return render(
        "cohort_report.html",
        maker="gestalt-space cohort report",
        scripts=("pointing.js", "point_map.js"),
        of=selection,
        fingerprint=selection.fingerprint[:12],
        plan=report.plan,
        matrix_svg=_matrix(report, palette, drawings, show_patients=show_patients),
        cohesion=report.cohesion,
        comparison=_comparison(report),
        clusters=report.clustering,
        tree_svg=_tree(report, palette, drawings, show_patients=show_patients),
        pairs=report.clustering.pairs[:SHOWN_PAIRS],
        maps=column_maps(report.map.places, columns, drawings, palette),
        words=words_of(columns, selection.patients if show_patients else None),
        map_method=report.map.told,
        composites=[(title, picture(of.pixels), of) for title, of in report.composites],
        libraries=", ".join(f"{name} {metadata.version(name)}" for name in _LIBRARIES),
        fewest_to_split=FEWEST,
        left_out=report.left_out,
        date=f"{datetime.now(UTC):%Y-%m-%d}",
    )


def _comparison(report: CohortReport) -> dict[str, object] | None:
    if report.comparison is None:
        return None
    a, b, found = report.comparison
    return {"a": a.people.cohort[0], "b": b.people.cohort[0], "found": found}


def _matrix(
    report: CohortReport, palette: Palette, drawings: Drawings, *, show_patients: bool
) -> Markup:
    heat = heat_map_of(report.matrix, palette)
    if not show_patients:
        heat = replace(heat, rows=[""] * len(heat.rows))
    alt = f"Similarity matrix of {len(heat.rows):,} patients"
    return drawings.add(heat_map_figure(heat, ""), alt)


def _tree(
    report: CohortReport, palette: Palette, drawings: Drawings, *, show_patients: bool
) -> Markup:
    tree = tree_of(report.selection, report.clustering, palette, show_patients=show_patients)
    alt = f"Tree of {len(report.clustering.patients):,} patients by average linkage"
    return drawings.add(tree_figure(tree, ""), alt)
