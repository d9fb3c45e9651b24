"""`gestalt index spaces`, `use` and `drop`: what they say, and what they refuse."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.cli.conftest import Command


def test_a_space_is_filled_used_and_dropped(filled: Path, gestalt: Command) -> None:
    ran = gestalt("index", "fill", "--space", "builtin", "--default", "--json", "-q")
    assert ran.code == 0, ran.err
    assert ran.document["default"]
    assert (ran.document["counts"], ran.document["missing"]) == ({"filled": 4, "failed": 0}, 0)
    listed = gestalt("index", "spaces")
    assert ["builtin", "in", "use"] in [line.split()[:3] for line in listed.out.splitlines()]
    back = gestalt("index", "use", "tiny")
    assert back.code == 0
    assert "uses the space of tiny" in back.err
    spaces = gestalt("index", "spaces", "--json").document["spaces"]
    assert [(one["name"], one["default"], one["installed"], one["missing"]) for one in spaces] == [
        ("tiny", True, True, 0),
        ("builtin", False, True, 0),
    ]
    asked = gestalt("index", "drop", "builtin")
    assert asked.code == 2
    assert "--yes" in asked.err
    assert gestalt("index", "drop", "tiny", "--yes").code == 2
    for name, told in (("tiny", "uses the space of tiny"), ("other", "no space 'other'")):
        assert told in gestalt("index", "drop", name).err, "before anybody is asked"
    dropped = gestalt("index", "drop", "builtin", "--yes", "--json")
    assert dropped.document["dropped"]["descriptors"] == 4
    missing = gestalt("index", "use", "builtin", "--json")
    assert missing.code == 1
    assert missing.document["error"]["code"] == "not_in_gallery"


def test_verify_fits_a_narrow_terminal_and_ends_with_1_where_something_is_wrong(
    filled: Path, gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = gestalt("index", "verify", "--sample", 2, "--json")
    assert sound.code == 0, sound.out
    assert sound.document["sound"]
    next((filled / "index").glob("*.people.npy")).unlink()
    monkeypatch.setenv("COLUMNS", "80")
    ran = gestalt("index", "verify", "--sample", 0)
    assert ran.code == 1
    assert max(map(len, ran.out.splitlines())) <= 80
    assert str(filled / "gallery.sqlite3") in "".join(ran.out.split())
    told = [line for line in ran.out.splitlines() if line.startswith("index tiny: ")]
    assert ["`gestalt index rebuild`" in line for line in told] == [True]
    assert "1 of 11 checks failed" in ran.err
    assert gestalt("index", "rebuild").code == 0
    mended = gestalt("index", "verify", "--sample", 0)
    assert mended.code == 0
    assert "No problem found in 11 checks." in mended.err


def test_rebuild_says_what_it_wrote_deleted_and_mended(filled: Path, gestalt: Command) -> None:
    stranger = filled / "index" / f"{'e' * 16}-{'0' * 32}.people.npy"
    stranger.write_bytes(b"of a space that is lost")
    connection = sqlite3.connect(filled / "gallery.sqlite3")
    with connection:
        connection.execute("INSERT INTO gene (symbol) VALUES ('ANKRD11')")
        connection.execute("INSERT INTO crop (face_id, png) VALUES (99, x'00')")
    connection.close()
    ran = gestalt("index", "rebuild")
    assert ran.code == 0
    assert "1 row of crop that referred to nothing" in ran.err
    assert "Deleted 1 gene that no patient has." in ran.err
    assert (
        f"Deleted 1 index file of spaces that the database does not have ({stranger.name})"
        in ran.err
    )
    assert "Rebuilt the index of tiny: 4 descriptors in 1 segment; " in ran.err
    rebuilt = gestalt("index", "rebuild", "--json").document["rebuilt"]
    assert rebuilt["mended"] == {"rows": {}, "disorders": 0, "genes": 0, "numbers": 0}
    assert (rebuilt["foreign_files"], rebuilt["cleaned"]) == ([], False)
    (index,) = rebuilt["indexes"]
    assert (index["space"], index["descriptors"], index["approximate"]) == ("tiny", 4, [])
    assert index["replaced"] > 0
