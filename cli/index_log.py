"""`gestalt index log`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gestalt_space.counts import counted_text

from . import options, output
from .opening import opened


def log(
    old_head: Annotated[
        str | None,
        typer.Argument(
            help="With --check: an earlier head to compare with.",
            metavar="COUNT:HASH",
            show_default=False,
        ),
    ] = None,
    patient: Annotated[
        str | None,
        typer.Option("--patient", help="Only events of this patient.", show_default=False),
    ] = None,
    last: Annotated[
        int | None,
        typer.Option("--last", min=1, help="Only the last N events.", show_default=False),
    ] = None,
    head: Annotated[
        bool,
        typer.Option("--head", help="Print the number of events and the hash of the last one."),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Check that no event was changed or deleted.")
    ] = False,
    home: options.Home = None,
    as_json: options.Json = False,
    csv: options.Csv = None,
) -> int:
    """List who changed what in the gallery, and when. Times are in UTC.

    `gestalt index undo --event N` undoes correction number N.

    Removed patients are listed as `someone who left`. When a patient is removed, the details about
    them are deleted from all events.

    Each event has a hash of itself and the previous event. --check finds events that were changed
    or deleted (exit code 1). A person who can write to the database could compute all hashes again.
    So keep the output of --head in another place, and compare later with `--check --head
    COUNT:HASH`.
    """
    from gestalt_space.errors import UsageError

    output.check_csv(csv, as_json=as_json)
    if csv is not None and (check or head):
        raise UsageError(
            "--csv cannot be combined with --check or --head.",
            "Leave out --csv, or leave out --check and --head.",
        )
    if old_head is not None and not check:
        raise UsageError("An earlier head needs --check.", "Add --check.")
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
        since = "" if old is None else f"; the first {old.events:,} are unchanged"
        output.say(f"The trail is complete: {counted_text(end.events, 'event')}{since}.")
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
