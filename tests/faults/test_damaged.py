"""Every file of a home is cut short, and its bytes are flipped: the gallery answers rightly, mends
itself, or says what is wrong and what to do; what `verify` calls sound is right."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.faults.operations import Bench, add_words
from tests.galleries import add, open_gallery, row

pytestmark = pytest.mark.usefixtures("_models_of_the_bench")

HASHED = 2**20
SAMPLED = 6
DATA = (".vectors.npy", ".codes.faiss", ".means.npy")
"""What removals overwrite: only `verify` looks at all of it."""
DATABASE = ("gallery.sqlite3", "gallery.sqlite3-wal")


@pytest.fixture(scope="module")
def home(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a file of every kind, copied while the gallery is open, so that the write-ahead
    log has something."""
    place = tmp_path_factory.mktemp("damaged")
    bench.run(place / "home", *add_words(bench.eight))
    bench.run(place / "home", *add_words(bench.more))
    for kind in ("ivf", "hnsw"):
        bench.run(place / "home", "index", "approximate", "--kind", kind, "--quiet")
    os.environ["GESTALT_MODELS"] = str(bench.models.folder)
    try:
        with open_gallery(place / "home") as gallery:
            add(gallery, row(bench.one.with_name("face-14.png"), "P14", "D2"))
            shutil.copytree(place / "home", place / "copy")
    finally:
        del os.environ["GESTALT_MODELS"]
    return place / "copy"


def test_some_bytes_of_some_files(home: Path, tmp_path: Path) -> None:
    plan = plan_of(home, head=1, rest=1, cuts=1)
    check_damaged(home, tmp_path, random.Random(2).sample(plan, SAMPLED))


@pytest.mark.slow
def test_many_bytes_of_every_file(home: Path, tmp_path: Path, record_property) -> None:
    """Of headers every second one."""
    counts = check_damaged(home, tmp_path, plan_of(home, head=128, rest=60, cuts=5))
    record_property("counted", f"{counts}")


def plan_of(home: Path, *, head: int, rest: int, cuts: int) -> list[dict[str, Any]]:
    """What is to be done to each file: so many bytes of the first 256, and of the others, are
    flipped, and so many lengths are tried. Of keys also as if the file were too large to be hashed
    when it is opened."""
    rng = random.Random(5)
    plan: list[dict[str, Any]] = []
    for path in sorted(home.rglob("*")):
        name, size = path.relative_to(home).as_posix(), path.stat().st_size
        if path.is_dir() or name.endswith("-shm") or not size:
            continue
        lengths = [length for length in (size // 2, 0, size - 1, 1, size + 1) if length != size]
        places = rng.sample(range(min(size, 256)), min(size, head, 256))
        places += rng.sample(range(256, size), min(max(0, size - 256), rest))
        wrong = [{"cut": length} for length in lengths[:cuts]]
        wrong += [{"flip": at, "bits": rng.choice((1, 0x40, 0x80, 0xFF))} for at in places]
        is_array = name.endswith(".npy") and not name.endswith(DATA)
        indexes = ["exact", "ivf", "hnsw"] if name.endswith(".faiss") else ["exact"]
        for hashed in (HASHED, 0) if is_array else (HASHED,):
            plan += [{"file": name, "hashed": hashed, "indexes": indexes, **one} for one in wrong]
    return plan


def check_damaged(home: Path, place: Path, plan: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Do all of a plan, each to a home of its own; how often each kind of file was changed."""
    sound = {"file": "index/lock", "cut": 0, "hashed": HASHED, "indexes": ["exact", "ivf", "hnsw"]}
    (_, right), *found = examined(home, place, [sound, *plan])
    assert right["wild"] == []
    assert len(found) == len(plan)
    for wrong, told in found:
        _check(wrong, told, right)
    return Counter(wrong["file"].rpartition("-")[2].partition(".")[2] for wrong, _ in found)


def _check(wrong: dict[str, Any], told: dict[str, Any], right: dict[str, Any]) -> None:
    about = f"{wrong}: {told}"
    assert told["wild"] == [], about
    if wrong["file"] in DATABASE:
        return
    is_large = wrong["file"].endswith(DATA) or not wrong["hashed"]
    for index in wrong["indexes"]:
        is_error = isinstance(told[index], str)
        assert told[index] == right[index] or is_error or is_large, about
    in_index = wrong["file"].startswith("index/") and "-" in wrong["file"]
    if in_index:
        assert told["verified"] == "IndexDamaged", about
    if not is_large:
        assert "no problem found" in str(told["sound"]), about
    if in_index and "repairs" in told and not is_large and "approximate" not in str(told):
        names = [one for one in told["repairs"] if "rebuilt from the database" in one]
        assert bool(names) != wrong["file"].endswith((".ivf.faiss", ".hnsw.faiss")), about


def examined(
    home: Path, place: Path, plan: Sequence[dict[str, Any]]
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """What each home of a plan gives, in a process that none of them may end."""
    file, out = place / "plan", place / "out"
    file.write_text("\n".join(map(json.dumps, plan)))
    ended = subprocess.run(
        [sys.executable, "-m", "tests.faults.damage", home, file, out],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert ended.returncode == 0, f"{ended.returncode} at {lines[-1:]}: {ended.stderr}"
    for line in lines:
        if "ended" in line:
            yield line["ended"], line["found"]
