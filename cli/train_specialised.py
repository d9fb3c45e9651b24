"""`gestalt train specialised`: a classifier of the genes of a disorder."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.errors import UsageError

from . import cohort_options, options, output, train_options
from .cohort_cohesion import p_text
from .interruption import interruption
from .train_options import DEFAULT, make_plan, share_text, show_classifier, show_end

if TYPE_CHECKING:
    from gestalt_space.training.classifier.results import SpecialisedResult


class By(StrEnum):
    """What patients of a disorder are divided by."""

    GENE = "gene"


def specialised(
    out: train_options.Out,
    disorder: cohort_options.Disorders = [],  # noqa: B006 - Typer copies it
    by: Annotated[By, typer.Option("--by", help="What divides the patients.")] = By.GENE,
    permutations: Annotated[
        int, typer.Option("--permutations", help="Number of permutations for the p-value.")
    ] = 1_000,
    recipe: train_options.RecipeName = DEFAULT,
    changes: train_options.Changes = [],  # noqa: B006
    home: options.Home = None,
    device: options.DeviceName = "auto",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a classifier of the genes of a disorder, and test whether it is better than chance.

    Patients need exactly one gene. A gene with fewer families than `frequent` of the recipe is left
    out. Top-1 and the confusion matrix are those of cross-validation by family. For the p-value,
    genes are permuted between families, and all that was fitted to them is fitted again.

    The folder gets model/ for gestalt models add, log.csv, and split.csv with patient identifiers.
    """
    if not disorder:
        raise UsageError("No disorder is given.", "Name one: --disorder OMIM:163950.")
    plan = make_plan(recipe, changes, home, out, device, quiet=quiet)
    from gestalt_space.training.classifier.documents import specialised_document
    from gestalt_space.training.classifier.specialised import train_specialised
    from gestalt_space.weights.classifier_facts import SIGNIFICANT

    with (
        interruption(lambda: ".", "Run the same command again."),
        output.stages(quiet=quiet) as stages,
    ):
        found = train_specialised(plan, disorder, permutations=permutations, stages=stages)
    if as_json:
        output.write_json(specialised_document(found))
    elif not quiet:
        _show(found, by)
    if quiet:
        return
    if found.p <= SIGNIFICANT:
        show_end(found)
    else:
        output.say(f"Wrote {found.model}.")
        output.say(
            f"This classifier is not better than chance (p = {p_text(found.p)}): do not use it."
        )


def _show(found: SpecialisedResult, by: By) -> None:
    output.write_text(f"{found.disorder} by {by}", style="bold")
    table = output.new_table("", "figure", right=("figure",))
    table.add_row("top-1", share_text(found.top1))
    table.add_row("top-1, mean over genes", f"{found.class_top1:.1%}")
    table.add_row("  after genes are permuted", f"{found.chance:.1%}")
    table.add_row("p, one-sided", p_text(found.p))
    output.write_table(table)
    output.write_text(
        f"  {found.folds}-fold cross-validation by family; {found.permutations:,} permutations"
    )
    names = [one.answer.id for one in found.classes]
    confusion = output.new_table("gene", *names, "patients", right=(*names, "patients"))
    for name, row in zip(names, found.confusion, strict=True):
        confusion.add_row(name, *map(str, row), str(sum(row)))
    output.write_table(confusion)
    output.write_text("  a row for each gene, a column for each gene that the classifier gives")
    show_classifier(
        found,
        regions="measured by the same cross-validation",
        known="with one of the genes",
        unknown="with another disorder",
    )
