"""`gestalt train multiclass`: a classifier of a gallery's disorders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.counts import counted_text

from . import options, output, train_options
from .interruption import interruption
from .train_options import DEFAULT, make_plan, share_text, show_classifier, show_end

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gestalt_space.training.classifier.results import MulticlassResult


def multiclass(
    out: train_options.Out,
    recipe: train_options.RecipeName = DEFAULT,
    changes: train_options.Changes = [],  # noqa: B006 - Typer copies it
    split: Annotated[
        Path | None,
        typer.Option(
            "--split",
            help="CSV file with the columns patient and part (training, validation, test or "
            "gallery), such as the split.csv of another training. [default: families are divided "
            "at random]",
            show_default=False,
        ),
    ] = None,
    home: options.Home = None,
    device: options.DeviceName = "auto",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a classifier of all frequent disorders of a gallery, by regions of the face.

    As DeepGestalt: one network for each region, whose probabilities are averaged. Relatives are
    never divided between training, validation and test. Top-k is measured on the test patients.
    A classifier gives one of its disorders to every face; patients with rare disorders, which are
    not trained, show what such a face gets.

    The folder gets model/ for gestalt models add, log.csv, and split.csv with patient identifiers.
    """
    plan = make_plan(recipe, changes, home, out, device, quiet=quiet)
    from gestalt_space.training.classifier.documents import multiclass_document
    from gestalt_space.training.classifier.multiclass import train_multiclass

    with interruption(
        lambda: ". Finished epochs of fine-tuning are kept.",
        "Run the same command again to continue.",
    ):
        found = train_multiclass(plan, split)
    if as_json:
        output.write_json(multiclass_document(found))
    elif not quiet:
        _show(found)
    if not quiet:
        show_end(found)


def _show(found: MulticlassResult) -> None:
    output.write_text(
        f"{len(found.classes)} disorders; {found.rare} rare ones are not known to the classifier",
        style="bold",
    )
    output.write_text(f"  with one of them: {_parts_text(found.parts)}")
    if rare := _parts_text(found.rare_parts):
        output.write_text(f"  with a rare one, in none of the shares: {rare}")
    right = ("test photos", "mean over disorders", "chance")
    table = output.new_table("top-k", *right, right=right)
    for one in found.tops:
        shares = share_text(one.photos), share_text(one.classes)
        table.add_row(f"top-{one.k}", *shares, f"{one.chance:.1%}")
    output.write_table(table)
    show_classifier(found, regions="measured on the validation patients")


def _parts_text(parts: Mapping[str, tuple[int, int]]) -> str:
    return "; ".join(
        f"{part} {counted_text(patients, 'patient')}, {counted_text(photos, 'photo')}"
        for part, (patients, photos) in parts.items()
        if patients
    )
