"""Commands on a gallery that is on a PostgreSQL server, and on one that does not answer."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from gestalt_space.store.migrating import REVISION
from tests.cli.conftest import Command
from tests.databases import address_of

AWAY = "postgresql://user:secret@127.0.0.1:1/gallery"


@pytest.mark.parametrize(
    "words", [("doctor",), ("db", "status"), ("db", "upgrade"), ("index", "stats")], ids=" ".join
)
def test_a_server_that_does_not_answer_is_told(
    words: tuple[str, ...], home: Path, gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GESTALT_DATABASE_URL", AWAY)
    ran = gestalt(*words)
    assert ran.code == 1
    said = ran.out + ran.err
    assert "cannot be reached" in said
    assert "127.0.0.1" in said
    assert "GESTALT_DATABASE_URL" in said
    assert "secret" not in said
    assert "Traceback" not in said


@pytest.mark.postgresql_only
def test_the_first_add_makes_the_tables(
    home: Path, gestalt: Command, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = address_of(home, empty=True)
    assert isinstance(address, str)
    monkeypatch.setenv("GESTALT_DATABASE_URL", address)
    words = ("index", "add", photos[0], "--patient", "P1", "--detector", "aligned")
    ran = gestalt(*words)
    assert ran.code == 0, ran.err
    assert "P1" in gestalt("index", "list", "--csv", "-").out


@pytest.mark.postgresql_only
def test_commands_tell_of_the_database_on_the_server(
    filled: Path, gestalt: Command, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = address_of(filled)
    assert isinstance(address, str)
    name = sa.make_url(address).database
    monkeypatch.setenv("GESTALT_DATABASE_URL", address)
    assert not (filled / "gallery.sqlite3").exists()
    assert gestalt("db", "status").out == f"version {REVISION}, current {REVISION}\n"
    assert "undiagnosed" in gestalt("index", "stats").out
    ran = gestalt("doctor")
    assert name is not None
    assert name in ran.out
    assert "4 patients" in ran.out
    assert gestalt("index", "remove", "P0").code == 0
    assert gestalt("index", "list", "--csv", "-").out.count("\nP") == 3
    assert gestalt("match", photos[1], "--by", "patient", "--detector", "aligned").code == 0
