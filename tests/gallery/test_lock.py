"""One holder of a home's lock, whoever it is."""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from gestalt_space.errors import OutputError
from gestalt_space.gallery.lock import LOCK, locked
from gestalt_space.lock_holders import holder_of
from tests.processes import Process

HOLD = """
import signal
from gestalt_space.gallery.lock import locked
from gestalt_space.lock_holders import doing

doing("gestalt index add")
with locked(Path(sys.argv[1]), 5):
    stop("held")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_nobody_else_holds_it_and_a_killed_holder_lets_go(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    with Process(HOLD, folder) as other:
        assert other.heard() == "held"
        with pytest.raises(OutputError, match="Another process") as caught, locked(folder, 0.05):
            pass
        assert "It is `gestalt index add` (process " in caught.value.message
        assert "which is still running" in caught.value.message
        assert "Wait" in caught.value.hint
        assert "rebuild" not in caught.value.hint
        other.tell()
        assert other.ended() == -9
    assert (folder / f"{LOCK}-holder").exists(), "nobody took it away"
    assert holder_of(folder / f"{LOCK}-holder") is None
    with locked(folder, 0):
        pass
    assert not (folder / f"{LOCK}-holder").exists()


def test_a_holder_that_left_no_note_is_not_guessed(tmp_path: Path) -> None:
    with locked(tmp_path, 0):
        (tmp_path / f"{LOCK}-holder").unlink()
        with pytest.raises(OutputError, match=r"for 0 seconds\.$"), locked(tmp_path, 0):
            pass


def test_a_disk_without_locks_is_named_and_gets_no_soft_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl", reason="flock is of POSIX")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        pytest.raises(OutputError, match="does not support the file locks") as caught,
        locked(tmp_path, 1),
    ):
        pass
    assert "local disk" in caught.value.hint


def test_of_two_threads_one_waits_for_the_other(tmp_path: Path) -> None:
    inside: list[str] = []

    def hold() -> None:
        with locked(tmp_path, 20):
            inside.append("thread")

    with locked(tmp_path, 5):
        thread = threading.Thread(target=hold)
        thread.start()
        with pytest.raises(OutputError), locked(tmp_path, 0):
            pass
        inside.append("here")
    thread.join(20)
    assert inside == ["here", "thread"]


def test_the_folder_is_made_and_the_owner_s_alone(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "index"
    with locked(folder, 1):
        pass
    if os.name == "posix":
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / LOCK).stat().st_mode) == 0o600


def test_an_error_inside_is_the_error_and_lets_go(tmp_path: Path) -> None:
    with pytest.raises(KeyError), locked(tmp_path, 1):
        raise KeyError("inside")
    with locked(tmp_path, 0):
        pass


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputError, match="cannot be written"), locked(tmp_path / "file", 1):
        pass
