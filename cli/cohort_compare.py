"""`gestalt cohort compare`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.counts import counted_text
from gestalt_space.errors import UsageError

from . import cohort_options, options, output
from .cohort_cohesion import Match, Permutations, WithFamily, p_text
from .opening import opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gestalt_space.cohort.comparison import GroupComparison
    from gestalt_space.cohort.selection import Selection
    from gestalt_space.home import Gallery
    from gestalt_space.stats.estimates import Estimate, Finding

NAMED = 5
"""Disorders with too few patients, by name at the most; the document has them all."""

_A, _B = "The first group: patients", "The second group: patients"


def compare(
    cohorts: Annotated[
        list[str],
        typer.Argument(help="Names of two cohorts.", metavar="COHORT", show_default=False),
    ] = [],  # noqa: B006 - Typer copies it
    a_cohort: Annotated[
        list[str], typer.Option("--a-cohort", help=f"{_A} of this cohort.", show_default=False)
    ] = [],  # noqa: B006
    b_cohort: Annotated[
        list[str], typer.Option("--b-cohort", help=f"{_B} of this cohort.", show_default=False)
    ] = [],  # noqa: B006
    a_disorder: Annotated[
        list[str],
        typer.Option(
            "--a-disorder", help=f"{_A} with this disorder.", metavar="ID", show_default=False
        ),
    ] = [],  # noqa: B006
    b_disorder: Annotated[
        list[str],
        typer.Option(
            "--b-disorder", help=f"{_B} with this disorder.", metavar="ID", show_default=False
        ),
    ] = [],  # noqa: B006
    a_gene: Annotated[
        list[str],
        typer.Option("--a-gene", help=f"{_A} with variants in this gene.", show_default=False),
    ] = [],  # noqa: B006
    b_gene: Annotated[
        list[str],
        typer.Option("--b-gene", help=f"{_B} with variants in this gene.", show_default=False),
    ] = [],  # noqa: B006
    a_patients: Annotated[
        Path | None,
        typer.Option("--a-patients", help=f"{_A} listed in this file.", show_default=False),
    ] = None,
    b_patients: Annotated[
        Path | None,
        typer.Option("--b-patients", help=f"{_B} listed in this file.", show_default=False),
    ] = None,
    match: Match = [],  # noqa: B006
    permutations: Permutations = 10_000,
    bootstrap: Annotated[
        int, typer.Option("--bootstrap", help="Number of bootstrap draws for intervals.")
    ] = 1000,
    with_family: WithFamily = False,
    prior: Annotated[
        float,
        typer.Option(
            "--prior", help="Prior probability that the two groups have different disorders."
        ),
    ] = 0.5,
    seed: options.Seed = 0,
    engine: cohort_options.EngineName = "local",
    address: options.Address = None,
    scratch: Annotated[
        Path,
        typer.Option(
            "--scratch",
            help="With --engine ray: folder that all machines share. Descriptors are there while "
            "the command runs.",
            metavar="DIR",
            show_default="this folder",
        ),
    ] = Path(),
    overwrite: options.Overwrite = False,
    space: options.Space = None,
    home: options.Home = None,
    as_json: options.Json = False,
    csv: options.Csv = None,
    table: options.CsvTable = None,
    quiet: options.Quiet = False,
) -> None:
    """Test whether two groups of patients with the same disorders differ.

    Compares each disorder that has two or more families in both groups. The output lists how far
    apart the mean faces of the groups are, whether all disorders share that shift, whether one
    group varies more, and how well each group's patients are recognised by the photos of either
    group. A family counts once, and cannot have members in both groups. With --match, families are
    drawn so that both groups have equal numbers of each sex, age, ancestry or site, and labels are
    permuted within these. Nothing is stored.

    --csv writes the table `figures` (all tests) or `similarities`.
    """
    from gestalt_space.cohort.comparison import ComparisonPlan
    from gestalt_space.cohort.comparison import compare_groups as measure
    from gestalt_space.cohort.patients import parse_facts
    from gestalt_space.cohort.result_tables import comparison_table, similarities_table
    from gestalt_space.cohort.statistics_document import comparison_document
    from gestalt_space.cohort.workers import engine_workers
    from gestalt_space.gallery.options import parse_engine
    from gestalt_space.stats.resampling import FEWEST_REPLICATES, Bootstrap

    output.check_csv(csv, as_json=as_json, overwrite=overwrite)
    tables = {"figures": comparison_table, "similarities": similarities_table}
    wanted = output.table_name(table, list(tables), csv)
    if bootstrap < FEWEST_REPLICATES:
        raise UsageError(
            f"{bootstrap} draws are too few for an interval.",
            f"Give --bootstrap {FEWEST_REPLICATES} or more; 1000 are usual.",
        )
    if cohorts:
        if len(cohorts) != 2 or a_cohort or b_cohort:
            raise UsageError(
                "Choose two groups to compare.",
                "Name two cohorts, or use options such as --a-cohort and --b-cohort.",
            )
        a_cohort, b_cohort = [cohorts[0]], [cohorts[1]]
    plan = ComparisonPlan(
        parse_facts(match), permutations, Bootstrap(bootstrap, seed), seed, with_family, prior
    )
    machines = parse_engine(engine, address)
    with opened(home, space=space) as gallery:
        gallery, cluster = gallery.pinned(), gallery.settings.ray_address
        a = _group(gallery, "a", a_cohort, a_disorder, a_gene, a_patients)
        b = _group(gallery, "b", b_cohort, b_disorder, b_gene, b_patients)
        everybody = cohort_options.chosen(gallery)
    with (
        engine_workers(machines, address or cluster, scratch) as workers,
        output.stages(quiet=quiet) as stages,
    ):
        found = measure(a, b, plan, everybody, workers=workers, stages=stages)
    if csv is not None:
        output.write_table(tables[wanted](found), csv)
        return
    if as_json:
        output.write_json(comparison_document(a, b, found))
        return
    _show_groups(a, b, found)
    _show_overall(found)
    _show_disorders(found)
    _show_accuracy(found)
    _show_blocks(found)
    if not quiet:
        output.write_text(
            f"{permutations:,} permutations, {bootstrap:,} bootstrap draws, seed {seed}. Ranges in "
            "brackets are 95 % intervals. For the meaning of the figures, see docs/cohorts.md.",
            style="dim",
        )
        output.write_text(output.DISCLAIMER, style="dim")


def _group(
    gallery: Gallery,
    letter: str,
    cohorts: Sequence[str],
    disorders: Sequence[str],
    genes: Sequence[str],
    patients: Path | None,
) -> Selection:
    if not (cohorts or disorders or genes or patients):
        raise UsageError(
            f"Group {letter.upper()} is missing.",
            f"Name two cohorts, or add --{letter}-cohort, --{letter}-disorder, --{letter}-gene or "
            f"--{letter}-patients.",
        )
    return cohort_options.chosen(gallery, cohorts, disorders, genes, patients)


def _show_groups(a: Selection, b: Selection, found: GroupComparison) -> None:
    unit = found.tests.shift.unit
    for letter, group, of in (("A", a, found.a), ("B", b, found.b)):
        output.write_text(f"{letter}: {group.source}", style="bold")
        left_out = f", {of.unmatched:,} left out by matching" if of.unmatched else ""
        output.write_text(f"  {counted_text(of.patients, 'patient')}{left_out}")
        families = f" of {of.units:,} {unit}" if of.units != of.compared else ""
        output.write_text(f"  {of.compared:,} with a compared disorder{families}")
    for warning in found.warnings:
        output.write_text(f"! {warning}", style="bold")
    if found.too_few:
        names = ", ".join(one.disorder for one in found.too_few[:NAMED])
        more = len(found.too_few) - NAMED
        output.write_text(
            f"{counted_text(len(found.too_few), 'disorder')} without two {unit} in each "
            f"group: {names}" + (f" and {more:,} more" if more > 0 else "")
        )


def _show_overall(found: GroupComparison) -> None:
    output.write_text(f"\nOver {counted_text(len(found.disorders), 'disorder')}", style="bold")
    table = output.new_table("", "figure", "95 % interval", "p", right=("figure", "p"))
    tests = found.tests
    for told, one, digits in (
        ("distance of mean faces (1 - cosine)", tests.shift, 4),
        ("shift shared by all disorders", tests.common, 4),
        ("differences beyond that shift", tests.own, 4),
        ("spread of B relative to A", tests.spread, 2),
    ):
        table.add_row(told, _value(one, digits), _interval(one, digits), _p(one.p))
    output.write_table(table)
    if math.isnan(tests.own.p):
        output.write_text(f"  differences beyond the shift: {tests.own.method}")


def _show_disorders(found: GroupComparison) -> None:
    output.write_text(
        "\nEach disorder: mean similarity, and distance of the mean faces", style="bold"
    )
    columns = ["A, B", "in A", "in B", "between", "distance", "p", "p (BH)", "own (BH)"]
    table = output.new_table(
        "disorder", *columns, right=columns, least=("in A", "in B", "between", "p", "A, B")
    )
    for one in found.disorders:
        shift = one.tests.shift
        table.add_row(
            one.disorder,
            f"{one.units_a}, {one.units_b}",
            *(f"{pairs.mean:.2f}" for pairs in (one.within_a, one.within_b, one.between)),
            _value(shift, 3),
            _p(shift.p),
            _p(shift.p_adjusted),
            _p(one.tests.own.p_adjusted),
        )
    output.write_table(table)
    from gestalt_space.cohort.group_differences import WITHHELD

    if untested := sum(one.tests.shift.method == WITHHELD for one in found.disorders):
        output.write_text(
            f"  {counted_text(untested, 'disorder')} with too few permutations for a p-value"
        )


def _show_accuracy(found: GroupComparison) -> None:
    from gestalt_space.cohort.cross_accuracy import GALLERIES

    first = found.accuracy[0]
    count = counted_text(first.disorders, "disorder")
    for title, figures in (
        (f"{first.gallery:,} photos of {count} in every gallery", "top"),
        ("mean over disorders", "top_of_disorders"),
    ):
        output.write_text(f"\nTrue disorder among the first k, %: {title}", style="bold")
        columns = [f"top-{k}" for k in first.top]
        sides = ("patients of", "matched against")
        table = output.new_table(*sides, *columns, right=columns, least=columns[:0:-1])
        for one in found.accuracy:
            cells = [_percent(value) for value in getattr(one, figures).values()]
            table.add_row(one.group.upper(), GALLERIES[one.evidence], *cells)
        output.write_table(table)


def _show_blocks(found: GroupComparison) -> None:
    """How probable it is that A and B have different disorders; why that is withheld, once for all
    disorders of which that is true."""
    shown = [(one.disorder, one.blocks) for one in found.disorders if one.blocks is not None]
    output.write_text(
        "\nProbability that A and B have different disorders, from their distance", style="bold"
    )
    if any(not blocks.withheld for _, blocks in shown):
        output.write_text(f"  with a prior probability of {100 * found.plan.prior:g} %")
        columns = ["families", "distance", "threshold", "different, %"]
        table = output.new_table("disorder", *columns, right=columns, least=("threshold",))
        for disorder, blocks in shown:
            if not blocks.withheld:
                table.add_row(
                    disorder,
                    f"{blocks.side_a}, {blocks.side_b}",
                    f"{blocks.distance:.3f}",
                    f"{blocks.threshold:.3f}",
                    _percent(blocks.different),
                )
        output.write_table(table)
        output.write_text(
            "  This holds only if A and B were photographed like the patients of the gallery.\n  "
            "With other cameras or worse photos, the same disorder looks different."
        )
    for reason in sorted({blocks.withheld for _, blocks in shown} - {""}):
        about = [disorder for disorder, blocks in shown if blocks.withheld == reason]
        more = f" and {len(about) - NAMED:,} more" if len(about) > NAMED else ""
        output.write_text(f"  not given for {', '.join(about[:NAMED])}{more}: {reason}")


def _percent(one: Estimate) -> str:
    if math.isnan(one.low):
        return f"{100 * one.value:.0f}"
    return f"{100 * one.value:.0f} ({100 * one.low:.0f}–{100 * one.high:.0f})"


def _value(one: Finding, digits: int) -> str:
    return "–" if math.isnan(one.estimate) else f"{one.estimate:.{digits}f}"


def _interval(one: Finding, digits: int) -> str:
    return "" if math.isnan(one.low) else f"{one.low:.{digits}f} to {one.high:.{digits}f}"


def _p(p: float) -> str:
    return "–" if math.isnan(p) else p_text(p)
