"""A process is killed at every step of an erasure: either nothing was begun, or the next one ends
it, and nothing is left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gestalt_space.gallery import sealing
from gestalt_space.store import audit, reads
from gestalt_space.store.writes import NewPhoto
from tests.galleries import files_with
from tests.gallery.erasing import Home, left_of, photo

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="SIGKILL and fork are POSIX"),
    pytest.mark.sqlite_only("homes are copied with their files"),
]

NAME = "PAT-2024-0017"
EACH = 16
KILLS = """
import os, shutil, signal, sys, tempfile, traceback
from pathlib import Path

import faiss  # here, not in each process of its own
import sqlalchemy as sa

from gestalt_space.gallery import sealing
from gestalt_space.gallery.erasure import finishing
from gestalt_space.store.engine import Database
from tests.gallery.erasing import Home

prepared, out, first, each = Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:])
tempfile.tempdir = str(out)
sealing.SEALED_FROM = 4
CHANGES = {"open", "os.rename", "os.remove", "os.truncate"}


def kill_at(step, folder):
    # Before every file that is made, changed in place, renamed or deleted, the receipt among them;
    # after every sync; before and after every commit, emptying of the log, rewriting and search.
    left = step

    def tick():
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    def follow(event, words):
        if event in CHANGES and str(words[0]).startswith(str(folder)):
            if event != "open" or words[2] & os.O_EXCL or words[1] == "r+b":
                tick()

    def around(whole, before=True):
        def ticking(*words, **more):
            if before:
                tick()
            found = whole(*words, **more)
            tick()
            return found

        return ticking

    sys.addaudithook(follow)
    os.fsync = around(os.fsync, before=False)
    Database.truncate_log = around(Database.truncate_log)
    Database.compact = around(Database.compact)
    finishing.search_files = around(finishing.search_files)
    sa.orm.SessionTransaction.commit = around(sa.orm.SessionTransaction.commit)


step = first - each
while True:
    step += each
    place = out / f"{step:03}"
    shutil.copytree(prepared, place / "home")
    process = os.fork()
    if not process:
        try:
            home = Home(place / "home")
            kill_at(step, place)
            home.erase("PAT-2024-0017", name_patients=True)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    status = os.waitpid(process, 0)[1]
    if os.WIFEXITED(status):
        sys.exit(os.WEXITSTATUS(status))
    assert os.WTERMSIG(status) == signal.SIGKILL
"""


@pytest.mark.parametrize(
    ("first", "each"),
    [
        (1, 18 * EACH),
        pytest.param(1, 6 * EACH, marks=pytest.mark.lengthy),
        *(pytest.param(n, EACH, marks=pytest.mark.slow) for n in range(1, EACH + 1)),
    ],
)
def test_a_kill_at_any_step_leaves_word_of_it(
    first: int, each: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every 288th step; among the lengthy ones at every 96th; in the long run, at each."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    monkeypatch.setattr(sealing, "SEALED_FROM", 4)
    home = Home(tmp_path / "home")
    mine = photo(NAME, 50, crop=first % 2 == 1)
    home.put(mine, *(photo(f"PAT-1999-{n:04}", n, crop=False) for n in range(5)))
    home.seal()
    home.put(*(photo(f"PAT-1999-{n:04}", n, crop=False) for n in range(5, 9)))
    home.database.truncate_log()
    home.close()
    out = tmp_path / "killed"
    out.mkdir()
    ended = subprocess.run(
        [sys.executable, "-c", KILLS, str(home.home), str(out), str(first), str(each)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    places = sorted(out.iterdir())
    assert len(places) > max(1, 100 / each), "else nobody was killed, or steps were not counted"
    for place in places:
        _check(place, mine)


def _check(place: Path, mine: NewPhoto) -> None:
    home = Home(place / "home")
    gallery = home.gallery()
    with home.database.reading() as session:
        is_there = NAME in reads.patient_names(session).values()
        assert list(audit.trail_problems(session)) == []
    begun = gallery.begun_erasures()
    receipt = place / "receipt.json"
    assert not (is_there and begun), place
    if is_there:
        assert not receipt.exists(), place
        home.erase(NAME, receipt="receipt.json", name_patients=True)
    elif begun:
        (erased,) = gallery.resume_erasures()
        assert erased.searched.hits == 0, place
    # Before it is closed: that alone empties the log.
    assert left_of(home.home, NAME, mine) == [], place
    for one in begun:
        assert files_with(home.home, one.plan.get("key", "no key").encode()) == [], place
    assert home.receipt()["names"] == [NAME], place
    assert home.receipt()["search"]["hits"] == 0, place
    assert gallery.begun_erasures() == [], place
    assert home.state().photos == 9, place
    assert "no problem found" in home.check(), place
    home.close()
