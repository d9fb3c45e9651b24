"""`gestalt cohort cluster`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.counts import counted_text

from . import cohort_options, options, output
from .figures import PICTURES, check_picture_path, write_picture
from .opening import opened

if TYPE_CHECKING:
    from gestalt_space.cohort.clusters import Clustering

SHOWN = 10
"""Pairs of disorders on a terminal, at the most; the document has them all."""
REASONS = 3
"""Why pairs have no verdict, on a terminal, at the most."""


def cluster(
    cohorts: cohort_options.Cohorts = [],  # noqa: B006 - Typer copies it
    disorders: cohort_options.Disorders = [],  # noqa: B006
    genes: cohort_options.Genes = [],  # noqa: B006
    patients: cohort_options.PatientsFile = None,
    clusters: Annotated[
        int | None,
        typer.Option(
            "--clusters",
            help="Number of clusters. [default: the number with the highest mean silhouette]",
            show_default=False,
        ),
    ] = None,
    bootstrap: Annotated[
        int, typer.Option("--bootstrap", min=0, help="Number of bootstrap draws of patients.")
    ] = 100,
    margin: Annotated[
        float,
        typer.Option(
            "--margin",
            help="Disorders count as alike if the result is within this margin of 0.5, which is "
            "chance.",
        ),
    ] = 0.1,
    within: Annotated[
        str,
        typer.Option(
            "--within",
            help="Compare two disorders only among patients with the same site, sex, age, "
            "ancestry or cohort; '' for none.",
        ),
    ] = "site,sex",
    seed: options.Seed = 0,
    figure: cohort_options.Figure = None,
    show_patients: cohort_options.ShowPatients = False,
    overwrite: options.Overwrite = False,
    space: options.Space = None,
    home: options.Home = None,
    as_json: options.Json = False,
    csv: options.Csv = None,
    table: options.CsvTable = None,
    quiet: options.Quiet = False,
) -> None:
    """Find clusters of patients, and disorders that look like one or like two.

    Clusters the cosine distances between patients' mean descriptors, by average linkage and by
    HDBSCAN. The output lists how stable the clusters are, how well they agree with the disorders,
    which pairs of disorders can be told apart, and which disorders split into two. A family counts
    once.

    --csv writes the table `clusters`, `disorders` or `pairs`; with --show-patients also `patients`.
    """
    from gestalt_space.cohort.cluster_documents import cluster_document
    from gestalt_space.cohort.clusters import ClusterPlan, cluster
    from gestalt_space.cohort.columns import parse_column
    from gestalt_space.cohort.result_tables import (
        clusters_table,
        disorders_table,
        members_table,
        pairs_table,
    )

    output.check_csv(csv, as_json=as_json, overwrite=overwrite)
    tables = {"clusters": clusters_table, "disorders": disorders_table, "pairs": pairs_table}
    if show_patients:
        tables["patients"] = members_table
    wanted = output.table_name(table, list(tables), csv)
    if figure is not None:
        check_picture_path(figure, PICTURES, overwrite=overwrite)
    columns = tuple(parse_column(name.strip()) for name in within.split(",") if name.strip())
    plan = ClusterPlan(clusters, bootstrap, seed=seed, margin=margin, within=columns)
    with opened(home, space=space) as gallery:
        gallery = gallery.pinned()
        selection = cohort_options.chosen(gallery, cohorts, disorders, genes, patients)
    with output.stages(quiet=quiet) as stages:
        found = cluster(selection, plan, stages=stages)
    if figure is not None:
        from gestalt_space.figures.cohorts import clustering_figure

        write_picture(
            lambda: clustering_figure(selection, found, show_patients=show_patients),
            figure,
            overwrite=overwrite,
            quiet=quiet,
        )
    if csv is not None:
        output.write_table(tables[wanted](found), csv)
        return
    if as_json:
        output.write_json(cluster_document(selection, found, show_patients=show_patients))
        return
    _show(found, show_patients=show_patients)
    if not quiet:
        output.say(
            f"{selection.source}: {len(found.patients)} patients in "
            f"{counted_text(int(found.labels.max()), 'cluster')}, {found.rule}."
        )
        output.say(
            f"Mean silhouette {found.silhouette:.2f}. Adjusted Rand index with the disorders of "
            f"{found.compared} patients: {found.agreement:.2f} by average linkage, "
            f"{found.dense_agreement:.2f} by HDBSCAN "
            f"({counted_text(int(found.dense.max()), 'cluster')}, "
            f"{counted_text(int((found.dense == 0).sum()), 'patient')} in none). Mean index with "
            f"the clusters of bootstrap draws: {found.resampled_agreement:.2f}."
        )
        reasons = Counter(pair.reason for pair in found.pairs if pair.reason).most_common()
        for reason, count in reasons[:REASONS]:
            output.say(f"No verdict for {count} pair{'s' * (count > 1)}: {reason}.")
        if more := sum(count for _, count in reasons[REASONS:]):
            output.say(f"No verdict for {more} more; --json lists the reasons.")
        if figure is not None:
            output.say(f"The tree is in {figure}.")
        output.say(output.DISCLAIMER)


def _show(found: Clustering, *, show_patients: bool) -> None:
    table = output.new_table(
        *("cluster", "patients", "most common disorder", "stability"),
        right=("cluster", "patients", "stability"),
    )
    for one in found.clusters:
        common = f"{one.disorder} ({one.of_disorder})" if one.disorder else ""
        table.add_row(str(one.number), str(one.patients), common, f"{one.stability:.2f}")
    output.write_table(table)
    if show_patients:
        table = output.new_table(
            *("patient", "cluster", "HDBSCAN"), right=("cluster", "HDBSCAN"), whole=("patient",)
        )
        for patient, label, dense in zip(found.patients, found.labels, found.dense, strict=True):
            table.add_row(patient, str(label), str(dense) if dense else "-")
        output.write_table(table)
    table = output.new_table(
        *("disorder", "patients", "silhouette", "halves", "distance, SD", "q", "looks like"),
        right=("patients", "silhouette", "halves", "distance, SD", "q"),
        least=("halves", "silhouette", "distance, SD", "q", "patients"),
    )
    for of in found.disorders:
        tested = of.q == of.q
        table.add_row(
            of.disorder,
            str(of.patients),
            f"{of.silhouette:.2f}" if of.silhouette == of.silhouette else "",
            " + ".join(map(str, of.half_sizes)) if of.has_halves else "",
            f"{of.apart:.1f}" if of.has_halves else "",
            f"{of.q:.3f}" if tested else "",
            of.reading,
        )
    output.write_table(table)
    if not found.pairs:
        return
    table = output.new_table(
        *("hardest to tell apart", "families", "share", "95 %", "q", "verdict"),
        right=("families", "share", "q"),
        least=("families", "q"),
    )
    for pair in found.pairs[:SHOWN]:
        share = pair.share
        table.add_row(
            f"{pair.first} and {pair.second}",
            " + ".join(map(str, pair.families)),
            f"{share.value:.2f}" if share.value == share.value else "",
            f"{share.low:.2f}–{share.high:.2f}" if share.low == share.low else "",
            f"{pair.q:.3f}" if pair.q == pair.q else "",
            pair.verdict,
        )
    output.write_table(table)
