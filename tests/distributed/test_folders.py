from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gestalt_space.distributed.folders import delete_abandoned, temporary_folder, using

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Ray is not used on Windows")

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
