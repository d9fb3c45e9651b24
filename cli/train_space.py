"""`gestalt train space`: fine-tune an encoder on the patients of a gallery."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options, output
from .interruption import interruption


def space(
    out: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Folder for the model, the log and the checkpoint.",
            show_default=False,
        ),
    ],
    recipe: Annotated[
        str,
        typer.Option(
            "--recipe", help="builtin-finetune, gestaltmatcher-arc, or a .toml file like them."
        ),
    ] = "builtin-finetune",
    changes: Annotated[
        list[str],
        typer.Option(
            "--set",
            help="Change a value of the recipe, such as epochs=20 or model=NAME. Repeatable.",
            metavar="KEY=VALUE",
            show_default=False,
        ),
    ] = [],  # noqa: B006 - Typer copies it
    split: Annotated[
        Path | None,
        typer.Option(
            "--split",
            help="CSV file with the columns patient and part (training, validation or test). "
            "[default: families are divided at random]",
            show_default=False,
        ),
    ] = None,
    home: options.Home = None,
    device: options.DeviceName = "auto",
    workers: Annotated[
        int,
        typer.Option("--workers", min=0, help="Number of processes that prepare photos."),
    ] = 0,
    quiet: options.Quiet = False,
) -> None:
    """Fine-tune an encoder on the patients of a gallery, from their stored faces.

    Relatives are never divided between training, validation and test. After each epoch, validation
    patients are matched against the training patients; the best epoch is kept. If the training was
    interrupted, run the same command again to continue.

    The folder gets model/ for gestalt models add, a log (log.csv), and split.csv for gestalt
    evaluate gallery --split. model/ names no patient. split.csv has patient identifiers.
    """
    from gestalt_space.devices import parse_device
    from gestalt_space.training.preconditions import check_packages

    check_packages("torch", "torchvision", "pytorch_metric_learning", "onnxscript")
    from gestalt_space.training.space.recipe import load_recipe
    from gestalt_space.training.space.training_run import train_space

    chosen = load_recipe(recipe, changes)
    with interruption(
        lambda: ". Finished epochs are kept.", "Run the same command again to continue."
    ):
        trained = train_space(
            chosen,
            home,
            out,
            split=split,
            device=parse_device(device),
            workers=workers,
            log=_nothing if quiet else output.say,
        )
    if not quiet:
        output.say(f"Wrote {trained.folder}, the network of epoch {trained.epoch}.")
        output.say(f"To install it: gestalt models add {trained.folder} --name NAME", indent="  ")


def _nothing(line: str) -> None:
    """Shows nothing."""
