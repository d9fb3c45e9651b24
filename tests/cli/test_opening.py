"""A command tells what was mended, once, on standard error."""

from __future__ import annotations

from pathlib import Path

from gestalt_space.gallery.repairs import CLEANED
from gestalt_space.store import removals
from gestalt_space.store.engine import Database
from tests.cli.conftest import Command


def test_what_a_stopped_process_left_is_told_once(
    home: Path, photos: list[Path], gestalt: Command
) -> None:
    added = ("index", "add", photos[0], "--patient", "P1", "--detector", "aligned")
    assert gestalt(*added).code == 0
    database = Database(home / "gallery.sqlite3", create=False)
    with database.writing() as session:
        removals.remove_patients(session, ["P1"])
    database.close()
    ran = gestalt("index", "list", "--json")
    assert CLEANED.told in " ".join(ran.err.split())
    assert ran.document["patients"] == []
    assert CLEANED.found not in gestalt("index", "list").err
