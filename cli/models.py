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
    help="Manage detectors and encoders.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
app.command("tune")(tune)

Checkpoint = Annotated[
    Path, typer.Argument(help="The checkpoint, .pth or .pt.", show_default=False)
]
AcceptLicense = Annotated[
    bool, typer.Option("--accept-license", help="Confirm that the licence allows your use.")
]
LicenseName = Annotated[
    str | None,
    typer.Option(
        "--license",
        help="Licence of the model, if it is not the usual one of its family.",
        show_default=False,
    ),
]
FileName = Annotated[
    str | None,
    typer.Option(
        "--name",
        help="Name of the installed model. [default: the name of the file]",
        show_default=False,
    ),
]
OwnName = Annotated[str, typer.Option("--name", help="Name of the installed model.")]
Name = Annotated[str, typer.Argument(help="Name of the model.", show_default=False)]


@app.command("list")
def list_models(
    home: options.Home = None, as_json: options.Json = False, csv: options.Csv = None
) -> None:
    """List the installed models, the built-in ones, and those that can be downloaded by name."""
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
    """Download a model from the release page of its project, check it, and install it.

    To continue an interrupted download, run the same command again.
    """
    store = _store(home)
    before = _auto_detector(store)
    with (
        interruption(
            lambda: f": {name} is not installed. The downloaded part is kept.",
            "Run the same command again to continue.",
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
            help="An .onnx file, a folder of them, a .zip of them, or a folder with model.json.",
            show_default=False,
        ),
    ],
    name: FileName = None,
    accept_license: AcceptLicense = False,
    license_name: LicenseName = None,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Install a model from a local file.

    Copies the models that gestalt-space can use: SCRFD and YuNet detectors, and ArcFace-style
    encoders. Each one is opened and run once before it is installed. A folder with model.json, such
    as the result of gestalt train space, is installed as a whole, with its licence.
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
    """Install GestaltMatcher-Arc: three networks, each also mirrored and in grey, with 12 slots per
    face.

    Checkpoints are read without running the code in them.
    """
    from gestalt_space.encoders.families.gestaltmatcher_arc import import_arc

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
    """Install a network of GestaltMatcher (2022): the DeepGestalt network or the one for face
    recognition.
    """
    from gestalt_space.encoders.families.facenet import import_facenet

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
    """Install an IResNet from a training checkpoint of InsightFace. For ONNX files, use `gestalt
    models add`.
    """
    from gestalt_space.encoders.families.iresnet import import_insightface

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
            help="Name of the backbone in timm, or `hf_hub:…` for a model of its hub.",
            show_default=False,
        ),
    ],
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights",
            help="File with the weights. [default: download them from the hub]",
            show_default=False,
        ),
    ] = None,
    head: Annotated[
        bool,
        typer.Option(
            "--head",
            help="Keep the last layer as part of the encoder, as in face-recognition models.",
        ),
    ] = False,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            help="Name of the installed model. [default: the name in timm]",
            show_default=False,
        ),
    ] = None,
    accept_license: AcceptLicense = False,
    license_name: LicenseName = None,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Install a backbone of timm, with its own image preprocessing and its own licence."""
    from gestalt_space.encoders.families.timm import import_timm

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


@app.command("join")
def join(
    models: Annotated[
        list[str],
        typer.Argument(
            help="Models with encoders, two or more.", metavar="MODEL...", show_default=False
        ),
    ],
    name: Annotated[
        str, typer.Option("--name", help="Name of the installed model.", show_default=False)
    ],
    all_views: Annotated[
        bool,
        typer.Option(
            "--all-views",
            help="Show each face to each network as it is, mirrored, in grey, and both, as "
            "GestaltMatcher-Arc does. [default: as the models do]",
            show_default=False,
        ),
    ] = False,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Install the encoders of several models as one model, an ensemble.

    So networks that were trained one by one are used together. They must take the same input and
    give as many numbers. The similarity of two faces is the mean over networks. The licences of all
    apply.
    """
    from gestalt_space.encoders.joining import join_models

    model = join_models(_store(home), models, name, all_views=all_views)
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
    """Export the encoder of a model as one ONNX file, for other programs.

    The input `faces` (n, channels, size, size) float32 has aligned faces with levels 0..255. The
    output `slots` (n, slots, dim) has vectors of unit length. The licence of the model applies to
    the file.
    """
    from gestalt_space.encoders.export import export_encoder

    model = _native_store(home).get(name)
    spec = export_encoder(model, path, overwrite=overwrite)
    if not quiet:
        size = f"{len(spec.slots)} × {spec.dim}"
        output.say(f"Wrote {path}: {size} numbers per face. Licence: {model.license}.")


@app.command("verify")
def verify(
    names: Annotated[
        list[str],
        typer.Argument(help="Models to check. [default: all]", metavar="NAME", show_default=False),
    ] = [],  # noqa: B006 - Typer copies it
    home: options.Home = None,
    as_json: options.Json = False,
    csv: options.Csv = None,
) -> int:
    """Check that the files of models have not changed since they were installed."""
    from gestalt_space.documents.models import models_verified_document, verified_table
    from gestalt_space.errors import ModelDamaged

    output.check_csv(csv, as_json=as_json)
    store = _store(home)
    wanted = names or sorted([model.name for model in store.sound_models()] + store.damaged())
    found: dict[str, str] = {}
    for name in output.with_bar(wanted, "Checking", len(wanted), quiet=as_json, unit="models"):
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
    """Delete a model. Its descriptors stay. Install the model again to match them."""
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
    output.say(f"From now on, faces in new photos are found by {now} instead of {before}.")
    output.say("Photos in the gallery keep their faces.", indent="  ")
    kind = before.partition(" ")[0]
    if both and kind != now.partition(" ")[0]:
        output.say(f"To use the old detector, add --detector {kind}.", indent="  ")


def _say_where_it_runs(model: InstalledModel) -> None:
    from gestalt_space.encoders.precision import has_torch
    from gestalt_space.encoders.registry import why_not_native

    reason = why_not_native(model) if has_torch() else None
    if reason is not None:
        output.say(f"It can run only in ONNX Runtime, without bf16: {reason}")
