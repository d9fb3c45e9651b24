"""A command tells what was mended, once, on standard error."""

from __future__ import annotations

from pathlib import Path

import pytest

from gestalt_space.gallery.erasure import finishing
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


def test_an_erasure_that_was_stopped_is_finished_and_told(
    home: Path,
    photos: list[Path],
    gestalt: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stopped(*_: object, **more: object) -> None:
        raise KeyboardInterrupt

    for number in (0, 1):
        words = (photos[number], "--patient", f"PATIENT-{number}", "--detector", "aligned")
        assert gestalt("index", "add", *words).code == 0
    receipt = tmp_path / "receipt.json"
    words = ("--patient", "PATIENT-0", "--receipt", receipt, "--yes")
    with monkeypatch.context() as patched:
        patched.setattr(finishing, "search_files", stopped)
        assert gestalt("index", "erase", *words).code == 130
    assert not receipt.exists()
    told = " ".join(gestalt("index", "list").err.split())
    assert "Finished the erasure of 1 patient" in told
    assert "wrote its receipt" in told
    assert receipt.exists()
    assert "erasure" not in gestalt("index", "list").err
