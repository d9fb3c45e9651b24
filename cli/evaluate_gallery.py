"""`gestalt evaluate gallery`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.counts import counted_text
from gestalt_space.errors import UsageError

from . import options, output
from .figures import say_missing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gestalt_space.evaluation.accuracy import Accuracy
    from gestalt_space.evaluation.curves import Roc
    from gestalt_space.evaluation.gallery_results import GalleryEvaluation, SpaceResult
    from gestalt_space.ranking.aggregation import Aggregation
    from gestalt_space.stats.estimates import Estimate

NAMED = 5
"""Disorders that cannot be tested, by name at the most; the document has them all."""


def gallery(
    space: Annotated[
        list[str],
        typer.Option(
            "--space",
            help="Encoder to use, by the name of its model. Repeat to compare. [default: the "
            "gallery's own]",
            show_default=False,
        ),
    ] = [],  # noqa: B006 - Typer copies it
    by: Annotated[str, typer.Option("--by", help="What to rank: disorder or gene.")] = "disorder",
    split: Annotated[
        Path | None,
        typer.Option(
            "--split",
            help="CSV file with the columns patient and part, such as the split.csv of a training. "
            "Patients of part `test` are matched against those of parts `gallery`, `training` and "
            "`validation`. [default: leave out each patient in turn]",
            show_default=False,
        ),
    ] = None,
    controls: Annotated[
        str | None,
        typer.Option(
            "--controls",
            help="Cohort whose undiagnosed patients serve as people without a disorder.",
            show_default=False,
        ),
    ] = None,
    with_family: Annotated[
        bool,
        typer.Option("--with-family", help="Match relatives against each other too."),
    ] = False,
    aggregation: Annotated[
        list[str],
        typer.Option(
            "--aggregation",
            help="Aggregation: nearest, patient-mean, centroid, blend, vote or calibrated. "
            "Repeatable. Groups of patients are reported for the first. [default: all except "
            "calibrated]",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    bootstrap: Annotated[
        int,
        typer.Option(
            "--bootstrap", help="Number of bootstrap draws of families, for conditional intervals."
        ),
    ] = 1000,
    seed: options.Seed = 0,
    page: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Page with figures to write: an .html file.",
            show_default=False,
        ),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(
            "--figures",
            help="Folder for figures of accuracy, groups, ROC curves and confusion, each as PDF "
            "and PNG.",
            metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    with_patients: Annotated[
        bool,
        typer.Option(
            "--with-patients",
            help="With --json: include the ranks of every patient, by patient id.",
        ),
    ] = False,
    home: options.Home = None,
    as_json: options.Json = False,
    csv: options.Csv = None,
    quiet: options.Quiet = False,
) -> None:
    """Measure how well the gallery ranks its own patients, leaving out each in turn.

    Each photo of a diagnosed patient is matched, and then all photos of the patient as one probe.
    Patients are never matched against their own photos or against relatives. Shares have 95 %
    intervals. Nothing is stored.
    """
    from gestalt_space.evaluation.gallery_data import load_spaces, load_split
    from gestalt_space.evaluation.gallery_document import evaluation_document, evaluation_table
    from gestalt_space.evaluation.gallery_results import EvaluationPlan
    from gestalt_space.evaluation.own_gallery import evaluate_gallery
    from gestalt_space.match.question import parse_aggregation, parse_by
    from gestalt_space.pages.evaluation import check_page_path, write_page
    from gestalt_space.ranking.aggregation import AGGREGATIONS
    from gestalt_space.stats.resampling import FEWEST_REPLICATES, Bootstrap

    output.check_csv(csv, as_json=as_json)
    kind = parse_by(by)
    if kind == "patient":
        raise UsageError(
            "Patients cannot be ranked in an evaluation: each is unique.",
            "Use --by disorder or --by gene.",
        )
    if with_patients and not as_json:
        raise UsageError(
            "--with-patients needs --json.", "Add --json, or leave out --with-patients."
        )
    if bootstrap < FEWEST_REPLICATES:
        raise UsageError(
            f"{bootstrap} bootstrap draws are too few for an interval.",
            f"Give --bootstrap {FEWEST_REPLICATES} or more; 1000 are usual.",
        )
    chosen = tuple(dict.fromkeys(parse_aggregation(name) for name in aggregation))
    if page is not None:
        check_page_path(page, overwrite=overwrite)
    if figures is not None:
        from gestalt_space.figures.evaluations import check_figures_folder

        check_figures_folder(figures, overwrite=overwrite)
    plan = EvaluationPlan(
        aggregations=chosen or AGGREGATIONS,
        split=None if split is None else load_split(home, split),
        controls=controls,
        with_family=with_family,
        bootstrap=Bootstrap(bootstrap, seed),
    )
    spaces = load_spaces(home, space, kind)
    with output.stages(quiet=quiet) as stages:
        evaluation = evaluate_gallery(spaces, plan, stages=stages)
    if page is not None:
        with output.step("Writing the page", quiet=quiet):
            write_page(evaluation, page)
        if not quiet:
            output.say(f"Wrote the page to {page}.")
    if figures is not None:
        from gestalt_space.figures.evaluations import write_figures

        with output.step("Drawing", quiet=quiet):
            missing = write_figures(evaluation, figures, overwrite=overwrite)
        say_missing(missing, figures)
        if not quiet:
            output.say(f"Wrote the figures to {figures}.")
    if as_json:
        output.write_json(evaluation_document(evaluation, with_patients=with_patients))
        return
    if csv is not None:
        output.write_table(evaluation_table(evaluation), csv)
        return
    for result in evaluation.spaces:
        _show_space(result, evaluation)
    _show_comparisons(evaluation)
    if warnings := [told for result in evaluation.spaces if (told := _training_warning(result))]:
        output.write_text("\nBefore you compare", style="bold")
        for warning in warnings:
            output.write_text(f"  {warning}", style="bold")
    if not quiet:
        _show_reading(evaluation)


def _show_space(result: SpaceResult, evaluation: GalleryEvaluation) -> None:
    counts, by = result.counts, result.data.by
    output.write_text(f"Space {result.data.space} ({result.data.fingerprint[:12]})", style="bold")
    how = "left out in turn" if evaluation.plan.split is None else "tested, from the split"
    output.write_text(
        f"  {counted_text(counts.asked_patients, 'patient')} with "
        f"{counted_text(counts.asked_photos, 'photo')} {how}; "
        f"{counted_text(counts.asked_disorders, by)} tested"
    )
    output.write_text(
        f"  against {counted_text(counts.evidence_patients, 'patient')}, "
        f"{counted_text(counts.evidence_photos, 'photo')}, "
        f"{counted_text(counts.evidence_disorders, by)}"
    )
    if counts.aside:
        aside = counted_text(counts.aside, "diagnosed patient")
        output.write_text(f"  {aside} in no part of the split")
    _show_relatives(counts.with_relatives, evaluation.plan.with_family)
    if warning := _training_warning(result):
        output.write_text(f"  {warning}", style="bold")
    _show_untested(result)
    for title, figures in (
        ("All photos of a patient as one probe", "patients"),
        ("Each photo as a probe", "images"),
    ):
        accuracies: dict[Aggregation, Accuracy] = {
            how: getattr(found, figures) for how, found in result.aggregations.items()
        }
        _show_tops(f"{title}: true {by} among the first k", accuracies, "top")
        _show_tops(f"{title}: mean over {by}s", accuracies, "top_of_disorders")
    _show_ranks(result)
    _show_strata(result)


def _show_relatives(count: int, with_family: bool) -> None:
    if count:
        who = counted_text(count, "patient")
        verb = "has" if count == 1 else "have"
        were = "were matched too" if with_family else "were not matched"
        output.write_text(f"  {who} {verb} relatives in the gallery; they {were}")


def _training_warning(result: SpaceResult) -> str:
    """A warning where the encoder has seen whom it is tested on, or may have; else nothing."""
    count, data = result.counts.trained_on, result.data
    if count:
        return (
            f"{data.space} was trained on {count:,} of the tested patients, so its figures are "
            "too\n  high. Test others: give the split.csv of the training to --split."
        )
    if data.is_trained and not data.trained_on:
        return (
            f"{data.space} was trained on patients who are not recorded in this gallery. If they"
            "\n  are in it all the same, its figures are too high."
        )
    return ""


def _show_untested(result: SpaceResult) -> None:
    if not result.untested:
        return
    by = result.data.by
    names = ", ".join(one.id for one in result.untested[:NAMED])
    more = len(result.untested) - NAMED
    output.write_text(
        f"  {counted_text(len(result.untested), by)} cannot be tested, because no other "
        f"patient has\n  them: {names}" + (f" and {more:,} more" if more > 0 else "")
    )


def _show_tops(title: str, accuracies: Mapping[Aggregation, Accuracy], which: str) -> None:
    output.write_text(f"\n{title}", style="bold")
    first = next(iter(accuracies.values()))
    columns = [f"top-{k}, %" for k in first.top]
    table = output.new_table("aggregation", *columns, right=columns, least=columns[:0:-1])
    for how, found in accuracies.items():
        mark = "" if found.interval == "refitted" else " †"
        table.add_row(how + mark, *(_percent(one) for one in getattr(found, which).values()))
    output.write_table(table)


def _show_ranks(result: SpaceResult) -> None:
    output.write_text("\nAll photos of a patient as one probe: ranks and curves", style="bold")
    columns = ["mean rank", "median", "AUROC same", "AUROC patient"]
    table = output.new_table("aggregation", *columns, right=columns, least=columns[:0:-1])
    for how, found in result.aggregations.items():
        patients = found.patients
        table.add_row(
            how,
            f"{patients.mean_rank:.1f}",
            f"{patients.median_rank:.1f}".removesuffix(".0"),
            _area(found.same_different),
            _area(found.patient_control),
        )
    output.write_table(table)
    controls = result.counts.controls
    output.write_text(
        f"  AUROC patient: against {counted_text(controls, 'control')}"
        if controls
        else "  No AUROC patient: it needs --controls COHORT"
    )


def _show_strata(result: SpaceResult) -> None:
    first = next(iter(result.aggregations))
    output.write_text(f"\nGroups of patients, by {first}, all photos as one probe", style="bold")
    columns = ["patients", "top-1, %", "top-10, %", "photos: top-1"]
    table = output.new_table("", *columns, right=columns, least=columns[:1:-1])
    for part in result.strata:
        patients, images = part.patients, part.images
        table.add_row(
            f"{part.attribute}: {part.value}",
            "" if patients is None else f"{patients.patients:,}",
            _part(patients, 1),
            _part(patients, 10),
            _part(images, 1),
        )
    output.write_table(table)
    output.write_text("  * fewer than 10 patients: too few to conclude anything")


def _show_comparisons(evaluation: GalleryEvaluation) -> None:
    if not evaluation.comparisons:
        return
    several = len(evaluation.spaces) > 1
    output.write_text("\nComparisons, all photos of a patient as one probe", style="bold")
    columns = ["top-k", "difference, points", "p", "p (Holm)"]
    table = output.new_table("", "against", *columns, right=columns, least=("p",))
    for one in evaluation.comparisons:
        between = one.space != one.other_space
        named = f"{one.space}: {one.aggregation}" if several else one.aggregation
        other = f"{one.other_space}: same" if between else one.other_aggregation
        table.add_row(
            named,
            other,
            str(one.k) if one.over == "cases" else f"{one.k}, mean",
            _points(one.found.difference),
            _p(one.found.p),
            _p(one.p_held),
        )
    output.write_table(table)


def _show_reading(evaluation: GalleryEvaluation) -> None:
    bootstrap = evaluation.plan.bootstrap
    output.write_text(
        "In brackets: 95 % intervals, for galleries of other patients with the same disorders.\n"
        "†, AUROC and differences: conditional on this gallery, too narrow for another one "
        f"({bootstrap.replicates:,} draws, seed {bootstrap.seed}). For the meaning of the "
        "figures, see docs/evaluation.md.",
        style="dim",
    )
    output.write_text(output.DISCLAIMER, style="dim")


def _percent(one: Estimate) -> str:
    """A share as it stands in tables: all is 100, and needs no digit behind."""
    value = "100" if one.value == 1 else f"{100 * one.value:.1f}"
    return f"{value} ({100 * one.low:.0f}–{100 * one.high:.0f})"


def _part(found: Accuracy | None, k: int) -> str:
    from gestalt_space.evaluation.strata import too_small

    if found is None:
        return ""
    one, mark = found.top[k], "*" if too_small(found) else " "
    return f"{100 * one.value:.0f} ({100 * one.low:.0f}–{100 * one.high:.0f}){mark}"


def _points(one: Estimate) -> str:
    return f"{100 * one.value:+.1f} ({100 * one.low:+.1f} to {100 * one.high:+.1f})"


def _area(roc: Roc | None) -> str:
    if roc is None:
        return "–"
    one = roc.auroc
    return f"{one.value:.2f} ({one.low:.2f}–{one.high:.2f})"


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"
