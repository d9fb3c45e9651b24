"""Whatever change of a file is the last one: the gallery is as before the operation or as after it,
and goes on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.faults.checks import at_the_end, check_left, crashes, record
from tests.faults.operations import OPERATIONS, Bench, Operation

EACH = 5
"""Of the crashes amid plain writes the next write is tried after one in so many."""


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_at_every_change(
    operation: Operation, bench: Bench, tmp_path: Path, record_property
) -> None:
    recorded = record(bench, operation, tmp_path)
    counts: Counter[str] = Counter()
    for turn, left in enumerate(crashes(recorded)):
        try:
            done = check_left(
                bench, recorded, left.tree, turn, next_too=not left.plain or turn % EACH == 0
            )
        except BaseException as error:
            error.add_note(f"{left} of {len(recorded.changes)}")
            raise
        counts[left.crash] += 1
        counts["done"] += done
    assert check_left(bench, recorded, at_the_end(recorded))
    record_property("counted", f"{operation.name}: {len(recorded.changes)} changes, {dict(counts)}")
