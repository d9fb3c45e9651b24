"""`gestalt train space`: fine-tune an encoder on labelled patients."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.counts import counted_text
from gestalt_space.paths import display_name

from . import options, output
from .index_add import table_rows
from .interruption import interruption

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gestalt_space.errors import GestaltError
    from gestalt_space.gallery.intake import Intake
    from gestalt_space.interop.gmdb import TrainingParts
    from gestalt_space.training.space.labelled_faces import FaceSource

SHOWN = 5


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
    table: Annotated[
        Path | None,
        typer.Argument(
            help="Table with one row per photo, as for gestalt index add. [default: the faces "
            "stored in the gallery]",
            metavar="[TABLE]",
            show_default=False,
        ),
    ] = None,
    gmdb: Annotated[
        Path | None,
        typer.Option(
            "--gmdb",
            help="Folder of a GMDB release with image_metadata_….tsv. Its "
            "gmdb_train/val/test_images files divide the patients, if they are there.",
            metavar="DIR",
            show_default=False,
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images", help="Folder with the images of the GMDB release.", show_default=False
        ),
    ] = None,
    recipe: Annotated[
        str,
        typer.Option(
            "--recipe",
            help="builtin, gestaltmatcher-2022, gestaltmatcher-arc-r50 or -r100, or a .toml file "
            "like them.",
        ),
    ] = "builtin",
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
            help="CSV file with the columns patient and part (training, validation, test or "
            "gallery), such as the split.csv of another training. [default: families are divided "
            "at random]",
            show_default=False,
        ),
    ] = None,
    largest: options.Largest = False,
    detector: options.Detector = "auto",
    landmarks: options.LandmarksFile = None,
    home: options.Home = None,
    device: options.DeviceName = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Fine-tune an encoder on labelled patients: those of the gallery, a table or GMDB.

    Relatives are never divided between training, validation and test. After some epochs, validation
    patients are matched against the training patients; the best epoch is kept. If the training was
    interrupted, run the same command again to continue.

    The folder gets model/ for gestalt models add, a log (log.csv), and split.csv for --split of
    this command, gestalt train multiclass and gestalt evaluate gallery. model/ names no patient.
    split.csv has patient identifiers. The gallery notes on whom the model was trained.

    To use several GPUs or machines, start this command with torchrun.
    """
    from gestalt_space.devices import parse_device
    from gestalt_space.training.preconditions import check_packages

    check_packages("torch", "pytorch_metric_learning", "onnxscript")
    from gestalt_space.settings import load_settings
    from gestalt_space.training.space.recipe import load_recipe
    from gestalt_space.training.space.training_run import train_space
    from gestalt_space.weights.store import ModelStore

    _check_source(table, gmdb, images)
    chosen = load_recipe(recipe, changes)
    models = ModelStore(load_settings(home).models_dir)
    quiet = quiet or os.environ.get("RANK", "0") != "0"
    log = _nothing if quiet else output.say
    with ExitStack() as stack:
        stack.enter_context(
            interruption(
                lambda: ". Finished epochs are kept.", "Run the same command again to continue."
            )
        )
        source: FaceSource
        parts: Path | TrainingParts | None = split
        if table is None and gmdb is None:
            from gestalt_space.training.space.gallery_faces import GalleryFaces

            source = GalleryFaces(home)
        else:
            from gestalt_space.encoders.registry import detector_device
            from gestalt_space.faces.registry import detector_factory
            from gestalt_space.gallery.models import Detectors
            from gestalt_space.training.space.photo_faces import PhotoFaces

            rows: Sequence[Intake]
            if gmdb is not None:
                rows, own = _gmdb(gmdb, images, log)
                parts = parts or own
            elif table is not None:
                rows = table_rows(table)
            found = detector_factory(
                models,
                detector,
                landmarks=landmarks,
                device=detector_device(parse_device(device)),
            )
            show = stack.enter_context(output.progress("Finding faces", len(rows), quiet=quiet))
            source = PhotoFaces(rows, Detectors(*found), largest, _Failures(log), show)
        trained = train_space(
            chosen,
            source,
            models,
            out,
            split=parts,
            device=parse_device(device),
            log=log,
        )
    if not quiet and trained is not None:
        output.say(f"Wrote {trained.folder}, the network of epoch {trained.epoch}.")
        place = "" if home is None else f" --home {home}"
        output.say(
            f"To install it: gestalt models add {trained.folder} --name NAME{place}", indent="  "
        )


class _Failures:
    """Counts photos that cannot be used, and shows the first of them."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._count = 0

    def __call__(self, photo: str, error: GestaltError) -> None:
        self._count += 1
        if self._count <= SHOWN:
            self._log(f"{display_name(photo)} is not used: {error.message}")
        elif self._count == SHOWN + 1:
            self._log("Further photos that are not used are only counted.")


def _check_source(table: Path | None, gmdb: Path | None, images: Path | None) -> None:
    from gestalt_space.errors import UsageError

    if table is not None and gmdb is not None:
        raise UsageError("A table and --gmdb are given.", "Give one of them.")
    if images is not None and gmdb is None:
        raise UsageError("--images needs --gmdb.", "A table has the paths of its photos.")


def _gmdb(
    folder: Path, images: Path | None, log: Callable[[str], None]
) -> tuple[Sequence[Intake], TrainingParts | None]:
    """A release's photos, and its own division of the patients."""
    from gestalt_space.interop.gmdb import read_training_parts
    from gestalt_space.interop.gmdb_intake import gmdb_intake

    found = gmdb_intake(folder, images=images)
    for reason, ids in found.left_out.items():
        log(f"{counted_text(len(ids), 'image')} left out: {reason}.")
    return found.rows, read_training_parts(folder, found.version)


def _nothing(line: str) -> None:
    """Shows nothing."""
