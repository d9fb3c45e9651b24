"""`gestalt cohort cohesion`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.counts import counted_text

from . import cohort_options, options, output
from .opening import opened

if TYPE_CHECKING:
    from gestalt_space.cohort.cohesion import Cohesion

Match = Annotated[
    list[str],
    typer.Option(
        "--match",
        help="Match groups on sex, age, ancestry or site; separate several by commas.",
        metavar="FACT",
        show_default=False,
    ),
]
Permutations = Annotated[
    int, typer.Option("--permutations", help="Number of random draws for p-values.")
]

WithFamily = Annotated[
    bool, typer.Option("--with-family", help="Count family members as unrelated patients.")
]


def cohesion(
    cohort: cohort_options.Cohorts = [],  # noqa: B006 - Typer copies it
    disorder: cohort_options.Disorders = [],  # noqa: B006
    gene: cohort_options.Genes = [],  # noqa: B006
    patients: cohort_options.PatientsFile = None,
    match: Match = [],  # noqa: B006
    permutations: Permutations = 10_000,
    with_family: WithFamily = False,
    seed: options.Seed = 0,
    overwrite: options.Overwrite = False,
    space: options.Space = None,
    home: options.Home = None,
    as_json: options.Json = False,
    csv: options.Csv = None,
    table: options.CsvTable = None,
    quiet: options.Quiet = False,
) -> None:
    """Test whether patients look more alike than by chance.

    Compares the mean similarity of all pairs of families with random groups of as many families
    from the whole gallery; with --match, with the same sexes, ages, ancestries or sites. The
    patients of a family are averaged and count once. Nothing is stored.

    --csv writes the table `figures` or `single-photos`.
    """
    from gestalt_space.cohort.cohesion import CohesionPlan
    from gestalt_space.cohort.cohesion import cohesion as measure
    from gestalt_space.cohort.patients import parse_facts
    from gestalt_space.cohort.result_tables import cohesion_table, curve_table
    from gestalt_space.cohort.statistics_document import cohesion_document

    output.check_csv(csv, as_json=as_json, overwrite=overwrite)
    tables = {"figures": cohesion_table, "single-photos": curve_table}
    wanted = output.table_name(table, list(tables), csv)
    plan = CohesionPlan(
        match=parse_facts(match), permutations=permutations, seed=seed, with_family=with_family
    )
    with opened(home, space=space) as gallery:
        gallery = gallery.pinned()
        chosen = cohort_options.chosen(gallery, cohort, disorder, gene, patients)
        everybody = cohort_options.chosen(gallery)
    with output.stages(quiet=quiet) as stages:
        found = measure(chosen, everybody, plan, stages=stages)
    if csv is not None:
        output.write_table(tables[wanted](found), csv)
        return
    if as_json:
        output.write_json(cohesion_document(chosen, found))
        return
    output.write_text(f"{chosen.source}, space {chosen.space}", style="bold")
    _show(found)
    if not quiet:
        output.write_text(
            f"{found.plan.permutations:,} random groups, seed {seed}. For the meaning of the "
            "figures, see docs/cohorts.md.",
            style="dim",
        )
        output.write_text(output.DISCLAIMER, style="dim")


def _show(found: Cohesion) -> None:
    matched = f", matched on {' and '.join(found.plan.match)}" if found.plan.match else ""
    output.write_text(
        f"  {counted_text(found.patients, 'patient')} with "
        f"{counted_text(found.photos, 'photo')} and {found.controls:,} control "
        f"{'family' if found.controls == 1 else 'families'}{matched}"
    )
    if found.families < found.patients:
        output.write_text(
            f"  of {found.families:,} families; the patients of a family are averaged"
        )
    if found.relatives:
        output.write_text(
            f"  {counted_text(found.relatives, 'relative')} of the cohort's patients not "
            "used as controls"
        )
    table = output.new_table("", "figure", right=("figure",))
    table.add_row("mean similarity of pairs in the cohort", f"{found.similarity:.3f}")
    table.add_row("mean of random groups", f"{found.random_mean:.3f}")
    table.add_row("their standard deviation", f"{found.random_sd:.3f}")
    effect = "–" if math.isnan(found.effect) else f"{found.effect:+.1f}"
    table.add_row("effect, in standard deviations", effect)
    table.add_row("percentile among random groups", f"{found.percentile:.1f}")
    table.add_row("p, one-sided", p_text(found.p))
    output.write_table(table)
    if not found.curve:
        output.write_text("  single photos: too few patients with other disorders")
        return
    output.write_text(
        f"Single photos, compared with {counted_text(found.curve_controls, 'control')} "
        "without the cohort's disorders" + (", who are not matched" if found.plan.match else ""),
        style="bold",
    )
    columns = ("patients drawn", "similarity", "of controls", "percentile")
    curve = output.new_table(*columns, right=columns)
    for point in found.curve:
        curve.add_row(
            f"{point.size:,}",
            f"{point.similarity:.3f}",
            f"{point.controls:.3f}",
            f"{point.percentile:.1f}",
        )
    output.write_table(curve)


def p_text(p: float) -> str:
    """A p-value as it stands in tables."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"
