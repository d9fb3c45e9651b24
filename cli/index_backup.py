"""`gestalt index backup` and `gestalt index restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gestalt_space.counts import counted_text

from . import options, output
from .archived import people_text, say_done
from .interruption import interruption
from .opening import opened


def backup(
    folder: Annotated[
        Path,
        typer.Argument(help="New folder, if possible on another disk.", show_default=False),
    ],
    with_models: Annotated[
        bool,
        typer.Option(
            "--with-models",
            help="Include the installed models. Otherwise the backup has only "
            "their names and sha256.",
        ),
    ] = False,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Back up the gallery and check the backup. You can use the gallery meanwhile.

    The backup has everything: patients, crops, descriptors, audit trail, and the index for a quick
    restore. Only crops in an object store are not in it; back them up separately. Patients that you
    erase later are still in it, so you must delete it yourself; the receipt of an erasure lists it.
    Protect it like the gallery.
    """
    from gestalt_space.documents.archives import backup_document

    with (
        interruption(lambda: ": no backup was written.", "Run the same command again."),
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
        lines.append(
            f"The backup does not include the models {', '.join(done.models)}; use "
            "--with-models to include them."
        )
    for place, count in done.crops_outside.items():
        lines.append(
            f"The backup does not include {counted_text(count, 'crop')} in {place}: back that up "
            "too, and keep the key."
        )
    say_done(backup_document(done), lines, as_json=as_json, quiet=quiet)


def restore(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Folder that `gestalt index backup` wrote.",
            metavar="BACKUP",
            show_default=False,
        ),
    ],
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Restore a backup into a home that has no gallery yet.

    All files are checked first. Patients who were erased after the backup come back: erase them
    again.
    """
    from gestalt_space.documents.archives import restored_document
    from gestalt_space.gallery.archives.restoring import restore as put_back
    from gestalt_space.settings import load_settings

    settings = load_settings(home)
    with (
        interruption(lambda: ": nothing was restored.", "Run the same command again."),
        output.progress("Restoring", 100, quiet=quiet, unit="%") as show,
    ):
        done = put_back(folder, settings, progress=lambda share: show(int(100 * share), 100))
    lines = [f"{people_text(done)} restored to {settings.home}, as of {done.made_at}."]
    if done.upgraded_from is not None:
        lines.append(f"The database was upgraded from version {done.upgraded_from}.")
    lines += done.notes
    if done.missing:
        lines.append(
            f"These models are not installed here: {', '.join(done.missing)}. `gestalt index "
            "verify` shows how to install each."
        )
    say_done(restored_document(done), lines, as_json=as_json, quiet=quiet)
