"""`gestalt models`: the detectors and encoders installed here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options, output
from .interruption import interruption
from .models_tune import tune

if TYPE_CHECKING:
    from gestalt_space.weights.manifest import InstalledModel
    from gestalt_space.weights.store import ModelStore

app = typer.Typer(
    help="Detectors and encoders: list, fetch, add, import, export, verify, tune, remove.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
app.command("tune")(tune)

Checkpoint = Annotated[
    Path, typer.Argument(help="The checkpoint, .pth or .pt.", show_default=False)
]
AcceptLicense = Annotated[
    bool, typer.Option("--accept-license", help="Your use is one that its licence allows.")
]
LicenseName = Annotated[
    str | None,
    typer.Option(
        "--license",
        help="Its licence, where that is another than the usual one of its family.",
        show_default=False,
    ),
]
FileName = Annotated[
    str | None,
    typer.Option("--name", help="Its name here. [default: the file's]", show_default=False),
]
OwnName = Annotated[str, typer.Option("--name", help="Its name here.")]
Name = Annotated[str, typer.Argument(help="The model's name.", show_default=False)]


@app.command("list")
def list_models(
    home: options.Home = None, as_json: options.Json = False, csv: options.Csv = None
) -> None:
    """List the models installed here, the built-in ones, and those that can be fetched by name."""
    from gestalt_space.documents.models import models_document, models_table
    from gestalt_space.weights.catalogue import CATALOGUE

    output.check_csv(csv, as_json=as_json)
    store = _store(home)
    installed, damaged = store.sound_models(), store.damaged()
    names = {model.name for model in installed}
    offered = [entry for entry in CATALOGUE if entry.name not in names]
    if as_json:
        output.write_json(models_document(installed, damaged, offered))
        return
    output.write_table(models_table(installed, damaged, offered), csv)


@app.command("pull")
def pull(
    name: Name,
    accept_license: AcceptLicense = False,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Fetch a model from its project's own release page, check it, and install it.

    An interrupted download goes on where it ended when the command is run again.
    """
    store = _store(home)
    before = _auto_detector(store)
    with (
        interruption(
            lambda: f": {name} is not installed, and what came of it is kept.",
            "The same command goes on where it ended.",
        ),
        output.progress(f"Fetching {name}", None, quiet=quiet, unit="bytes") as show,
    ):
        model = store.pull(name, accept_license=accept_license, progress=show)
    _tell(model, as_json=as_json, quiet=quiet)
    _say_detector(before, _auto_detector(store), both=True)


