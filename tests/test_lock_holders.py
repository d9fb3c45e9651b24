"""A note says who holds something, and is believed while its process can be alive."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from gestalt_space import lock_holders
from gestalt_space.lock_holders import doing, holder_of, leave_note, take_note_away


@pytest.fixture
def note(tmp_path: Path) -> Path:
    leave_note(tmp_path / "note")
    return tmp_path / "note"


def change(note: Path, **values: Any) -> None:
    note.write_text(json.dumps(json.loads(note.read_text()) | values))


def test_a_note_of_this_process_is_believed_and_is_the_owner_s_alone(note: Path) -> None:
    holder = holder_of(note)
    assert holder is not None
    assert holder.pid == os.getpid()
    assert f"process {os.getpid()} on {holder.host} since 20" in holder.told
    assert "still running" in holder.told
    if os.name == "posix":
        assert stat.S_IMODE(note.stat().st_mode) == 0o600
    take_note_away(note)
    assert holder_of(note) is None


@pytest.mark.skipif(os.name != "posix", reason="asked by a signal that only POSIX has")
def test_a_note_of_a_dead_process_is_not_believed(note: Path) -> None:
    change(note, pid=2**22 + 1)
    assert holder_of(note) is None


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="without /proc nobody knows")
def test_another_process_of_the_same_number_is_not_taken_for_it(note: Path) -> None:
    change(note, born="1")
    assert holder_of(note) is None


def test_of_another_machine_nothing_is_claimed(note: Path) -> None:
    change(note, pid=2**22 + 1, place="another pid:[1]", host="another")
    holder = holder_of(note)
    assert holder is not None
    assert "on another since" in holder.told
    assert "another machine" in holder.told
    assert "runs" not in holder.told


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"pid": 1}'])
def test_half_a_note_is_none(note: Path, text: str) -> None:
    note.write_text(text)
    assert holder_of(note) is None


def test_what_is_done_is_told_without_what_was_given_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_holders, "_work", [])
    monkeypatch.setattr("sys.argv", ["/somewhere/train.py", "P17"])
    leave_note(tmp_path / "a")
    doing("gestalt index add")
    leave_note(tmp_path / "b")
    told = [holder_of(tmp_path / name) for name in "ab"]
    assert [one.work for one in told if one is not None] == ["train.py", "gestalt index add"]
    assert b"P17" not in (tmp_path / "a").read_bytes()


def test_a_folder_that_takes_no_note_is_no_error(tmp_path: Path) -> None:
    leave_note(tmp_path / "none" / "note")
    take_note_away(tmp_path / "none" / "note")
    assert holder_of(tmp_path / "none" / "note") is None
