"""Several processes that use one gallery at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import made
from tests.galleries import add, open_gallery, row
from tests.home.asking import match

ADD = """
import sys
from pathlib import Path
from typing import Any
from gestalt_space.home import Gallery
from tests.galleries import open_gallery, row
home, folder, first, last = sys.argv[1:]
with open_gallery(Path(home)) as gallery:
    for n in range(int(first), int(last)):
        added = gallery.add([row(Path(folder) / f"p{n}.png", f"P{n}", f"D{n % 5}")]).photos
        assert added[0].status in ("added", "already"), added[0].error
"""


def start_adding(home: Path, folder: Path, first: int, last: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", ADD, str(home), str(folder), str(first), str(last)],
        cwd=Path(__file__).parents[2],
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.lengthy
def test_two_processes_add_at_once_while_a_third_matches(
    home: Path, photo: Callable[[int], Path]
) -> None:
    folder = photo(0).parent
    for n in range(60):
        photo(n)
    with open_gallery(home) as gallery:
        add(gallery, *(row(photo(n), f"P{n}", f"D{n % 5}") for n in range(5)))
    # The two have ten photos in common.
    adding = [start_adding(home, folder, 5, 40), start_adding(home, folder, 30, 60)]
    probe = made.photo_file(folder / "probe.png", 1000)
    seen = []
    with open_gallery(home) as gallery:
        while any(process.poll() is None for process in adding):
            (found,) = match(gallery, probe)
            assert found.error is None
            assert [line.rank for line in found.lines] == [1, 2, 3, 4, 5]
            seen.append(sum(line.photos for line in found.lines))
    for process in adding:
        _, told = process.communicate(timeout=60)
        assert process.returncode == 0, told
    assert seen == sorted(seen)
    with open_gallery(home) as gallery:
        assert gallery.stats().counts.photos == 60
        assert gallery.database.problems() == []
        assert "no problem found" in gallery.check_index()["tiny"]
        (found,) = match(gallery, probe)
        assert sum(line.photos for line in found.lines) == 60
