"""`gestalt train binary`: a classifier of one disorder against others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.counts import counted_text
from gestalt_space.errors import UsageError

from . import cohort_options, options, output, train_options
from .interruption import interruption
from .match_output import title_of
from .train_options import DEFAULT, make_plan, share_text, show_classifier, show_end

if TYPE_CHECKING:
    from gestalt_space.training.classifier.results import BinaryResult


def binary(
    out: train_options.Out,
    disorder: cohort_options.Disorders = [],  # noqa: B006 - Typer copies it
    against: Annotated[
        list[str],
        typer.Option(
            "--against",
            help="Compare with patients who have this disorder, by its identifier or name. "
            "Repeatable. [default: all other diagnosed patients]",
            metavar="DISORDER",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    recipe: train_options.RecipeName = DEFAULT,
    changes: train_options.Changes = [],  # noqa: B006
    home: options.Home = None,
    device: options.DeviceName = "auto",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a classifier that tells patients with a disorder from others.

    Accuracy, sensitivity, specificity and AUROC are those of cross-validation by family: nobody is
    judged by a classifier, or with a threshold, that has seen them or a relative. Patients
    without a diagnosis are left out. The classifier in model/ is then trained on everybody.

    The folder gets model/ for gestalt models add, log.csv, and split.csv with patient identifiers.
    """
    if not disorder:
        raise UsageError("No disorder is given.", "Name one: --disorder OMIM:122470.")
    plan = make_plan(recipe, changes, home, out, device, quiet=quiet)
    from gestalt_space.training.classifier.binary import train_binary
    from gestalt_space.training.classifier.documents import binary_document

    with interruption(
        lambda: ". Finished epochs of fine-tuning are kept.",
        "Run the same command again to continue.",
    ):
        found = train_binary(plan, disorder, against)
    if as_json:
        output.write_json(binary_document(found))
    elif not quiet:
        _show(found)
    if not quiet:
        show_end(found)


def _show(found: BinaryResult) -> None:
    first, second = found.classes
    output.write_text(f"{first.answer.id} against {second.answer.id}", style="bold")
    for one in (first, second):
        title = title_of(one.answer.id, one.answer.name)
        families = counted_text(one.families, "family", "families")
        output.write_text(
            f"  {title}: {counted_text(one.patients, 'patient')} of {families}, "
            f"{counted_text(one.photos, 'photo')}"
        )
    area = found.auroc
    table = output.new_table("", "figure", right=("figure",))
    table.add_row("accuracy", share_text(found.accuracy))
    table.add_row("  always the larger class", f"{found.majority:.1%}")
    table.add_row("sensitivity", share_text(found.sensitivity))
    table.add_row("specificity", share_text(found.specificity))
    table.add_row("AUROC; 0.5 is chance", f"{area.value:.3f} ({area.low:.3f}–{area.high:.3f})")
    output.write_table(table)
    output.write_text(f"  {found.folds}-fold cross-validation by family; 95 % intervals")
    output.write_text(
        "  nothing is matched: sex, age, ancestry or the site may be what tells the groups apart"
    )
    show_classifier(found, regions="measured by the same cross-validation")
