"""`gestalt train recognisable`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.counts import counted_text
from gestalt_space.errors import UsageError

from . import cohort_options, options, output
from .cohort_cohesion import WithFamily, p_text
from .opening import opened

if TYPE_CHECKING:
    from gestalt_space.cohort.recognisable import ClassifiedGroup, Recognisable
    from gestalt_space.cohort.term_groups import TermGroups

UNMATCHED = "none"
SHOWN = 10
"""Terms in the terminal, at the most."""


def recognisable(
    disorder: cohort_options.Disorders = [],  # noqa: B006 - Typer copies it
    match: Annotated[
        list[str],
        typer.Option(
            "--match",
            help="Match controls on sex, age, ancestry or site; separate several by commas. "
            f"`{UNMATCHED}` draws any controls. [default: sex,age]",
            metavar="FACT",
            show_default=False,
        ),
    ] = ["sex,age"],  # noqa: B006
    controls: Annotated[
        int, typer.Option("--controls", min=1, help="Number of controls for each patient.")
    ] = 1,
    permutations: Annotated[
        int, typer.Option("--permutations", help="Number of permutations for the p-value.")
    ] = 1_000,
    by: Annotated[
        str,
        typer.Option(
            "--by",
            help="Distinguish the patients by face, terms (HPO) or both. With both, each "
            "is also measured alone.",
            metavar="PART",
        ),
    ] = "face",
    hpo_release: options.HpoRelease = None,
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
    """Test whether face or HPO terms distinguish patients with a disorder from matched controls.

    Trains a classifier on the stored descriptors, HPO terms or both of the patients and of other
    patients of the gallery, and asks it about families that it was not trained on. Its errors are
    compared with those after the labels are permuted. The patients of a family are averaged and
    count once. With terms, patients without any are left out, and the terms that differ most are
    listed. Nothing is stored.

    --csv writes the table `figures` or, with terms, `terms`.
    """
    from gestalt_space.cohort.patients import parse_facts
    from gestalt_space.cohort.recognisable import RecognisablePlan, parse_by
    from gestalt_space.cohort.recognisable import recognisable as measure
    from gestalt_space.cohort.result_tables import recognisable_table, term_shares_table
    from gestalt_space.cohort.statistics_document import recognisable_document
    from gestalt_space.phenotype.patients import described
    from gestalt_space.phenotype.release import open_release

    part = parse_by(by)
    tables = {"figures": recognisable_table}
    if part != "face":
        tables["terms"] = term_shares_table
    wanted = output.table_name(table, list(tables), csv)
    output.check_csv(csv, as_json=as_json, overwrite=overwrite)
    if not disorder:
        raise UsageError("No disorder is given.", "Name one: --disorder OMIM:122470.")
    plan = RecognisablePlan(
        match=() if match == [UNMATCHED] else parse_facts(match),
        controls=controls,
        permutations=permutations,
        seed=seed,
        with_family=with_family,
        by=part,
    )
    release = None if part == "face" else open_release(hpo_release)
    with opened(home, space=space) as gallery:
        gallery = gallery.pinned()
        chosen = cohort_options.chosen(gallery, disorders=disorder)
        everybody = cohort_options.chosen(gallery)
        terms = None if release is None else described(release, gallery.present_terms())
    with output.stages(quiet=quiet) as stages:
        found = measure(chosen, everybody, plan, described=terms, stages=stages)
    if csv is not None:
        output.write_table(tables[wanted](found), csv)
        return
    if as_json:
        output.write_json(recognisable_document(chosen, found))
        return
    output.write_text(f"{chosen.source}, space {chosen.space}", style="bold")
    _show(found)
    if not quiet:
        output.write_text(
            f"{permutations:,} permutations, seed {seed}. The range in brackets is a 95 % "
            "interval. For the meaning of the figures, see docs/cohorts.md.",
            style="dim",
        )
        output.write_text(output.DISCLAIMER, style="dim")


def _show(found: Recognisable) -> None:
    facts = f", matched on {' and '.join(found.plan.match)}" if found.plan.match else ""
    output.write_text(
        f"  {_group(found.patients, 'patient', found)} and "
        f"{_group(found.controls, 'control', found)}{facts}"
    )
    terms = found.terms
    for count, noun, why in (
        (found.unknown, "patient", f"left out: {' or '.join(found.plan.match)} is not known"),
        (found.unmatched, "patient", "left out: too few controls to match"),
        (0 if terms is None else terms.patients_without, "patient", "left out: no HPO terms"),
        (0 if terms is None else terms.controls_without, "other", "left out: no HPO terms"),
        (found.relatives, "relative", "of the patients not used as controls"),
    ):
        if count:
            output.write_text(f"  {counted_text(count, noun)} {why}")
    for warning in found.warnings:
        output.write_text(f"! {warning}", style="bold")
    _show_figures(found)
    output.write_text(f"  {found.classifier}, {found.folds}-fold cross-validation by family")
    if terms is not None:
        _show_terms(terms)


def _show_figures(found: Recognisable) -> None:
    told = (*found.alone, found)
    names = [one.by for one in told]
    table = output.new_table("", *names, right=names)
    areas = [f"{one.value:.2f} ({one.low:.2f}–{one.high:.2f})" for one in (o.auroc for o in told)]
    table.add_row("AUROC; 0.5 is chance", *areas)
    table.add_row("Brier score; lower is better", *(f"{one.brier:.3f}" for one in told))
    table.add_row("mean after permutation", *(f"{one.shuffled_brier:.3f}" for one in told))
    table.add_row("their standard deviation", *(f"{one.shuffled_sd:.3f}" for one in told))
    table.add_row("p, one-sided", *(p_text(one.p) for one in told))
    output.write_table(table)


def _show_terms(terms: TermGroups) -> None:
    count = terms.count
    output.write_text(
        f"  {count.patients:.1f} terms of each patient and {count.controls:.1f} of each control on "
        f"average (p {p_text(count.p)})"
    )
    columns = ("patients", "controls", "p", "p (BH)")
    table = output.new_table("", "term", *columns, right=columns)
    for one in terms.shares[:SHOWN]:
        shares = (f"{100 * one.patients:.0f} %", f"{100 * one.controls:.0f} %")
        table.add_row(one.id, one.name, *shares, p_text(one.p), p_text(one.q))
    output.write_table(table)
    if (more := len(terms.shares) - SHOWN) > 0:
        output.write_text(f"  {more:,} more terms: --csv FILE --table terms")
    output.write_text(f"  HPO {terms.release}")


def _group(group: ClassifiedGroup, one: str, found: Recognisable) -> str:
    told = counted_text(group.patients, one)
    if group.units != group.patients and not found.plan.with_family:
        told += f" of {group.units:,} families"
    return told
