"""`gestalt index log`."""

from __future__ import annotations

import csv
import io
import sqlite3
from pathlib import Path

import pytest

from tests.cli.conftest import Command


def test_it_says_who_did_what_and_when(
    filled: Path, gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    gestalt("index", "set", "P1", "--sex", "female")
    gestalt("index", "remove", "P0")
    add, changed, removed = gestalt("index", "log", "--json").document["events"]
    assert (add["action"], add["patients"], add["left"]) == ("add", ["P1", "P2", "P3"], 1)
    assert add["told"] == ["deleted when a patient or photo was removed"]
    assert (changed["action"], changed["told"]) == ("set", ["sex: male → female"])
    assert changed["detail"]["before"]["patients"]["P1"]["sex"] == "male"
    assert (removed["action"], removed["patients"], removed["left"]) == ("remove", [], 1)
    (only,) = gestalt("index", "log", "--patient", "P1", "--last", "1", "--json").document["events"]
    assert only["id"] == changed["id"]
    rows = list(csv.DictReader(io.StringIO(gestalt("index", "log", "--csv", "-").out)))
    assert [row["what"] for row in rows] == ["add", "set", "remove"]
    assert rows[1]["details"] == "sex: male → female"
    monkeypatch.setenv("COLUMNS", "80")
    shown = gestalt("index", "log").out
    assert max(map(len, shown.splitlines())) <= 80
    assert "someone who left" in " ".join(shown.split())
    lines = [line.split() for line in shown.splitlines()]
    assert [line[0] for line in lines if line and line[0].isdecimal()] == ["1", "2", "3"]
    assert "sex: male → female" in shown
    assert gestalt("index", "log", "--patient", "P0").code == 1
    check_heads(filled, gestalt)


def check_heads(filled: Path, gestalt: Command) -> None:
    head = gestalt("index", "log", "--head").out.replace("\n", "")
    assert head.startswith("3:")
    gestalt("index", "set", "P1", "--sex", "male")
    assert gestalt("index", "log", "--check").code == 0
    whole = gestalt("index", "log", "--check", "--head", head)
    assert (whole.code, "4 events; the first 3 are unchanged" in whole.err) == (0, True)
    other = gestalt("index", "log", "--check", "--head", f"3:{'0' * 64}")
    assert (other.code, "The first 3 events were changed" in other.err) == (1, True)
    assert gestalt("index", "log", "--check", f"9:{'0' * 64}", "--json").document["problems"] == [
        "the trail had 9 events, and now has fewer"
    ]
    assert gestalt("index", "log", "--check", "nonsense").code == 2
    assert gestalt("index", "log", head).code == 2
    with sqlite3.connect(filled / "gallery.sqlite3") as connection:
        connection.execute("UPDATE audit_event SET actor = 'nobody' WHERE id = 2")
    changed = gestalt("index", "log", "--check")
    assert (changed.code, "Event 2 was changed" in changed.err) == (1, True)


def test_matches_are_in_it_where_that_is_asked_for(
    filled: Path, photos: list[Path], gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("match", photos[0], photos[5], "--detector", "aligned")
    assert gestalt(*words).code == 0
    assert len(gestalt("index", "log", "--json").document["events"]) == 1
    monkeypatch.setenv("GESTALT_AUDIT_MATCHES", "true")
    assert gestalt(*words).code == 0
    assert gestalt("match", "--patient", "P2").code == 0
    two, one = gestalt("index", "log", "--json", "--last", "2").document["events"]
    assert (two["action"], two["patients"], two["told"]) == ("match", ["P0"], ["2 photos"])
    assert (one["patients"], one["detail"]) == (["P2"], {"photos": 1})
