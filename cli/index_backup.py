"""`gestalt index backup` and `gestalt index restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options, output
from .archived import people_text, say_done
from .interruption import interruption
from .opening import opened


def backup(
    folder: Annotated[
        Path,
        typer.Argument(help="A new folder, best on another disk.", show_default=False),
    ],
    with_models: Annotated[
        bool,
        typer.Option(
            "--with-models", help="Also the installed models; without, their names and sha256."
        ),
    ] = False,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a backup of the gallery and check it; the gallery can be used meanwhile.

    Everything is in it: patients, crops, descriptors, audit trail, and the index, so that a restore
    is quick. It holds what is erased later, and has to be erased by you: the receipt of an erasure
    lists it. Keep it as safe as the gallery.
    """
    from gestalt_space.documents.archives import backup_document

    with (
        interruption(lambda: ": no backup was written.", "The same command starts anew."),
        opened(home) as gallery,
        output.progress("Backing up", 100, quiet=quiet, unit="%") as show,
    ):
        done = gallery.back_up(
            folder,
            with_models=with_models,
            progress=lambda share: show(int(100 * share), 100),
        )
    lines = [f"{people_text(done)} in {folder}, {done.bytes / 1e6:,.0f} MB, checked."]
    if done.models and not done.with_models:
        lines.append(f"Its models are not in it: {', '.join(done.models)} (--with-models).")
    say_done(backup_document(done), lines, as_json=as_json, quiet=quiet)


def restore(
    folder: Annotated[
        Path,
        typer.Argument(
            help="The folder that `gestalt index backup` wrote.",
            metavar="BACKUP",
            show_default=False,
        ),
    ],
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Put a backup into a home that has no gallery yet.

    All files are checked before any gets its name. Patients who were erased after the backup was
    made are there again: erase them again.
    """
    from gestalt_space.documents.archives import restored_document
    from gestalt_space.gallery.archives.restoring import restore as put_back
    from gestalt_space.settings import load_settings

    settings = load_settings(home)
    with (
        interruption(lambda: ": nothing was restored.", "The same command starts anew."),
        output.progress("Restoring", 100, quiet=quiet, unit="%") as show,
    ):
        done = put_back(folder, settings, progress=lambda share: show(int(100 * share), 100))
    lines = [f"{people_text(done)} restored to {settings.home}, as of {done.made_at}."]
    if done.upgraded_from is not None:
        lines.append(f"The database was upgraded from migration {done.upgraded_from}.")
    lines += done.notes
    if done.missing:
        lines.append(
            f"Not installed here: the models {', '.join(done.missing)}. `gestalt index "
            "verify` names the command that installs each."
        )
    say_done(restored_document(done), lines, as_json=as_json, quiet=quiet)
