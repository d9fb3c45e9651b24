"""`gestalt index spaces`, `use` and `drop`: what they say, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command


def test_a_space_is_filled_used_and_dropped(filled: Path, gestalt: Command) -> None:
    ran = gestalt("index", "fill", "--space", "builtin", "--default", "--json", "-q")
    assert ran.code == 0, ran.err
    assert ran.document["default"]
    assert (ran.document["counts"], ran.document["missing"]) == ({"filled": 4, "failed": 0}, 0)
    listed = gestalt("index", "spaces")
    assert "builtin (the gallery's own)" in listed.out
    back = gestalt("index", "use", "tiny")
    assert back.code == 0
    assert "works in the space of tiny" in back.err
    spaces = gestalt("index", "spaces", "--json").document["spaces"]
    assert [(one["name"], one["default"], one["installed"], one["missing"]) for one in spaces] == [
        ("tiny", True, True, 0),
        ("builtin", False, True, 0),
    ]
    asked = gestalt("index", "drop", "builtin")
    assert asked.code == 2
    assert "--yes" in asked.err
    assert gestalt("index", "drop", "tiny", "--yes").code == 2
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
    assert "gestalt index rebuild" in ran.out
    # A path is never broken.
    lines = [line for line in ran.out.splitlines() if str(filled) not in line]
    assert max(map(len, lines)) <= 80
    assert gestalt("index", "rebuild").code == 0
    assert gestalt("index", "verify", "--sample", 0).code == 0
