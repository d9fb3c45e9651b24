"""A process is killed at every step of a removal that also seals and merges: nothing is lost, and
what was removed is in no file after the next one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gestalt_space.store import reads
from gestalt_space.store.purges import pending_purges
from tests.galleries import files_with
from tests.gallery.kept import Kept, vector_of, vectors_of

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL and fork are POSIX")

EACH = 4
KILLS = """
import os, shutil, signal, sys, traceback
from pathlib import Path

import faiss  # here, not in each process of its own
import sqlalchemy as sa

from gestalt_space.gallery import sealing
from gestalt_space.store.engine import Database
from tests.databases import copy_database
from tests.gallery.kept import Kept

prepared, out, first, each = Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:])
sealing.SEALED_FROM = 4
CHANGES = {"open", "os.rename", "os.remove", "os.truncate"}


def kill_at(step, folder):
    # Before every file that is made, changed in place, renamed or deleted; after every sync; before
    # and after every commit and the emptying of the log.
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
    sa.orm.SessionTransaction.commit = around(sa.orm.SessionTransaction.commit)


step = first - each
while True:
    step += each
    home = out / f"{step:03}"
    shutil.copytree(prepared, home)
    copy_database(prepared, home)
    process = os.fork()
    if not process:
        try:
            kept = Kept(home)
            kill_at(step, home / "index")
            kept.remove(3)
            kept.keeper().purge()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    status = os.waitpid(process, 0)[1]
    if os.WIFEXITED(status):
        sys.exit(os.WEXITSTATUS(status))
    assert os.WTERMSIG(status) == signal.SIGKILL
"""


@pytest.mark.usefixtures("_soon")
@pytest.mark.parametrize(
    "first", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, EACH + 1))]
)
def test_a_kill_at_any_step_costs_time_alone(first: int, kept: Kept, tmp_path: Path) -> None:
    """At every fourth step, from the first one given on."""
    kept.add(*range(6))
    kept.seal()
    kept.add(6, 7, 8, 9)  # sealed by the removal, and merged with what is there
    kept.database.truncate_log()
    kept.close()
    out = tmp_path / "killed"
    ended = subprocess.run(
        [sys.executable, "-c", KILLS, str(kept.home), str(out), str(first), str(EACH)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    homes = sorted(out.iterdir())
    assert len(homes) > 60 / EACH, "else the steps were not counted"
    finished = 0
    for home in homes:
        finished += _check(home)
    assert 1 <= finished < len(homes) / 2, "the last one was not killed"


def _check(home: Path) -> bool:
    """Whether the removal was finished."""
    opened = Kept(home)
    with opened.database.reading() as session:
        patients = set(reads.patient_names(session).values())
        pending = pending_purges(session)
    there = {int(patient[1:]) for patient in patients}
    is_removed = 3 not in there
    assert there in ({*range(10)}, {*range(10)} - {3})
    assert opened.vectors() == vectors_of(*there), home
    if is_removed and not pending:
        assert files_with(home, vector_of(3)) == [], home
        assert "sound" in opened.check(), home
    opened.keeper().purge()
    # Before it is closed: that alone empties the log.
    for trace in (vector_of(3), *([b"P3-3.png"] if opened.database.is_sqlite else [])):
        assert bool(files_with(home, trace)) != is_removed, home
    opened.add(20)
    opened.keeper().follow()
    assert opened.vectors() == vectors_of(*there, 20), home
    assert opened.state().damage is None, home
    assert "sound" in opened.check(), home
    opened.close()
    return is_removed and not pending
