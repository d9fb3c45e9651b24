"""Whatever change of a file is the last one: the gallery is as before the operation or as after it,
and goes on."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from gestalt_space.errors import GestaltError
from gestalt_space.weights.store import ModelStore
from tests.faults.checks import Left, Recorded, at_the_end, check_left, crashes, record, states
from tests.faults.operations import OPERATIONS, Bench, Operation
from tests.faults.replay import Replayed, build

pytestmark = pytest.mark.usefixtures("_models_of_the_bench")

EACH = 5
"""Of the crashes amid plain writes the next write is tried after one in so many."""
SAMPLED = 5
REMOVE = next(one for one in OPERATIONS if one.name == "remove")


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_at_every_change(
    operation: Operation, bench: Bench, tmp_path: Path, record_property
) -> None:
    recorded = record(bench, operation, tmp_path)
    counts = _check_all(bench, recorded, list(crashes(recorded)))
    assert check_left(bench, recorded, at_the_end(recorded))
    record_property("counted", f"{operation.name}: {len(recorded.changes)} changes, {dict(counts)}")


def test_at_some_changes_of_a_removal_and_at_its_end(bench: Bench, tmp_path: Path) -> None:
    """Another process had sealed; the removal is committed first, and cleaned away after that."""
    recorded = record(bench, REMOVE, tmp_path)
    left = list(crashes(recorded))
    counts = _check_all(bench, recorded, random.Random(3).sample(left, SAMPLED))
    assert 0 < counts["done"] < SAMPLED
    assert check_left(bench, recorded, at_the_end(recorded)), "what was promised is on the disk"


def test_a_model_is_installed_wholly_or_not_at_all(bench: Bench, tmp_path: Path) -> None:
    """At every change, however it crashes."""
    (tmp_path / "home").mkdir()
    replayed = Replayed(tmp_path / "home")
    words = ("models", "add", bench.folder / "tiny.onnx", "--license", "made by the tests")
    with_models = {"GESTALT_MODELS": str(tmp_path / "home" / "models")}
    ended, changes = bench.server.record(
        tmp_path / "home", tmp_path / "log", words, environment=with_models
    )
    assert ended.code == 0, ended.told
    seen: list[bool] = []
    for number, left in enumerate(states(replayed, changes)):
        build(left.tree, tmp_path / str(number))
        store = ModelStore(tmp_path / str(number) / "models", builtin=None)
        seen.append(_is_installed(store))
        assert store.damaged() == []
        if not seen[-1]:
            store.add(bench.folder / "tiny.onnx", license_name="made by the tests")
            store.verify("tiny")
    assert seen[0] is False
    assert seen[-1] is True
    assert len(seen) > 8, "else the changes were not seen"


def _is_installed(store: ModelStore) -> bool:
    if not store.sound_models():
        return False
    try:
        store.verify("tiny")
    except GestaltError as error:
        pytest.fail(f"half a model: {error}")
    return True


def _check_all(bench: Bench, recorded: Recorded, left: list[Left]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for turn, one in enumerate(left):
        next_too = not one.plain or turn % EACH == 0
        try:
            done = check_left(bench, recorded, one.tree, turn, next_too=next_too)
        except BaseException as error:
            error.add_note(f"{one} of {len(recorded.changes)}")
            raise
        counts[one.crash] += 1
        counts["next"] += next_too
        counts["done"] += done
    return counts
