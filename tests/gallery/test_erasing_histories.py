"""Random histories of a gallery, in which patients are erased while others come, change and go."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gestalt_space.errors import ErasureUnfinished
from gestalt_space.gallery import sealing
from gestalt_space.gallery.approximating import build_approximate
from gestalt_space.index.approximating import ApproximateOptions
from gestalt_space.store import audit
from gestalt_space.store.writes import NewPhoto
from tests.gallery.erasing import Home, left_of, photo


class Wide(Home):
    """With descriptors of 64 numbers, whose codes are looked for as well."""

    dim = 64


def run_history(
    folder: Path, seed: int, *, photos: int, erasures: int, every: int
) -> dict[str, float]:
    """A history in which so many patients are erased, all checked by plain search at the end; some
    while another process would read. Returns figures."""
    chance = random.Random(seed)
    home = Wide(folder / "home", busy_timeout=0.05)
    there: dict[str, list[NewPhoto]] = {}
    gone: dict[str, list[NewPhoto]] = {}
    figures = {"bytes": 0.0, "hits": 0.0, "compacted": 0.0, "held": 0.0, "seconds": 0.0}
    count = 0

    def add(number: int) -> None:
        nonlocal count
        new = []
        for _ in range(number):
            count += 1
            old = chance.choice(list(there)) if there and chance.random() < 0.3 else None
            name = old or f"PAT-{chance.randrange(10**8):08}-{count}"
            new.append(photo(name, 1000 * seed + count, crop=chance.random() < 0.3, dim=64))
            there.setdefault(name, []).append(new[-1])
        home.put(*new)

    add(photos // 2)
    home.keeper().follow()
    for turn in range(erasures):
        add(max(1, photos // 2 // erasures))
        if chance.random() < 0.5:
            home.keeper().follow()
        name = chance.choice(list(there))
        old = there[name][0]
        home.put(replace(photo(name, 7, dim=64, moved=9.0 + turn), sha256=old.sha256), update=True)
        removed = chance.choice(list(there))
        if removed != name:
            home.gallery().remove(patients=[removed])
            gone[removed] = there.pop(removed)
        if turn % 4 == 1:
            home.keeper().follow()
            options = ApproximateOptions("ivf", 2, 2)
            build_approximate(home.state(), home.sealer(), options, seed=1, progress=None)
        erased_name = chance.choice(list(there))
        gone[erased_name] = there.pop(erased_name)
        receipt = f"receipt-{turn}.json"
        started = time.monotonic()
        if turn % every == every - 1:
            with home.database.reading() as session:
                audit.head(session)
                with pytest.raises(ErasureUnfinished):
                    home.erase(erased_name, receipt=receipt)
            (erased,) = home.gallery().resume_erasures()
            figures["held"] += 1
        else:
            erased = home.erase(erased_name, receipt=receipt)
        figures["seconds"] += time.monotonic() - started
        figures["bytes"] += erased.searched.bytes
        figures["hits"] += erased.searched.hits
        figures["compacted"] += erased.compacted
        assert left_of(home.home, erased_name, *gone[erased_name]) == [], turn
    assert "no problem found" in home.check()
    assert home.state().photos == sum(map(len, there.values()))
    home.close()
    return figures


pytestmark = pytest.mark.sqlite_only("a reader keeps its log")


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def test_a_short_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "SEALED_FROM", 8)
    figures = run_history(tmp_path, 1, photos=40, erasures=2, every=2)
    assert (figures["hits"], figures["held"]) == (0, 1)


@pytest.mark.slow
def test_a_long_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "SEALED_FROM", 64)
    figures = run_history(tmp_path, 2, photos=2000, erasures=50, every=5)
    print(figures)  # noqa: T201 - the figures of the docs
    assert (figures["hits"], figures["held"]) == (0, 10)
