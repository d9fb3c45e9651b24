"""`gestalt index log`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options, output

if TYPE_CHECKING:
    from gestalt_space.gallery.trail import LoggedEvent

NOBODY = "someone who left"
SHOWN_PATIENTS = 4
"""Patients of an event that are named in the table; JSON and CSV name all."""
SHOWN_WORDS = 12
"""Lines of an event in the table."""


def log(
    old_head: Annotated[
        str | None,
        typer.Argument(
            help="With --check: an old head, to compare with.",
            metavar="[COUNT:HASH]",
            show_default=False,
        ),
    ] = None,
    patient: Annotated[
        str | None,
        typer.Option("--patient", help="Only what was done to this one.", show_default=False),
    ] = None,
    last: Annotated[
        int | None, typer.Option("--last", min=1, help="Only the last so many.", show_default=False)
    ] = None,
    head: Annotated[
        bool,
        typer.Option("--head", help="Print how many events there are and the last one's hash."),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Check that nothing was changed or cut.")
    ] = False,
    home: options.Home = None,
    as_json: options.Json = False,
    as_csv: options.Csv = False,
) -> int:
    """List who did what to the gallery, and when. Times are UTC.

    `gestalt index undo --event N` takes back the correction of that number.

    Patients who were removed are `someone who left`: nobody can tell who that was. What an event
    says about a patient is emptied when the patient is removed.

    Each event has a hash over itself and the event before. --check finds events that were changed
    or cut out (exit code 1). Whoever can write to the database could make all hashes anew: keep
    what --head prints in another place, and compare later with `--check --head COUNT:HASH`.
    """
    from gestalt_space.errors import UsageError

    if old_head is not None and not check:
        raise UsageError("An old head is there to be compared with.", "Add --check.")
    if check:
        return _check(home, old_head, as_json=as_json)
    if head:
        _tell_head(home, as_json=as_json)
        return 0
    _list(home, patient, last, as_json=as_json, as_csv=as_csv)
    return 0


def _check(home: Path | None, old_head: str | None, *, as_json: bool) -> int:
    from gestalt_space.gallery.trail import head_text, parse_head
    from gestalt_space.home import Gallery

    old = None if old_head is None else parse_head(old_head)
    with Gallery.open(home) as gallery:
        problems, end = gallery.check_trail(old), gallery.trail_head()
    if as_json:
        output.write_json({"version": 1, "head": head_text(end), "problems": problems})
    for problem in problems:
        output.say(f"{problem[:1].upper()}{problem[1:]}.")
    if not problems:
        since = "" if old is None else f", the first {old.events:,} of them as they were"
        output.say(f"The trail is whole: {output.counted_text(end.events, 'event')}{since}.")
    return 1 if problems else 0


def _tell_head(home: Path | None, *, as_json: bool) -> None:
    from gestalt_space.gallery.trail import head_text
    from gestalt_space.home import Gallery

    with Gallery.open(home) as gallery:
        end = gallery.trail_head()
    if as_json:
        output.write_json({"version": 1, "head": head_text(end), **asdict(end)})
    else:
        output.write_text(head_text(end))


def _list(
    home: Path | None, patient: str | None, last: int | None, *, as_json: bool, as_csv: bool
) -> None:
    from gestalt_space.home import Gallery

    with Gallery.open(home) as gallery:
        events = gallery.log(patient=patient, newest=last)
    if as_json:
        output.write_json({"version": 1, "events": list(map(_record, events))})
        return
    columns = ("when", "who", "what", "patients", "details")
    if as_csv:
        output.write_csv(
            ("id", *columns, "left"),
            [
                (
                    one.id,
                    f"{one.at:%Y-%m-%dT%H:%M:%SZ}",
                    one.actor,
                    one.action,
                    "; ".join(one.patients),
                    "; ".join(one.told),
                    one.left,
                )
                for one in events
            ],
        )
        return
    table = output.new_table("event", *columns, right=("event",), whole=("when", "what"))
    for one in events:
        table.add_row(
            str(one.id),
            f"{one.at:%Y-%m-%d %H:%M}",
            one.actor,
            one.action,
            _patients(one),
            "\n".join(_cut(list(one.told), SHOWN_WORDS, "more")),
        )
    output.write_table(table)


def _patients(event: LoggedEvent) -> str:
    named = _cut(list(event.patients), SHOWN_PATIENTS, "others")
    if event.left:
        named.append(NOBODY if event.left == 1 else f"{event.left:,} who left")
    return "; ".join(named)


def _cut(lines: list[str], most: int, word: str) -> list[str]:
    more = len(lines) - most
    return [*lines[:most], f"{more:,} {word}"] if more > 1 else lines


def _record(event: LoggedEvent) -> dict[str, Any]:
    return {
        **asdict(event),
        "at": event.at.isoformat(timespec="seconds"),
        "patients": list(event.patients),
        "told": list(event.told),
    }
