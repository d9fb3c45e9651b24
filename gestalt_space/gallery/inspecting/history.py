"""Whether the audit trail is whole, and what removals and erasures still have to clean."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from gestalt_space.counts import counted_text
from gestalt_space.gallery.identity import home_of, is_copy, was_forgotten
from gestalt_space.gallery.inspecting.findings import SHOWN, CheckFinding, CheckState
from gestalt_space.store import audit, erasures, purges
from gestalt_space.store.engine import Database

PATIENCE = timedelta(days=1)
"""Another process may read for a while; what is left longer than this is a failure."""
_CLEAN = (
    "The files are cleaned when the gallery is next opened and no other process is using it. To "
    "clean them now, run `gestalt index rebuild`."
)
_GONE = " If that home no longer exists: `gestalt index homes --forget HOME`."


def inspect_trail(database: Database) -> Iterator[CheckFinding]:
    """What shows that the audit trail was changed or cut."""
    with database.reading() as session:
        problems = list(islice(audit.trail_problems(session), SHOWN))
        head = audit.head(session)
    for problem in problems:
        hint = "An audit trail cannot be repaired. Compare `gestalt index log` with a backup."
        yield CheckFinding("audit trail", "fail", problem, hint)
    if not problems:
        end = f", the last one {head.chain[:12]}" if head.events else ""
        yield CheckFinding("audit trail", "ok", f"{counted_text(head.events, 'event')}{end}")


def inspect_left(database: Database, folder: Path) -> Iterator[CheckFinding]:
    """What was removed or erased and may still be in files. `folder`: of this home's index."""
    with database.reading() as session:
        left = purges.left_to_clean(session, home_of(session, folder))
        begun = erasures.begun_erasures(session)
        is_forgotten = was_forgotten(session, folder)
    is_foreign = is_forgotten or is_copy(database, folder)
    if is_foreign:
        yield CheckFinding(
            "removals",
            "fail",
            f"the database {'has forgotten this home' if is_forgotten else 'knows another home'}, "
            "so this index may still have patients who were erased",
            "Run `gestalt index stats`: opening the gallery deletes this index and builds a new "
            "one.",
        )
    for one in begun:
        detail = (
            f"an erasure that {one.actor} started at {one.at:%Y-%m-%d %H:%M} UTC is not finished"
        )
        yield CheckFinding("erasures", "fail", detail, "Run `gestalt index erase --resume`.")
    for since, where, hint in (
        *((at, "this home's files", _CLEAN) for at in left.here),
        *((at, f"the index of {place}", _CLEAN + _GONE) for place, at in left.elsewhere),
    ):
        yield CheckFinding(
            "removals",
            _state(since),
            f"data removed on {since:%Y-%m-%d %H:%M} UTC may still be in {where}",
            hint,
        )
    if not (left.here or left.elsewhere or begun or is_foreign):
        yield CheckFinding("removals", "ok", "no removed data left in files")


def _state(since: datetime) -> CheckState:
    return "fail" if datetime.now(UTC) - since > PATIENCE else "note"
