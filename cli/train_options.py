"""Options of the commands that train a classifier, and what they show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.counts import counted_text

from . import output

if TYPE_CHECKING:
    from gestalt_space.stats.estimates import Estimate
    from gestalt_space.training.classifier.plan import Plan
    from gestalt_space.training.classifier.results import ClassifierResult

Out = Annotated[
    Path,
    typer.Option(
        "--output", "-o", help="Folder for the model, the log and the split.", show_default=False
    ),
]
RecipeName = Annotated[
    str,
    typer.Option("--recipe", help="deepgestalt-builtin, deepgestalt, or a .toml file like them."),
]
Changes = Annotated[
    list[str],
    typer.Option(
        "--set",
        help="Change a value of the recipe, such as model=NAME or fine_tune=true. Repeatable.",
        metavar="KEY=VALUE",
        show_default=False,
    ),
]
DEFAULT = "deepgestalt-builtin"


def make_plan(
    recipe: str,
    changes: list[str],
    home: Path | None,
    out: Path,
    device: str,
    *,
    quiet: bool,
) -> Plan:
    """What a training is given. Raises `UsageError`."""
    from gestalt_space.devices import parse_device
    from gestalt_space.training.preconditions import check_packages

    check_packages("torch", "pytorch_metric_learning", "onnxscript")
    from gestalt_space.training.classifier.plan import Plan
    from gestalt_space.training.classifier.recipe import load_classifier_recipe

    chosen = load_classifier_recipe(recipe, changes)
    log = _nothing if quiet else output.say
    return Plan(chosen, home, out, parse_device(device), log)


def share_text(one: Estimate) -> str:
    """A share with its interval."""
    return f"{one.value:.1%} ({one.low:.1%}–{one.high:.1%})"


def show_classifier(
    found: ClassifierResult,
    *,
    regions: str,
    known: str = "with one of the classes",
    unknown: str = "with none of the classes",
) -> None:
    """The regions, and what patients get whom the classifier does not know. `regions`: on whom they
    were measured; `known`, `unknown`: patients whom it knows, and others."""
    from gestalt_space.weights.classifier_facts import OTHERS

    table = output.new_table(
        "region", "top-1", "log-loss", "weight", right=("top-1", "log-loss", "weight")
    )
    for one in found.regions:
        table.add_row(one.region, f"{one.top1:.1%}", f"{one.log_loss:.2f}", f"{one.weight:.2f}")
    output.write_table(table)
    output.write_text(f"  regions: {regions}; top-1 is the mean over classes")
    if found.classes[-1].answer.id == OTHERS:
        return
    if found.unknown is None:
        output.write_text(f"  what patients {unknown} get is not measured: there are fewer than 5")
        return
    median = len(found.unknown.quantiles) // 2
    told = f"{found.unknown.quantiles[median]:.2f}"
    own = ""
    if found.known is not None:
        own = f"; of patients {known}, {found.known.quantiles[median]:.2f}"
    output.write_text(
        f"  {counted_text(found.unknown.patients, 'patient')} {unknown} get one of "
        f"its answers all the same: the median of their largest probability is {told}{own}"
    )


def show_end(found: ClassifierResult) -> None:
    """Where the classifier is, and how it is installed."""
    output.say(f"Wrote {found.model}.")
    output.say(f"To install it: gestalt models add {found.model} --name NAME", indent="  ")
    output.say("To use it: gestalt match PHOTO --classifier NAME", indent="  ")


def _nothing(line: str) -> None:
    """Shows nothing."""
