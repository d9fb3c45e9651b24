"""Who has a file open."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gestalt_space.gallery.erasure.holders import holders_of

OPEN = "import sys; file = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


@pytest.mark.skipif(sys.platform != "linux", reason="the system tells it on Linux alone")
def test_another_process_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with file.open(encoding="utf-8"):
        assert holders_of(file) == [], "another machine"
    with subprocess.Popen(
        [sys.executable, "-c", OPEN, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdout.readline()
        (told,) = holders_of(file)
        assert told.startswith(f"{other.pid} (")
        other.stdin.close()
    assert holders_of(tmp_path / "none") == []
