"""`python -m recipes`: rebuild the models that come with gestalt-space."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from gestalt_cli import options, output
from gestalt_cli.interruption import unchanged

from gestalt_space.devices import parse_device
from gestalt_space.errors import GestaltError
from gestalt_space.faces.yunet import YunetDetector
from gestalt_space.simulate.real_faces import RealFace, read_faces
from recipes.cover.recipe import STEPS as COVER_STEPS
from recipes.cover.recipe import CoverRecipe, train_cover
from recipes.detector.landmarks import LOOK_STEPS
from recipes.detector.recipe import DetectorRecipe, collect, train_detector
from recipes.detector.training import STEPS as DETECTOR_STEPS
from recipes.encoder.recipe import EncoderRecipe, train_encoder
from recipes.logs import Log
from recipes.preconditions import check_device, check_training
from recipes.rebuild import Rebuilding, rebuild

Photos = Annotated[
    Path,
    typer.Argument(
        help="Folder or zip file of photos, with one face each.", exists=True, show_default=False
    ),
]
Teacher = Annotated[
    Path,
    typer.Option(
        "--teacher",
        help="The YuNet model that finds the faces.",
        exists=True,
        dir_okay=False,
        show_default=False,
    ),
]
ModelFile = Annotated[
    Path, typer.Option("--output", "-o", help="The .onnx file to write.", show_default=False)
]
PersonsFile = Annotated[
    Path | None,
    typer.Option(
        "--persons",
        exists=True,
        dir_okay=False,
        help="Model of simulated people to add. [default: the one that comes with gestalt-space]",
        show_default=False,
    ),
]
Recogniser = Annotated[
    Path | None,
    typer.Option(
        "--recogniser",
        exists=True,
        file_okay=False,
        help="Folder with a face encoder that tells which photos show the same person. "
        "[default: none; each photo counts as a person]",
        show_default=False,
    ),
]

app = typer.Typer(
    help="Rebuild the models that come with gestalt-space. One photo in five, chosen by a hash of "
    "its file name, is never used. The same photos, people, steps and seed give the same model "
    "on the same machine.",
    no_args_is_help=True,
    add_completion=False,
)


@app.command("rebuild")
def rebuild_all(
    photos: Photos,
    teacher: Teacher,
    folder: Annotated[
        Path, typer.Option("--output", "-o", help="Folder to write to.", show_default=False)
    ],
    recogniser: Recogniser = None,
    seed: options.Seed = 11,
    device: options.DeviceName = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Rebuild the persons, the detector, the cover network and the encoder.

    Parts that are in the folder already are kept, so an interrupted run can be started again.
    """
    check_device(parse_device(device))
    plan = Rebuilding(photos, teacher, folder, seed, recogniser, parse_device(device))
    with output.progress("Looking at photos", None, quiet=quiet) as show:
        rebuild(plan, _log(quiet=quiet), show)


@app.command("detector")
def detector(
    photos: Photos,
    teacher: Teacher,
    out: ModelFile,
    persons: PersonsFile = None,
    steps: Annotated[
        int, typer.Option("--steps", min=1, help="Number of batches for finding faces.")
    ] = DETECTOR_STEPS,
    look_steps: Annotated[
        int, typer.Option("--look-steps", min=1, help="Number of batches for exact landmarks.")
    ] = LOOK_STEPS,
    seed: options.Seed = 3,
    device: options.DeviceName = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Train the face detector on photos and simulated people, and write it as ONNX."""
    check_training(out, parse_device(device))
    recipe = DetectorRecipe(
        photos, teacher, persons, steps, look_steps, seed, device=parse_device(device)
    )
    with unchanged(out):
        with output.progress("Looking at photos", None, quiet=quiet) as show:
            faces = collect(recipe, show)
        train_detector(recipe, faces, out, _log(quiet=quiet))


@app.command("cover")
def cover(
    photos: Photos,
    teacher: Teacher,
    out: ModelFile,
    persons: PersonsFile = None,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Number of batches.")] = COVER_STEPS,
    seed: options.Seed = 5,
    device: options.DeviceName = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Train the network that marks covered faces on photos with covers drawn, and write it as ONNX.

    The log says how much of the face it takes for covered in photos kept for measuring, as they
    are and with each kind of cover.
    """
    check_training(out, parse_device(device))
    with unchanged(out):
        recipe = CoverRecipe(photos, persons, steps, seed, parse_device(device))
        train_cover(recipe, _faces(photos, teacher, quiet=quiet), out, _log(quiet=quiet))


@app.command("encoder")
def encoder(
    photos: Photos,
    teacher: Teacher,
    out: ModelFile,
    persons: PersonsFile = None,
    recogniser: Recogniser = None,
    seed: options.Seed = 11,
    device: options.DeviceName = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Train the encoder on photos and simulated people with deformations, and write it as ONNX.

    Needs 5 GB of memory.
    """
    check_training(out, parse_device(device))
    with unchanged(out):
        recipe = EncoderRecipe(photos, persons, recogniser, seed=seed, device=parse_device(device))
        train_encoder(recipe, _faces(photos, teacher, quiet=quiet), out, _log(quiet=quiet))


def _faces(photos: Path, teacher: Path, *, quiet: bool) -> list[RealFace]:
    """The faces of all photos; each recipe leaves out those that it may not see."""
    with output.progress("Looking at photos", None, quiet=quiet) as show:
        return list(read_faces(photos, YunetDetector(teacher), progress=show))


def _log(*, quiet: bool) -> Log:
    return _nothing if quiet else output.say


def _nothing(line: str) -> None:
    """Shows nothing."""


def main() -> None:
    """Run one command; errors end in a message and an exit code."""
    try:
        app(prog_name="python -m recipes")
    except GestaltError as error:
        output.say_error(error, "Error")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
