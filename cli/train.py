"""`gestalt train`: spaces of one's own, classifiers of a gallery, and the built-in models again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options, output
from .interruption import unchanged
from .train_binary import binary
from .train_multiclass import multiclass
from .train_recognisable import recognisable
from .train_space import space
from .train_specialised import specialised

if TYPE_CHECKING:
    from gestalt_space.faces.detection import Detector
    from gestalt_space.simulate.real_faces import RealFace

Photos = Annotated[
    Path,
    typer.Argument(help="Folder or zip file of photos, with one face each.", show_default=False),
]
ModelFile = Annotated[
    Path, typer.Option("--output", "-o", help="The .onnx file to write.", show_default=False)
]
PersonsFile = Annotated[
    Path | None,
    typer.Option(
        "--persons",
        help="Model of simulated people to add. [default: the one that comes with gestalt-space]",
        show_default=False,
    ),
]

app = typer.Typer(
    help="Train encoders and classifiers on your patients, or the built-in models again.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.callback()
def train() -> None:
    """Train encoders and classifiers on your patients, or the built-in models again."""


app.command("space")(space)
app.command("multiclass")(multiclass)
app.command("binary")(binary)
app.command("specialised")(specialised)
app.command("recognisable")(recognisable)


@app.command("detector")
def detector(
    photos: Photos,
    teacher: Annotated[
        Path,
        typer.Option(
            "--teacher", help="The YuNet model to learn the faces from.", show_default=False
        ),
    ],
    out: ModelFile,
    persons: PersonsFile = None,
    steps: Annotated[
        int, typer.Option("--steps", min=1, help="Number of batches for finding faces.")
    ] = 14_000,
    look_steps: Annotated[
        int, typer.Option("--look-steps", min=1, help="Number of batches for exact landmarks.")
    ] = 9_000,
    seed: options.Seed = 3,
    device: options.DeviceName = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Train the face detector on photos and simulated people, and write it as ONNX.

    One photo in five, chosen by a hash of its file name, is not used, and one in twenty is used to
    measure the result. The same photos, people, steps and seed give the same model on the same
    machine.
    """
    from gestalt_space.devices import parse_device
    from gestalt_space.training.preconditions import check_training

    check_training(out, parse_device(device))
    from gestalt_space.training.detector_recipe import DetectorRecipe, collect, train_detector

    recipe = DetectorRecipe(
        photos, teacher, persons, steps, look_steps, seed, device=parse_device(device)
    )
    with unchanged(out):
        with output.progress("Looking at photos", None, quiet=quiet) as show:
            faces = collect(recipe, show)
        measured = train_detector(recipe, faces, out, log=_nothing if quiet else output.say)
    if not quiet:
        output.say(f"Wrote {out} and its log: {measured}.")


@app.command("encoder")
def encoder(
    photos: Photos,
    out: ModelFile,
    persons: PersonsFile = None,
    seed: options.Seed = 11,
    detector: options.Detector = "auto",
    home: options.Home = None,
    device: options.DeviceName = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Train the encoder on photos and simulated people with deformations, and write it as ONNX.

    The same photos are left out as in `gestalt train detector`. Needs 5 GB of memory.
    """
    from gestalt_space.devices import parse_device
    from gestalt_space.training.preconditions import check_training

    check_training(out, parse_device(device))
    from gestalt_space.training.encoder_recipe import EncoderRecipe, train_encoder

    find = _finder(detector, home)
    with unchanged(out):
        faces = _faces(photos, find, quiet=quiet)
        recipe = EncoderRecipe(
            photos=photos, persons=persons, seed=seed, device=parse_device(device)
        )
        share = train_encoder(recipe, faces, out, log=_nothing if quiet else output.say)
    if not quiet:
        output.say(f"Wrote {out} and its log: {share:.1%} found on people not used in training.")


@app.command("cover")
def cover(
    photos: Photos,
    out: ModelFile,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Number of batches.")] = 4_000,
    seed: options.Seed = 5,
    detector: options.Detector = "auto",
    home: options.Home = None,
    device: options.DeviceName = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Train the network that marks covered faces on photos with covers drawn, and write it as ONNX.

    The same photos are left out as in `gestalt train detector`. The log says how much of the face
    it takes for covered in photos kept for measuring, as they are and with each kind of cover.
    """
    from gestalt_space.devices import parse_device
    from gestalt_space.training.preconditions import check_training

    check_training(out, parse_device(device))
    from gestalt_space.training.cover_recipe import CoverRecipe, train_cover

    find = _finder(detector, home)
    with unchanged(out):
        faces = _faces(photos, find, quiet=quiet)
        recipe = CoverRecipe(photos=photos, steps=steps, seed=seed, device=parse_device(device))
        train_cover(recipe, faces, out, log=_nothing if quiet else output.say)
    if not quiet:
        output.say(f"Wrote {out} and its log.")


def _finder(detector: str, home: Path | None) -> Detector:
    from gestalt_space.faces.registry import detector_factory
    from gestalt_space.settings import load_settings
    from gestalt_space.weights.store import ModelStore

    return detector_factory(ModelStore(load_settings(home).models_dir), detector)[1](1)


def _faces(photos: Path, find: Detector, *, quiet: bool) -> list[RealFace]:
    """The faces that training may see."""
    from gestalt_space.simulate.real_faces import read_faces

    with output.progress("Looking at photos", None, quiet=quiet) as show:
        return list(read_faces(photos, find, wanted=_may_be_seen, progress=show))


def _may_be_seen(name: str) -> bool:
    from gestalt_space.training.splits import held_out

    return not held_out(name)


def _nothing(line: str) -> None:
    """Shows nothing."""
