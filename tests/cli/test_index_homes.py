"""`gestalt index homes`: listed, and forgotten where one is gone."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from gestalt_space.store import tables as t
from gestalt_space.store.engine import Database
from tests.cli.conftest import Command
from tests.databases import address_of


def test_a_home_that_is_gone_is_listed_and_forgotten(
    home: Path, photos: list[Path], tmp_path: Path, gestalt: Command
) -> None:
    added = ("index", "add", photos[0], "--patient", "PAT-2024-0017", "--detector", "aligned")
    assert gestalt(*added).code == 0
    with closing(Database(address_of(home))) as database, database.writing() as session:
        session.add(t.Home(id="0" * 36, place="ward-3:/data/gestalt"))
    receipt = tmp_path / "receipt.json"
    erase = ("index", "erase", "--patient", "PAT-2024-0017", "--receipt", receipt, "--yes")
    assert "ward-3" in gestalt(*erase).err
    listed = gestalt("index", "homes")
    assert "(this one)" in listed.out
    assert "1 removal since" in listed.out
    known = {one["place"]: one for one in gestalt("index", "homes", "--json").document["homes"]}
    assert known["ward-3:/data/gestalt"]["erasures"] == 1
    (mine,) = (one for one in known.values() if one["this"])
    assert gestalt("index", "homes", "--forget", mine["id"], "--yes").code == 2
    forget = ("index", "homes", "--forget", "ward-3:/data/gestalt")
    asked = gestalt(*forget)
    assert asked.code == 2
    assert "--yes" in asked.err
    assert not receipt.exists()
    ran = gestalt(*forget, "--yes")
    assert ran.code == 0, ran.err
    assert "Its files were not cleaned of 1 removal" in ran.err
    assert "wrote its receipt" in ran.err
    assert "ward-3" in receipt.read_text("utf-8")
    logged = gestalt("index", "log").out
    assert "ward-3" in logged
    assert "its files were not cleaned of 1 removal" in logged
    assert len(gestalt("index", "homes", "--json").document["homes"]) == 1
