"""`gestalt index log`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options, output
from .opening import opened


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
    csv: options.Csv = None,
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

    output.check_csv(csv, as_json=as_json)
    if csv is not None and (check or head):
        raise UsageError("--csv lists events.", "Leave it out, or leave --check and --head out.")
    if old_head is not None and not check:
        raise UsageError("An old head is there to be compared with.", "Add --check.")
    if check:
        return _check(home, old_head, as_json=as_json)
    if head:
        _tell_head(home, as_json=as_json)
        return 0
    _list(home, patient, last, csv, as_json=as_json)
    return 0


def _check(home: Path | None, old_head: str | None, *, as_json: bool) -> int:
    from gestalt_space.documents.trail import log_check_document
    from gestalt_space.gallery.trail import parse_head

    old = None if old_head is None else parse_head(old_head)
    with (
        opened(home) as gallery,
        output.progress("Checking the trail", None, quiet=as_json, unit="events") as show,
    ):
        problems, end = gallery.check_trail(old, show), gallery.trail_head()
    if as_json:
        output.write_json(log_check_document(end, problems))
    for problem in problems:
        output.say(f"{problem[:1].upper()}{problem[1:]}.")
    if not problems:
        since = "" if old is None else f", the first {old.events:,} of them as they were"
        output.say(f"The trail is whole: {output.counted_text(end.events, 'event')}{since}.")
    return 1 if problems else 0


def _tell_head(home: Path | None, *, as_json: bool) -> None:
    from gestalt_space.documents.trail import log_head_document
    from gestalt_space.gallery.trail import head_text

    with opened(home) as gallery:
        end = gallery.trail_head()
    if as_json:
        output.write_json(log_head_document(end))
    else:
        output.write_text(head_text(end))


def _list(
    home: Path | None, patient: str | None, last: int | None, csv: Path | None, *, as_json: bool
) -> None:
    from gestalt_space.documents.trail import log_document, log_table

    with opened(home) as gallery:
        events = gallery.log(patient=patient, newest=last)
    if as_json:
        output.write_json(log_document(events))
        return
    output.write_table(log_table(events), csv)
