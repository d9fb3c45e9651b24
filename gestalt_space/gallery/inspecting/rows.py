"""Whether the rows of the database fit together: no reference leads to nothing, nothing is left
over, and every change has a number of its own."""

from __future__ import annotations

from collections.abc import Iterator

from gestalt_space.counts import counted_text
from gestalt_space.gallery.inspecting.findings import (
    REBUILD,
    SHOWN,
    CheckFinding,
    named,
)
from gestalt_space.store import soundness
from gestalt_space.store.engine import Database
from gestalt_space.store.soundness import Unused

_BACKUP = "Your last backup may have the missing rows. Without a backup,"
_REMOVE = "Run `gestalt index remove --photo NAME`, then add the photo again from its file."


def inspect_rows(database: Database) -> Iterator[CheckFinding]:
    """References, what is left over, and numbers of changes."""
    sound = True
    with database.reading() as session:
        for one in soundness.dangling(session):
            sound = False
            detail = f"{counted_text(one.rows, 'row')} of {one.table} without its {one.parent}"
            hint = f"{_BACKUP} `gestalt index rebuild` deletes rows that belong to nothing."
            yield CheckFinding(f"rows of {one.table}", "fail", detail, hint)
        for left in soundness.unused(session, SHOWN):
            sound = False
            yield _unused(left)
        found = soundness.numbers(session)
        keys, numbers = soundness.descriptor_numbers(session)
    if sound:
        yield CheckFinding("rows", "ok", "all references are valid, no orphaned rows")
    if found.highest > found.last:
        detail = f"a row has the number {found.highest:,}; the last change was {found.last:,}"
        yield CheckFinding("numbers of changes", "fail", detail, REBUILD)
    elif again := len(soundness.repeated_numbers(keys, numbers)):
        detail = f"{counted_text(again, 'descriptor')} with the number of another one"
        yield CheckFinding("numbers of changes", "fail", detail, REBUILD)
    else:
        yield CheckFinding("numbers of changes", "ok", f"up to {found.last:,}, no duplicates")


def _unused(left: Unused) -> CheckFinding:
    noun, _, rest = left.what.partition(" ")
    found = counted_text(left.count, left.what, f"{noun}s {rest}")
    detail = f"{found}: {named(left.first, left.count)}"
    if noun == "photo":
        return CheckFinding("photos", "fail", detail, _REMOVE)
    if noun == "patient":
        hint = (
            "These patients are never matched: add a photo, or run `gestalt index remove PATIENT`."
        )
        return CheckFinding("patients", "note", detail, hint)
    return CheckFinding(f"{noun}s", "note", detail, REBUILD)
