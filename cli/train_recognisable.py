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

UNMATCHED = "none"


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
    with_family: WithFamily = False,
    seed: options.Seed = 0,
    overwrite: options.Overwrite = False,
    space: options.Space = None,
    home: options.Home = None,
    as_json: options.Json = False,
    csv: options.Csv = None,
    quiet: options.Quiet = False,
) -> None:
    """Test whether the face alone distinguishes patients with a disorder from matched controls.

    Trains a classifier on the stored descriptors of the patients and of other patients of the
    gallery, and asks it about families that it was not trained on. Its errors are compared with
    those after the labels are permuted. The patients of a family are averaged and count once.
    Nothing is stored.
    """
    from gestalt_space.cohort.patients import parse_facts
    from gestalt_space.cohort.recognisable import RecognisablePlan
    from gestalt_space.cohort.recognisable import recognisable as measure
    from gestalt_space.cohort.result_tables import recognisable_table
    from gestalt_space.cohort.statistics_document import recognisable_document

    output.check_csv(csv, as_json=as_json, overwrite=overwrite)
    if not disorder:
        raise UsageError("No disorder is given.", "Name one: --disorder OMIM:122470.")
    plan = RecognisablePlan(
        match=() if match == [UNMATCHED] else parse_facts(match),
        controls=controls,
        permutations=permutations,
        seed=seed,
        with_family=with_family,
    )
    with opened(home, space=space) as gallery:
        gallery = gallery.pinned()
        chosen = cohort_options.chosen(gallery, disorders=disorder)
        everybody = cohort_options.chosen(gallery)
    with output.stages(quiet=quiet) as stages:
        found = measure(chosen, everybody, plan, stages=stages)
    if csv is not None:
        output.write_table(recognisable_table(found), csv)
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
    for count, why in (
        (found.unknown, f"left out: {' or '.join(found.plan.match)} is not known"),
        (found.unmatched, "left out: too few controls to match"),
    ):
        if count:
            output.write_text(f"  {counted_text(count, 'patient')} {why}")
    if found.relatives:
        output.write_text(
            f"  {counted_text(found.relatives, 'relative')} of the patients not used as controls"
        )
    for warning in found.warnings:
        output.write_text(f"! {warning}", style="bold")
    area = found.auroc
    table = output.new_table("", "figure", right=("figure",))
    table.add_row("AUROC; 0.5 is chance", f"{area.value:.2f} ({area.low:.2f}–{area.high:.2f})")
    table.add_row("Brier score; lower is better", f"{found.brier:.3f}")
    table.add_row("mean after permutation", f"{found.shuffled_brier:.3f}")
    table.add_row("their standard deviation", f"{found.shuffled_sd:.3f}")
    table.add_row("p, one-sided", p_text(found.p))
    output.write_table(table)
    output.write_text(f"  {found.classifier}, {found.folds}-fold cross-validation by family")


def _group(group: ClassifiedGroup, one: str, found: Recognisable) -> str:
    told = counted_text(group.patients, one)
    if group.units != group.patients and not found.plan.with_family:
        told += f" of {group.units:,} families"
    return told
