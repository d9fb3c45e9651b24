"""Who writes a SQLite file: each writer leaves a note beside it while it holds the writer's lock,
and who waits in vain reads it."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine

from gestalt_space.errors import DatabaseError
from gestalt_space.lock_holders import holder_of, leave_note, take_note_away

_HAS_NOTE = "gestalt_note"


def leave_notes(engine: Engine, file: Path) -> None:
    """Let every transaction of an engine that writes leave a note. Called before anything begins,
    and after what begins transactions listens: the note comes when the lock is held."""
    note = _note(file)

    def end(connection: sa.Connection) -> None:
        # What waited in vain is rolled back as well: the note is another's then.
        if connection.info.pop(_HAS_NOTE, False):
            take_note_away(note)

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        if connection.get_execution_options().get("gestalt_write", False):
            connection.info[_HAS_NOTE] = True
            leave_note(note)

    event.listen(engine, "commit", end)
    event.listen(engine, "rollback", end)


def busy(where: str, file: Path | None) -> DatabaseError:
    """The error of a wait in vain for a database, shown as `where`."""
    holder = None if file is None else holder_of(_note(file))
    who = (
        f". Another process is writing to it: {holder.told}."
        if holder is not None
        else " by another, unknown process."
    )
    return DatabaseError(
        f"The database {where} is locked{who}",
        "Wait until it has finished and try again, or raise GESTALT_BUSY_TIMEOUT.",
    )


def _note(file: Path) -> Path:
    return file.with_name(f"{file.name}-writer")
