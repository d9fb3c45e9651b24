"""`gestalt models`: the detectors and encoders installed here."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gestalt_space.paths import display_name

from . import options, output

if TYPE_CHECKING:
    from gestalt_space.weights.manifest import InstalledModel
    from gestalt_space.weights.store import ModelStore

app = typer.Typer(
    help="Detectors and encoders: list, fetch, add, verify, remove.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

AcceptLicense = Annotated[
    bool, typer.Option("--accept-license", help="Your use is one that its licence allows.")
]
Name = Annotated[str, typer.Argument(help="The model's name.", show_default=False)]


@app.command("list")
def list_models(home: options.Home = None, as_json: options.Json = False) -> None:
    """List the models installed here, the built-in ones, and those that can be fetched by name."""
    from gestalt_space.weights.catalogue import CATALOGUE
    from gestalt_space.weights.store import BUILTIN

    store = _store(home)
    installed = store.sound_models()
    names = {model.name for model in installed}
    offered = [entry for entry in CATALOGUE if entry.name not in names]
    if as_json:
        output.write_json(
            {
                "version": 1,
                "installed": [_record(model) for model in installed],
                "damaged": store.damaged(),
                "offered": [asdict(entry) for entry in offered],
            }
        )
        return
    table = output.new_table("model", "state", "what", "licence", "MB", right=("MB",))
    for model in installed:
        megabytes = sum(file.bytes for file in model.files) / 1e6
        state = "built in" if model.name == BUILTIN else "installed"
        table.add_row(model.name, state, _what(model), model.license, f"{megabytes:.1f}")
    for name in store.damaged():
        table.add_row(name, "damaged", "", "", "")
    for entry in offered:
        table.add_row(entry.name, "offered", entry.title, entry.license, f"{entry.megabytes:.1f}")
    output.write_table(table)


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
    with output.progress(f"Fetching {name}", None, quiet=quiet, unit="bytes") as show:
        model = _store(home).pull(name, accept_license=accept_license, progress=show)
    _tell(model, as_json=as_json, quiet=quiet)


@app.command("add")
def add(
    path: Annotated[
        Path,
        typer.Argument(
            help="An .onnx file, a folder of them, or a .zip of them.", show_default=False
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option("--name", help="Its name here. [default: the file's]", show_default=False),
    ] = None,
    accept_license: AcceptLicense = False,
    license_name: Annotated[
        str | None,
        typer.Option(
            "--license",
            help="Its licence, where that is another than the usual one of its family.",
            show_default=False,
        ),
    ] = None,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Install a model from this machine's disk.

    What is of use here is copied: SCRFD and YuNet detectors, and ArcFace-style encoders. Each is
    opened and run once before it counts as installed.
    """
    model = _store(home).add(
        path, name=name, accept_license=accept_license, license_name=license_name
    )
    _tell(model, as_json=as_json, quiet=quiet)


@app.command("verify")
def verify(
    names: Annotated[
        list[str],
        typer.Argument(help="Models; all where left out.", metavar="[NAME…]", show_default=False),
    ] = [],  # noqa: B006 - Typer copies it
    home: options.Home = None,
    as_json: options.Json = False,
) -> int:
    """Compare the files of models with what was installed."""
    from gestalt_space.errors import ModelDamaged

    store = _store(home)
    wanted = names or sorted([model.name for model in store.sound_models()] + store.damaged())
    found: dict[str, str] = {}
    for name in wanted:
        try:
            store.verify(name)
        except ModelDamaged as error:
            found[name] = error.message
            output.say_error(error)
        else:
            found[name] = "sound"
    if as_json:
        output.write_json({"version": 1, "models": found})
    else:
        table = output.new_table("model", "state")
        for name, state in found.items():
            table.add_row(name, "sound" if state == "sound" else "damaged")
        output.write_table(table)
    return 0 if all(state == "sound" for state in found.values()) else 1


@app.command("remove")
def remove(name: Name, home: options.Home = None, quiet: options.Quiet = False) -> None:
    """Delete a model. Descriptors that were made with it stay, and can be matched again once it is
    installed again.
    """
    _store(home).remove(name)
    if not quiet:
        output.say(f"{name} removed.")


def _store(home: Path | None) -> ModelStore:
    from gestalt_space.settings import load_settings
    from gestalt_space.weights.store import ModelStore

    return ModelStore(load_settings(home).models_dir)


def _tell(model: InstalledModel, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        output.write_json({"version": 1, "installed": _record(model)})
    elif not quiet:
        output.say(f"{model.name} installed: {_what(model)}.")
        output.say(f"Licence: {model.license}. {model.terms}".rstrip())


def _what(model: InstalledModel) -> str:
    return " and ".join(
        f"{file.kind} encoder, {file.dim}-d" if file.role == "encoder" else f"{file.kind} detector"
        for file in model.files
    )


def _record(model: InstalledModel) -> dict[str, Any]:
    return {**asdict(model), "folder": display_name(model.folder)}
