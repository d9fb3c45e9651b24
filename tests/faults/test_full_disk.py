"""From some change on the disk takes nothing more: the command says so, the gallery is as before or
as after, and with room again the same command ends well."""

from __future__ import annotations

import errno
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faults.content import Content, content_of
from tests.faults.operations import OPERATIONS, Bench, Operation, at

pytestmark = pytest.mark.usefixtures("_models_of_the_bench")

AGAIN = ("added_at", "sequence", "run_id")
"""Columns that are others when the same is done again."""
EACH = 4
REMOVE = next(one for one in OPERATIONS if one.name == "remove")


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_at_every_fourth_change(
    operation: Operation, bench: Bench, tmp_path: Path, record_property
) -> None:
    both = (errno.ENOSPC, errno.EIO)
    failures = [(first, kind) for first in range(1, 2000, EACH) for kind in both]
    counts = check_full(bench, operation, tmp_path, failures)
    record_property("counted", f"{operation.name}: {dict(counts)}")


def test_at_two_changes_of_a_removal(bench: Bench, tmp_path: Path) -> None:
    """In the transaction that removes, and in the cleaning after it."""
    failures = [(14, errno.ENOSPC), (140, errno.EIO)]
    counts = check_full(bench, REMOVE, tmp_path, failures)
    assert counts == {"exit 1, before": 1, "exit 1, after": 1}


def check_full(
    bench: Bench, operation: Operation, place: Path, failures: Sequence[tuple[int, int]]
) -> Counter[str]:
    """Fail from the changes of those numbers on, by those errors, as far as there are so many."""
    before, live = place / "before", place / "live"
    before.mkdir()
    operation.before(bench, before / "home")
    shutil.copytree(before, live)
    words = at(live / "home", operation.words(bench))
    whole = bench.server.fail(live, words, first=10**9, errno=errno.EIO)
    assert whole.code == 0, whole.told

    def held(folder: Path) -> Content:
        return content_of(folder / "home", without=AGAIN)

    was, wanted = held(before), held(live)
    counts: Counter[str] = Counter()
    for first, kind in failures:
        if first > whole.counted:
            break
        shutil.rmtree(live)
        shutil.copytree(before, live)
        half = kind == errno.ENOSPC and first % 2 == 0
        ended = bench.server.fail(live, words, first=first, errno=kind, half=half)
        about = f"{operation.name}, {errno.errorcode[kind]} at {first}: {ended}"
        found = held(live)
        assert found in (was, wanted), about
        is_done = found == wanted and was != wanted
        assert ended.code in (0, 1, 3), about
        assert "Traceback" not in ended.told, about
        assert ended.code or found == wanted, about
        assert not ended.code or len(ended.told.strip().splitlines()) > 1, f"no hint: {about}"
        again = bench.server.fail(live, words, first=0, errno=0)
        # Nobody is there any more who could be removed.
        assert again.code == (operation.gone is not None and is_done), f"{about}, then {again}"
        assert held(live) == wanted, about
        verify = at(live / "home", ("index", "verify"))
        verified = bench.server.fail(live, verify, first=0, errno=0)
        assert verified.code == 0, f"{about}, then {verified.told}"
        counts[f"exit {ended.code}, {'after' if found == wanted else 'before'}"] += 1
    return counts
