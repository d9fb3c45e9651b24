from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gestalt_space.distributed.folders import delete_abandoned, temporary_folder, using

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Ray is not used on Windows")

DAY = 24 * 60 * 60

KILLED = """
import os, signal, sys
from pathlib import Path
from gestalt_space.distributed.folders import using
with using(Path(sys.argv[1]), sys.argv[2]):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_in(folder: Path, role: str) -> None:
    """Leave what a process leaves that used a folder and was killed."""
    folder.mkdir(exist_ok=True)
    subprocess.run([sys.executable, "-c", KILLED, str(folder), role], check=False)


def test_folders_of_dead_processes_are_deleted(tmp_path: Path):
    left = tmp_path / "gestalt-ray-left"
    kill_in(left, "command")
    kill_in(left, "driver")
    (left / "ray").mkdir()
    (left / "ray" / "log").touch()
    delete_abandoned(tmp_path)
    assert not left.exists()


@pytest.mark.parametrize(("dead", "living"), [("command", "driver"), ("driver", "command")])
def test_one_living_process_keeps_its_folder(tmp_path: Path, dead: str, living: str):
    folder = tmp_path / "gestalt-ray-used"
    kill_in(folder, dead)
    with using(folder, living):
        delete_abandoned(tmp_path)
        assert folder.exists()
    delete_abandoned(tmp_path)
    assert not folder.exists()


def age(folder: Path, seconds: float) -> None:
    """Let a folder have been changed that long ago."""
    then = time.time() - seconds
    os.utime(folder, (then, then))


def test_a_folder_whose_process_died_before_it_had_a_lock_is_deleted_after_a_day(tmp_path: Path):
    empty, unnamed = tmp_path / "gestalt-ray-empty", tmp_path / "gestalt-ray-unnamed"
    for folder in (empty, unnamed):
        folder.mkdir()
    (unnamed / "command").touch()
    for seconds in (0, DAY - 60, -DAY):
        for folder in (empty, unnamed):
            age(folder, seconds)
        delete_abandoned(tmp_path)
        assert empty.exists()
        assert unnamed.exists()
    for folder in (empty, unnamed):
        age(folder, DAY + 60)
    delete_abandoned(tmp_path)
    assert not empty.exists()
    assert not unnamed.exists()


def test_an_old_folder_that_is_in_use_or_not_ours_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    used, foreign = tmp_path / "gestalt-ray-used", tmp_path / "gestalt-ray-foreign"
    used.mkdir()
    foreign.mkdir()
    with using(used, "command"), monkeypatch.context() as patch:
        age(used, 9 * DAY)
        delete_abandoned(tmp_path)
        assert used.exists()
        age(foreign, 9 * DAY)
        patch.setattr("os.getuid", lambda: 12345)
        delete_abandoned(tmp_path)
    assert foreign.exists()


def test_what_is_nobody_s_or_another_user_s_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    without_lock, other, target = (
        tmp_path / name for name in ("gestalt-ray-1", "another-1", "target")
    )
    without_lock.mkdir()
    kill_in(other, "command")
    kill_in(target, "command")
    link = tmp_path / "gestalt-ray-2"
    link.symlink_to(target)
    delete_abandoned(tmp_path)
    assert all(one.exists() for one in (without_lock, other, target, link))
    foreign = tmp_path / "gestalt-ray-3"
    kill_in(foreign, "command")
    with monkeypatch.context() as patch:
        patch.setattr("os.getuid", lambda: 12345)
        delete_abandoned(tmp_path)
    assert foreign.exists()
    delete_abandoned(tmp_path)
    assert not foreign.exists()


def test_a_disk_without_locks_keeps_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "gestalt-ray-left"
    kill_in(folder, "command")

    def no_locks(*_: object) -> None:
        raise OSError

    monkeypatch.setattr("fcntl.flock", no_locks)
    delete_abandoned(tmp_path)
    assert folder.exists()


def test_a_temporary_folder_is_private_and_deleted():
    with temporary_folder() as folder:
        assert folder.stat().st_mode & 0o077 == 0
        with temporary_folder() as second:
            assert folder.exists()
            assert second != folder
    assert not folder.exists()


def test_a_folder_that_was_deleted_cannot_be_used(tmp_path: Path):
    with pytest.raises(FileNotFoundError), using(tmp_path / "gone", "driver"):
        raise AssertionError