@app.command("add")
def add(
    path: Annotated[
        Path,
        typer.Argument(
            help="An .onnx file, a folder of them, or a .zip of them.", show_default=False
        ),
    ],
    name: FileName = None,
    accept_license: AcceptLicense = False,
    license_name: LicenseName = None,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Install a model from this machine's disk.

    What is of use here is copied: SCRFD and YuNet detectors, and ArcFace-style encoders. Each is
    opened and run once before it counts as installed.
    """
    store = _store(home)
    before = _auto_detector(store)
    model = store.add(path, name=name, accept_license=accept_license, license_name=license_name)
    _tell(model, as_json=as_json, quiet=quiet)
    _say_detector(before, _auto_detector(store), both=True)
    if model.encoders and not quiet:
        _say_where_it_runs(model)


@app.command("import-gestaltmatcher-arc")
def import_gestaltmatcher_arc(
    r50: Annotated[
        Path,
        typer.Option("--r50", help="The fine-tuned ResNet-50, `s1_….pth`.", show_default=False),
    ],
    r100: Annotated[
        Path,
        typer.Option("--r100", help="The fine-tuned ResNet-100, `s2_….pth`.", show_default=False),
    ],
    untouched: Annotated[
        Path,
        typer.Option(
            "--untouched", help="InsightFace's `glint360k_r100.onnx`.", show_default=False
        ),
    ],
    name: OwnName = "gestaltmatcher-arc",
    accept_license: AcceptLicense = False,
    license_name: LicenseName = None,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Install GestaltMatcher-Arc: three networks, mirrored and grey, 12 slots a face.

    Checkpoints are read without running the code in them.
    """
    from gestalt_space.encoders.importing import import_arc

    model = import_arc(
        _native_store(home),
        r50=r50,
        r100=r100,
        untouched=untouched,
        name=name,
        accept_license=accept_license,
        license_name=license_name,
    )
    _tell(model, as_json=as_json, quiet=quiet)


@app.command("import-gestaltmatcher")
def import_gestaltmatcher(
    path: Checkpoint,
    name: OwnName = "gestaltmatcher",
    accept_license: AcceptLicense = False,
    license_name: LicenseName = None,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Install a network of GestaltMatcher (2022): DeepGestalt's, or that of face recognition."""
    from gestalt_space.encoders.importing import import_facenet

    model = import_facenet(
        _native_store(home),
        path,
        name=name,
        accept_license=accept_license,
        license_name=license_name,
    )
    _tell(model, as_json=as_json, quiet=quiet)


@app.command("import-insightface")
def import_insightface(
    path: Checkpoint,
    name: FileName = None,
    accept_license: AcceptLicense = False,
    license_name: LicenseName = None,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Install an IResNet from a checkpoint of InsightFace's training; `models add` takes ONNX."""
    from gestalt_space.encoders.importing import import_insightface

    model = import_insightface(
        _native_store(home),
        path,
        name=name,
        accept_license=accept_license,
        license_name=license_name,
    )
    _tell(model, as_json=as_json, quiet=quiet)


@app.command("import-timm")
def import_timm(
    architecture: Annotated[
        str,
        typer.Argument(
            help="timm's name of it, or `hf_hub:…` for a model of its hub.", show_default=False
        ),
    ],
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights",
            help="A file of weights. [default: those of the hub, which is asked for them]",
            show_default=False,
        ),
    ] = None,
    head: Annotated[
        bool,
        typer.Option(
            "--head",
            help="The last layer is a part of the encoder, as in face-recognition models.",
        ),
    ] = False,
    name: Annotated[
        str | None,
        typer.Option("--name", help="Its name here. [default: timm's]", show_default=False),
    ] = None,
    accept_license: AcceptLicense = False,
    license_name: LicenseName = None,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Install any backbone of timm, with its own preparation of faces and its own licence."""
    from gestalt_space.encoders.importing import import_timm

    model = import_timm(
        _native_store(home),
        architecture,
        weights=weights,
        head=head,
        name=name,
        accept_license=accept_license,
        license_name=license_name,
    )
    _tell(model, as_json=as_json, quiet=quiet)


@app.command("export")
def export(
    name: Name,
    path: Annotated[
        Path, typer.Option("--output", "-o", help="The .onnx file to write.", show_default=False)
    ],
    overwrite: options.Overwrite = False,
    home: options.Home = None,
    quiet: options.Quiet = False,
) -> None:
    """Write a model's encoder as one ONNX file, for other programs.

    Its input `faces` (n, channels, size, size) float32 are aligned faces, levels 0..255; its output
    `slots` (n, slots, dim) have unit length. The terms of the model's licence go with the file.
    """
    from gestalt_space.encoders.export import export_encoder

    model = _native_store(home).get(name)
    spec = export_encoder(model, path, overwrite=overwrite)
    if not quiet:
        size = f"{len(spec.slots)} × {spec.dim}"
        output.say(f"{path} written: {size} numbers a face. Licence: {model.license}.")


@app.command("verify")
def verify(
    names: Annotated[
        list[str],
        typer.Argument(help="Models; all where left out.", metavar="[NAME…]", show_default=False),
    ] = [],  # noqa: B006 - Typer copies it
    home: options.Home = None,
    as_json: options.Json = False,
    csv: options.Csv = None,
) -> int:
    """Compare the files of models with what was installed."""
    from gestalt_space.documents.models import models_verified_document, verified_table
    from gestalt_space.errors import ModelDamaged

    output.check_csv(csv, as_json=as_json)
    store = _store(home)
    wanted = names or sorted([model.name for model in store.sound_models()] + store.damaged())
    found: dict[str, str] = {}
    for name in output.counted(wanted, "Checking", len(wanted), quiet=as_json, unit="models"):
        try:
            store.verify(name)
        except ModelDamaged as error:
            found[name] = error.message
            output.say_error(error)
        else:
            found[name] = "sound"
    if as_json:
        output.write_json(models_verified_document(found))
    else:
        output.write_table(verified_table(found), csv)
    return 0 if all(state == "sound" for state in found.values()) else 1


@app.command("remove")
def remove(name: Name, home: options.Home = None, quiet: options.Quiet = False) -> None:
    """Delete a model. Descriptors that were made with it stay, and can be matched again once it is
    installed again.
    """
    store = _store(home)
    before = _auto_detector(store)
    store.remove(name)
    if not quiet:
        output.say(f"{name} removed.")
    _say_detector(before, _auto_detector(store), both=False)


def _store(home: Path | None) -> ModelStore:
    from gestalt_space.settings import load_settings
    from gestalt_space.weights.store import ModelStore

    return ModelStore(load_settings(home).models_dir)


def _native_store(home: Path | None) -> ModelStore:
    """The store, where torch is there to build networks with."""
    from gestalt_space.encoders.precision import check_torch

    check_torch()
    return _store(home)


def _tell(model: InstalledModel, *, as_json: bool, quiet: bool) -> None:
    from gestalt_space.documents.models import model_installed_document, what_of

    if as_json:
        output.write_json(model_installed_document(model))
    elif not quiet:
        output.say(f"{model.name} installed: {what_of(model)}.")
        output.say(f"Licence: {model.license}. {model.terms}".rstrip())


def _auto_detector(store: ModelStore) -> str | None:
    from gestalt_space.faces.registry import auto_detector

    return auto_detector(store)


def _say_detector(before: str | None, now: str | None, *, both: bool) -> None:
    """Say that new photos get another detector; `both`: the one of before is installed still. Said
    with --quiet, too: nothing says it a second time."""
    if now == before or now is None or before is None:
        return
    output.say(f"New photos are read by another detector from now on: {now} instead of {before}.")
    output.say("Photos in the gallery keep the face that they have.", indent="  ")
    kind = before.partition(" ")[0]
    if both and kind != now.partition(" ")[0]:
        output.say(f"To go on with the old one, give --detector {kind}.", indent="  ")


def _say_where_it_runs(model: InstalledModel) -> None:
    from gestalt_space.encoders.precision import has_torch
    from gestalt_space.encoders.registry import why_not_native

    reason = why_not_native(model) if has_torch() else None
    if reason is not None:
        output.say(f"It runs through ONNX Runtime alone, without bf16: {reason}")
