"""The report of a cohort as one page, and its folder. It names and shows nobody unless asked."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from gestalt_space import __version__
from gestalt_space.cohort.columns import known_columns, titles_of
from gestalt_space.cohort.heat import heat_map_of
from gestalt_space.cohort.pictures import tree_drawing
from gestalt_space.cohort.report import TABLES, CohortReport, report_document, report_tables
from gestalt_space.cohort.splitting import FEWEST
from gestalt_space.errors import OutputError
from gestalt_space.files import write_private
from gestalt_space.folders import whole_folder
from gestalt_space.paths import display_name
from gestalt_space.report.drawing import as_svg
from gestalt_space.report.heatmap import draw_heat_map
from gestalt_space.report.html import (
    Markup,
    bullets,
    element,
    figure,
    page,
    paragraph,
    picture,
    section,
    table,
)
from gestalt_space.report.map_figure import switched_maps
from gestalt_space.stats.estimates import Finding

PAGE, DOCUMENT = "report.html", "report.json"
OWN_FILES = frozenset({PAGE, DOCUMENT, *(f"{name}.csv" for name in TABLES)})
"""All that a report's folder holds: of a folder with anything else nothing is replaced."""
SHOWN_PAIRS = 15
_LIBRARIES = ("numpy", "scipy", "scikit-learn")


