"""`gestalt index homes`: who shares the database, and forgetting a home that is gone."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options, output
from .asking import confirm
from .interruption import interruption
from .opening import finish_erasures, opened

if TYPE_CHECKING:
    from gestalt_space.store.homes import KnownHome

_DIGITS = 8


def homes(
    forget: Annotated[
        str | None,
        typer.Option(
            "--forget",
            help="Forget a home that is gone for good: its place, or the first 8 digits of its id.",
            metavar="HOME",
            show_default=False,
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """List the homes that share the database, and what the files of each are still to be cleaned
    of.

    An erasure waits until the index of every home is clean. With --forget it no longer waits for a
    home that is gone, for example on a machine that was thrown away. The files of that home are
    NOT cleaned: the audit trail and the receipt say so. If the home is used again, its old index is
    wiped away first.
    """
    with opened(home) as gallery:
        if forget is None:
            _show(gallery.homes(), gallery.own_home(), as_json=as_json)
            return
        found = gallery.named_home(forget)
        seen = f"{found.seen_at:%Y-%m-%d %H:%M} UTC"
        confirm(
            f"Forget the home {found.place}, last seen at {seen}? Its files will not be cleaned.",
            yes=yes,
            not_done="Nothing was forgotten.",
        )
        with interruption(lambda: ": the home is forgotten, or it is not."):
            found = gallery.forget_home(found.id)
            finish_erasures(gallery)
        if as_json:
            own = gallery.own_home()
            output.write_json({"version": 1, "forgotten": _record(found, own)})
        elif not quiet:
            owed = _owed(found)
            of = f" of {owed}" if owed else ""
            output.say(f"The home {found.place} is forgotten. Its files were not cleaned{of}.")


def _show(known: list[KnownHome], own: str | None, *, as_json: bool) -> None:
    if as_json:
        output.write_json({"version": 1, "homes": [_record(one, own) for one in known]})
        return
    table = output.new_table("home", "place", "last seen", "still to clean", whole=("home",))
    for one in known:
        place = f"{one.place} (this one)" if one.id == own else one.place
        seen = f"{one.seen_at:%Y-%m-%d %H:%M} UTC"
        table.add_row(one.id[:_DIGITS], place, seen, _owed(one) or "nothing")
    output.write_table(table)


def _owed(home: KnownHome) -> str:
    """What the files of a home are not clean of, in words; nothing where they are."""
    if home.owed_since is None:
        return ""
    waiting = output.counted_text(home.erasures, "erasure")
    told = f"; {waiting} waiting" if home.erasures else ""
    removals = output.counted_text(home.owed, "removal")
    return f"{removals} since {home.owed_since:%Y-%m-%d %H:%M} UTC{told}"


def _record(home: KnownHome, own: str | None) -> dict[str, Any]:
    times = {"seen_at": home.seen_at, "owed_since": home.owed_since}
    told = {name: at and at.isoformat(timespec="seconds") for name, at in times.items()}
    return asdict(home) | told | {"this": home.id == own}
