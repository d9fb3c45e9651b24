"""Homes and numbers that are not as they should be: a clear error, and nothing is changed."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from gestalt_space.home import Gallery
from gestalt_space.store.engine import Database
from tests.cli.conftest import Command

ALIGNED = ("--detector", "aligned")
BEYOND = 2**63


@pytest.mark.parametrize(
    "words",
    [
        ("index", "add", "photos/p5.png", "--patient", "P5", *ALIGNED),
        ("index", "remove", "P0"),
        ("index", "fill", "--space", "builtin"),
        ("index", "rebuild"),
        ("index", "calibrate"),
        ("index", "use", "tiny"),
        ("index", "drop", "tiny", "--yes"),
        ("index", "erase", "--patient", "P0", "--receipt", "receipt.json", "--yes"),
        ("index", "erase", "--resume"),
        ("index", "set", "P0", "--sex", "female"),
        ("index", "merge", "P0", "P1"),
        ("index", "undo"),
    ],
    ids=lambda words: " ".join(words[1:3]),
)
def test_a_home_that_may_not_be_written_refuses_before_any_work(
    words: tuple[str, ...],
    filled: Path,
    gestalt: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def work(*_: object, **__: object) -> None:
        raise AssertionError("it works before it refuses")

    monkeypatch.chdir(tmp_path)
    # Rights do not stop root, who runs some tests.
    monkeypatch.setattr(Database, "is_writable", False)
    for module in ("gallery.models", "gallery.pipeline"):
        monkeypatch.setattr(f"gestalt_space.{module}.open_encoder", work, raising=False)
    ran = gestalt(*words)
    assert ran.code == 1
    assert "may not write to the database" in ran.err
    assert "as the owner of the home" in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ("index", "list", "--limit", BEYOND),
        ("match", "--patient", "P0", "--top", BEYOND),
        ("match", "photos/p0.png", "--face", BEYOND, *ALIGNED),
        ("index", "verify", "--sample", BEYOND),
        ("index", "verify", "--sample", "1", "--seed", 2**70),
    ],
    ids=lambda words: " ".join(map(str, words[:3])),
)
def test_a_number_beyond_the_database_s_is_no_fault(
    words: tuple[object, ...],
    filled: Path,
    gestalt: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = gestalt(*words)
    assert ran.code in (0, 1, 2, 3), ran.err
    assert "Traceback" not in ran.err


def test_an_add_into_a_home_that_all_may_read_says_so(
    filled: Path, photos: list[Path], gestalt: Command
) -> None:
    words = ("index", "add", photos[4], "--patient", "P4", *ALIGNED)
    assert "Everybody" not in gestalt(*words).err
    filled.chmod(0o755)
    (filled / "gallery.sqlite3").chmod(0o644)
    assert "chmod -R go=" in gestalt(*words).err


def test_an_add_that_is_interrupted_while_starting_says_that_nothing_was_added(
    filled: Path, photos: list[Path], gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Gallery.encoded

    def stopped(self: Gallery, **options: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return whole(self, **options)

    monkeypatch.setattr(Gallery, "encoded", stopped)
    ran = gestalt("index", "add", photos[4], "--patient", "P4", *ALIGNED)
    assert ran.code == 130
    assert "Interrupted while starting: nothing was added." in ran.err
    assert "same command again" in ran.err