def check_report_folder(folder: Path, *, overwrite: bool = False) -> None:
    """Raise `OutputError` where a report cannot take the place of what is in a folder: another is
    replaced only with `overwrite`, and anything else never."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise OutputError(f"{display_name(folder)} is not a folder.", "Choose another place.")
    if not any(folder.iterdir()):
        return
    others = sorted({one.name for one in folder.iterdir()} - OWN_FILES)
    if others or not (folder / PAGE).is_file():
        what = f"{display_name(others[0])}, which is of no report" if others else "no report"
        raise OutputError(f"{display_name(folder)} holds {what}.", "Name a new folder.")
    if not overwrite:
        raise OutputError(
            f"{display_name(folder)} holds a report.", "Choose another place, or --force it."
        )


def write_report(report: CohortReport, folder: Path, *, show_patients: bool = False) -> None:
    """Write page, document and tables into a folder that appears when it is whole.

    What was there is replaced: see `check_report_folder`. Raises `OutputError`.
    """
    document = report_document(report, show_patients=show_patients)
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    with whole_folder(folder) as aside:
        written = report_page(report, show_patients=show_patients)
        write_private(aside / PAGE, written.encode())
        write_private(aside / DOCUMENT, f"{text}\n".encode())
        for name, data in report_tables(report, show_patients=show_patients).items():
            write_private(aside / name, data)


def report_page(report: CohortReport, *, show_patients: bool = False) -> str:
    """The report as HTML."""
    selection = report.selection
    title = f"A cohort of {len(selection.patients)} patients"
    return page(
        title,
        element("h1", title),
        paragraph(
            f"{selection.source}: {len(selection.patients)} patients, {len(selection)} photos, "
            f"in the space of {selection.space} ({selection.fingerprint[:12]}).",
            class_="lead",
        ),
        element(
            "div",
            "A research tool, not a medical device: similarity of faces is not a diagnosis. "
            "Everybody here was compared with patients of this gallery alone.",
            class_="note",
            role="note",
        ),
        _matrix(report, show_patients),
        _cohesion(report),
        _comparison(report),
        _clusters(report, show_patients),
        _map(report, show_patients),
        _faces(report),
        _methods(report),
        generator=f"gestalt-space cohort report {__version__}",
    )


def _matrix(report: CohortReport, show_patients: bool) -> Markup:
    heat = heat_map_of(report.matrix)
    if not show_patients:
        heat = replace(heat, rows=[""] * len(heat.rows))
    return section("Everybody against everybody", as_svg(draw_heat_map(heat)))


def _cohesion(report: CohortReport) -> Markup:
    of = report.cohesion
    if of is None:
        return section("Are they more alike than chance?", *_why(report, "Cohesion"))
    return section(
        "Are they more alike than chance?",
        paragraph(
            f"{of.patients} patients of {of.families} families: two families have a similarity of "
            f"{of.similarity:.3f} on average. {of.plan.permutations:,} random groups of "
            f"{of.families}, drawn from them and {of.controls} other families of the gallery, have "
            f"{of.random_mean:.3f} (standard deviation {of.random_sd:.3f}); "
            f"{of.percentile:.1f} % of those lie below. "
            f"p = {of.p:.2g}, one-sided; effect {of.effect:.1f} standard deviations."
        ),
    )


def _comparison(report: CohortReport) -> Markup:
    if report.comparison is None:
        return section("Do the two cohorts differ?", *_why(report, "Comparison", "The comparison"))
    a, b, found = report.comparison
    cohorts = [str(one.people.cohort[0]) for one in (a, b)]
    shift, own = found.tests.shift, found.tests.own
    beyond = (
        f"Beyond a shift common to all disorders, they differ with p = {own.p:.2g}."
        if own.p == own.p
        else f"What differs beyond a shift common to all disorders was {own.method}."
    )
    rows = [
        (
            report.selection.title(one.disorder),
            f"{one.units_a}, {one.units_b}",
            *(f"{of.mean:.3f}" for of in (one.within_a, one.within_b, one.between)),
            _figure(one.tests.shift, 3),
            *(_p(p) for p in (one.tests.shift.p, one.tests.shift.p_adjusted)),
            _p(one.tests.own.p_adjusted),
        )
        for one in found.disorders
    ]
    columns = (shift.unit, "within A", "within B", "between", "apart", "p", "p (BH)", "own (BH)")
    return section(
        "Do the two cohorts differ?",
        *(element("div", text, class_="note", role="note") for text in found.warnings),
        paragraph(
            f"A is {cohorts[0]} ({found.a.patients} patients), B is {cohorts[1]} "
            f"({found.b.patients}). Over all disorders, the mean faces of A and B are "
            f"{_figure(shift, 4)} apart (1 − cosine, 95 % interval); p = {shift.p:.2g}. {beyond} "
            f"Patients of B vary {_figure(found.tests.spread, 2)} times as much as those of A. "
            "Groups were not matched on age or sex."
        ),
        table(
            ("Disorder", *columns),
            rows,
            caption=f"Mean similarity of two {shift.unit} with the disorder, and how far apart "
            "the mean faces are",
            numbers=columns,
        ),
    )


def _figure(of: Finding, digits: int) -> str:
    if of.estimate != of.estimate:
        return "–"
    told = f"{of.estimate:.{digits}f}"
    return f"{told} ({of.low:.{digits}f} to {of.high:.{digits}f})" if of.low == of.low else told


def _p(p: float) -> str:
    return f"{p:.2g}" if p == p else "–"


def _clusters(report: CohortReport, show_patients: bool) -> Markup:
    found, title = report.clustering, report.selection.title
    rows = []
    for of in found.disorders:
        tested = of.q == of.q
        silhouette = f"{of.silhouette:.2f}" if of.silhouette == of.silhouette else ""
        halves = " + ".join(map(str, of.half_sizes)) if of.has_halves else ""
        apart = f"{of.apart:.1f}" if of.has_halves else ""
        q = f"{of.q:.2g}" if tested else ""
        rows.append(
            (title(of.disorder), str(of.patients), silhouette, halves, apart, q, of.reading)
        )
    pairs = [
        (
            f"{title(of.first)} and {title(of.second)}",
            " + ".join(map(str, of.families)),
            f"{of.share.value:.2f}" if of.share.value == of.share.value else "",
            f"{of.share.low:.2f}–{of.share.high:.2f}" if of.share.low == of.share.low else "",
            f"{of.q:.2g}" if of.q == of.q else "",
            of.verdict + (f": {of.reason}" if of.reason else ""),
        )
        for of in found.pairs[:SHOWN_PAIRS]
    ]
    numbers = ("patients", "silhouette", "halves", "apart", "q")
    columns = ("families", "share", "95 %", "q")
    return section(
        "Clusters",
        figure(
            as_svg(tree_drawing(report.selection, found, show_patients=show_patients)),
            f"Average linkage; {found.labels.max()} clusters: {found.rule}.",
        ),
        paragraph(
            f"Mean silhouette {found.silhouette:.2f}. Adjusted Rand index with the disorders of "
            f"{found.compared} patients: {found.agreement:.2f} by average linkage, "
            f"{found.dense_agreement:.2f} by HDBSCAN ({found.dense.max()} clusters). Patients "
            f"drawn again give the same clusters with an index of {found.resampled_agreement:.2f}."
        ),
        table(("Disorder", *numbers, "reads as"), rows, caption="One or two?", numbers=numbers),
        paragraph(
            "A split that follows a site, a sex or another column is no subtype. What nobody wrote "
            "down cannot be ruled out."
        ),
        table(
            ("Pair", *columns, "verdict"),
            pairs,
            caption=f"The {len(pairs)} of {len(found.pairs)} pairs of disorders that are least "
            "told apart (0.5 is chance)",
            numbers=columns,
        ),
    )


def _map(report: CohortReport, show_patients: bool) -> Markup:
    known = known_columns(report.selection)
    columns = {name: titles_of(report.selection, name) for name in known or ("disorder",)}
    return section(
        "A map",
        paragraph("Of t-SNE distances between groups, and the size of a group, mean nothing."),
        switched_maps(
            report.map.places,
            {str(name): values for name, values in columns.items()},
            first=next(iter(columns)),
            method=report.map.told,
            titles=report.selection.patients if show_patients else None,
        ),
    )


def _faces(report: CohortReport) -> Markup:
    if not report.plan.composites:
        return section("Average faces", paragraph("Not asked for: --show-faces."))
    faces = [
        figure(
            picture(of.pixels, f"Average face of {title}"),
            f"{title}: {of.patients} patients{', sharpened' * of.sharpened}",
        )
        for title, of in report.composites
    ]
    return section(
        "Average faces",
        paragraph(f"Of groups of {report.plan.at_least} patients or more, whose crops are kept."),
        element("div", *faces, class_="faces terms"),
    )


def _methods(report: CohortReport) -> Markup:
    plan, found, of = report.plan, report.clustering, report.selection
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in _LIBRARIES)
    sentences = [
        (
            f"Facial descriptors of {len(of)} photos of {len(of.patients)} patients were computed "
            f"with gestalt-space {__version__} (encoder {of.space}, space {of.fingerprint[:12]}; "
            f"{versions}) and averaged over each patient's photos; similarity is the cosine of two "
            "descriptors."
        ),
        (
            "Patients were clustered by average linkage and by HDBSCAN (Campello 2013) of cosine "
            f"distances. The number of clusters was {found.labels.max()} ({found.rule}); their "
            f"stability is the mean Jaccard index over {found.plan.bootstrap} resamples of "
            "patients (Hennig 2007)."
        ),
        (
            f"Whether a disorder of {FEWEST} families or more falls into two was tested by the gap "
            f"between two halves, against {found.plan.samples} samples in one piece with the same "
            "principal variances, uniform along each; false discovery rate by Benjamini and "
            "Hochberg over disorders."
        ),
        (
            "How well two disorders are told apart is the share of comparisons in which two "
            "patients of one are more alike than one of each, all of three families, within "
            f"{' and '.join(found.plan.within) or 'all patients'}; interval by leaving out one "
            "family at a time, tested by dealing the labels of families, false discovery rate by "
            "Benjamini and Hochberg over pairs. Pairs are alike where two one-sided tests "
            f"(Schuirmann 1987) show the share to be nearer to 0.5 than {found.plan.margin:g}."
        ),
        f"The map is {report.map.told}.",
    ]
    if report.cohesion is not None:
        sentences.append(
            f"Cohesion was tested against {plan.permutations:,} random groups of as many families, "
            "p = (b + 1)/(m + 1)."
        )
    if report.comparison is not None:
        sentences.append(
            "The mean faces of the cohorts were compared by a distance read against the variance "
            f"within the cohorts (Alekseyenko 2016), with {plan.permutations:,} permutations of "
            "their labels over families within disorders; intervals by the jackknife over "
            "families, false discovery rates by Benjamini and Hochberg."
        )
    if report.composites:
        sentences.append(
            "Composites average crops that are bent to their mean landmarks (thin-plate spline) "
            "and to each other (optical flow), in linear light, each family weighing once"
            + (
                "; the averages were then sharpened: given the fine contrasts of a face of the "
                "group, at most twofold (after Tiddeman 2001)."
                if plan.sharpen
                else "."
            )
        )
    return section(
        "Methods, to be quoted",
        bullets(sentences),
        paragraph(
            f"Seed {plan.seed}. {datetime.now(UTC):%Y-%m-%d}. Selected: {of.source}.",
            class_="faint",
        ),
        *[bullets(report.left_out)] * bool(report.left_out),
    )


def _why(report: CohortReport, *starts: str) -> list[Markup]:
    return [paragraph(text) for text in report.left_out if text.startswith(starts)]
