"""`gestalt db`: the migration that the database is at."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from gestalt_space.store.migrating import REVISION
from tests.cli.conftest import Command


def test_status_of_no_database_makes_none(gestalt: Command, tmp_path: Path) -> None:
    ran = gestalt("db", "status")
    assert ran.code == 1
    assert ran.out == f"version none, current {REVISION}\n"
    assert "gestalt db upgrade" in ran.err
    assert not (tmp_path / "home").exists()


def test_upgrade_makes_the_database_and_can_be_run_again(gestalt: Command, tmp_path: Path) -> None:
    for _ in range(2):
        ran = gestalt("db", "upgrade")
        assert ran.code == 0
        assert ran.out == ""
        assert REVISION in ran.err
    assert (tmp_path / "home" / "gallery.sqlite3").exists()
    status = gestalt("db", "status", "--json")
    assert status.code == 0
    assert status.document == {
        "document": "database",
        "version": 1,
        "migration": REVISION,
        "wanted": REVISION,
    }


@pytest.mark.parametrize("command", ["upgrade", "status"])
def test_a_database_of_a_later_version_is_refused(
    command: str, gestalt: Command, tmp_path: Path
) -> None:
    gestalt("db", "upgrade")
    with sqlite3.connect(tmp_path / "home" / "gallery.sqlite3") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    ran = gestalt("db", command)
    assert ran.code == 1
    assert "9999" in ran.out + ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("command", ["upgrade", "status"])
def test_a_damaged_database_is_told(command: str, gestalt: Command, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "gallery.sqlite3").write_bytes(b"this is no database " * 500)
    ran = gestalt("db", command)
    assert ran.code == 1
    assert "not a database" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("command", ["upgrade", "status"])
@pytest.mark.parametrize("url", ["nonsense", "nosuch://server/name", "postgresql+nosuch://s/n"])
def test_an_address_that_is_none_is_told(
    command: str, url: str, gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GESTALT_DATABASE_URL", url)
    ran = gestalt("db", command)
    assert ran.code == 1
    assert "Traceback" not in ran.err
    assert "Error:" in ran.err
