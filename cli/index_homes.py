"""`gestalt index homes`: who shares the database, and forgetting a home that is gone."""

from __future__ import annotations

from typing import Annotated

import typer

from . import options, output
from .asking import confirm
from .interruption import interruption
from .opening import finish_erasures, opened


def homes(
    forget: Annotated[
        str | None,
        typer.Option(
            "--forget",
            help="Forget a home that no longer exists. Give its path, or the first 8 digits of "
            "its id.",
            metavar="HOME",
            show_default=False,
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: options.Home = None,
    as_json: options.Json = False,
    csv: options.Csv = None,
    quiet: options.Quiet = False,
) -> None:
    """List the homes that share the database, and the removals that the files of each still
    contain.

    An erasure waits until the index of every home is clean. With --forget, it stops waiting for a
    home that no longer exists, for example on a discarded machine. The files of that home are NOT
    cleaned; the audit trail and the receipt say so. If the home is used again, its old index is
    deleted first.
    """
    from gestalt_space.documents.homes import (
        home_forgotten_document,
        homes_document,
        homes_table,
        owed_text,
    )

    output.check_csv(csv, as_json=as_json)
    with opened(home) as gallery:
        if forget is None:
            known, own = gallery.homes(), gallery.own_home()
            if as_json:
                output.write_json(homes_document(known, own))
            else:
                output.write_table(homes_table(known, own), csv)
            return
        found = gallery.named_home(forget)
        seen = f"{found.seen_at:%Y-%m-%d %H:%M} UTC"
        confirm(
            f"Forget the home {found.place}, last seen at {seen}? Its files will not be cleaned.",
            yes=yes,
            not_done="Nothing was forgotten.",
        )
        with interruption(lambda: ": `gestalt index homes` shows whether the home is forgotten."):
            found = gallery.forget_home(found.id)
            finish_erasures(gallery)
        if as_json:
            output.write_json(home_forgotten_document(found, gallery.own_home()))
        elif not quiet:
            owed = owed_text(found)
            of = f" of {owed}" if owed else ""
            output.say(f"Forgot the home {found.place}. Its files were not cleaned{of}.")
