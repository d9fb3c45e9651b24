from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from gestalt_space.index.generation import (
    delete_others,
    load_generation,
    newest_first,
    save_generation,
)

from gestalt_space.errors import IndexDamaged
from gestalt_space.index import generation
from gestalt_space.index.contract import VectorIndex
from gestalt_space.types import Descriptors, Ids
from tests import made
from tests.index.conftest import Make

SPACE = "ab" * 32
OTHER_SPACE = "cd" * 32
DIM = 8


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def index(make: Make) -> VectorIndex:
    return filled(make, 20)


def filled(make: Make, count: int) -> VectorIndex:
    index = make(DIM)
    index.add(100 + np.arange(count)[::-1], made.unit(np.random.default_rng(count), count, DIM))
    return index


def save(folder: Path, index: VectorIndex, sequence: int = 5, space: str = SPACE) -> Path:
    path, _ = save_generation(folder, index, space=space, sequence=sequence)
    delete_others(folder, space, keep=path)
    return path


def load(
    path: Path, *, verify: bool = False, space: str = SPACE, digest: str | None = None
) -> tuple[generation.Manifest, Ids, Descriptors]:
    return load_generation(path, space=space, digest=digest, verify=verify)


def part(manifest: Path, name: str) -> Path:
    return manifest.with_name(f"{manifest.stem}.{name}.npy")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def flip(path: Path, *, keep_time: bool) -> None:
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    later = status.st_mtime_ns + (0 if keep_time else 10**9)
    os.utime(path, ns=(status.st_atime_ns, later))


def test_an_index_is_read_back_as_it_was_written(folder: Path, index: VectorIndex):
    path = save(folder, index)
    manifest, ids, descriptors = load(path)
    assert (manifest.space, manifest.sequence) == (SPACE, 5)
    assert (manifest.count, manifest.dim, manifest.format) == (20, DIM, 1)
    assert np.array_equal(ids, index.ids)
    assert np.array_equal(descriptors, index.descriptors)
    assert (ids.dtype, descriptors.dtype) == (np.int64, np.float32)


def test_what_was_read_fills_another_index(folder: Path, index: VectorIndex, make: Make):
    _, ids, descriptors = load(save(folder, index))
    again = make(DIM)
    again.add(ids, descriptors)
    probes = made.unit(np.random.default_rng(1), 3, DIM)
    assert np.array_equal(again.search(probes, 5)[0], index.search(probes, 5)[0])


def test_an_empty_index_is_read_back(folder: Path, make: Make):
    manifest, ids, descriptors = load(save(folder, make(DIM), sequence=0), verify=True)
    assert manifest.count == 0
    assert (ids.shape, descriptors.shape) == ((0,), (0, DIM))


def test_a_generation_is_three_files_and_nothing_else(folder: Path, index: VectorIndex):
    path = save(folder, index)
    assert names(folder) == sorted(
        [path.name, part(path, "ids").name, part(path, "descriptors").name]
    )


def test_no_file_of_a_generation_is_a_pickle(folder: Path, index: VectorIndex):
    path = save(folder, index)
    json.loads(path.read_text(encoding="utf-8"))
    for name in ("ids", "descriptors"):
        assert len(np.load(part(path, name), allow_pickle=False)) == 20


def test_older_generations_are_deleted_and_other_spaces_are_kept(folder: Path, make: Make):
    other = save(folder, filled(make, 3), 1, OTHER_SPACE)
    for sequence in (5, 6, 30):
        newest = save(folder, filled(make, sequence), sequence)
    assert newest_first(folder, SPACE) == [newest]
    assert newest_first(folder, OTHER_SPACE) == [other]
    assert len(names(folder)) == 6
    assert load(newest)[0].count == 30


def test_an_index_may_be_saved_again_at_the_same_sequence(folder: Path, make: Make):
    first = save(folder, filled(make, 5), 7)
    second = save(folder, filled(make, 6), 7)
    assert first == second
    assert load(second, verify=True)[0].count == 6
    assert len(names(folder)) == 3


def test_the_highest_sequence_comes_first(folder: Path, make: Make):
    folder.mkdir()
    stems = [f"{SPACE[:16]}-{sequence:012d}" for sequence in (9, 10, 200)]
    for stem in stems:
        (folder / f"{stem}.json").write_text("{}")
    assert [path.stem for path in newest_first(folder, SPACE)] == stems[::-1]


def test_a_folder_that_is_not_there_holds_no_generation(folder: Path):
    assert newest_first(folder, SPACE) == []


@pytest.mark.parametrize("name", ["ids", "descriptors"])
@pytest.mark.parametrize("size", [0, 10, 130, -1])
def test_a_truncated_file_is_noticed(name: str, size: int, folder: Path, index: VectorIndex):
    path = save(folder, index)
    data = part(path, name).read_bytes()
    part(path, name).write_bytes(data[:size])
    with pytest.raises(IndexDamaged) as caught:
        load(path)
    assert "gestalt index rebuild" in caught.value.hint


@pytest.mark.parametrize("name", ["ids", "descriptors"])
def test_a_file_that_grew_is_noticed(name: str, folder: Path, index: VectorIndex):
    path = save(folder, index)
    with part(path, name).open("ab") as stream:
        stream.write(b"\0")
    with pytest.raises(IndexDamaged):
        load(path)


@pytest.mark.parametrize("name", ["ids", "descriptors"])
@pytest.mark.parametrize("verify", [False, True])
def test_a_flipped_byte_is_noticed_when_the_file_was_touched(
    verify: bool, name: str, folder: Path, index: VectorIndex
):
    path = save(folder, index)
    flip(part(path, name), keep_time=False)
    with pytest.raises(IndexDamaged, match="not what was written"):
        load(path, verify=verify)


@pytest.mark.parametrize("name", ["ids", "descriptors"])
def test_a_flipped_byte_of_an_untouched_file_is_noticed_by_verifying(
    name: str, folder: Path, index: VectorIndex
):
    path = save(folder, index)
    flip(part(path, name), keep_time=True)
    with pytest.raises(IndexDamaged, match="not what was written"):
        load(path, verify=True)


def test_a_generation_that_was_copied_elsewhere_is_sound(
    folder: Path, index: VectorIndex, tmp_path: Path
):
    path = save(folder, index)
    copied = tmp_path / "restored"
    copied.mkdir()
    for file in folder.iterdir():
        (copied / file.name).write_bytes(file.read_bytes())
        os.utime(copied / file.name, (1, 1))
    manifest, ids, _ = load(copied / path.name)
    assert (manifest.sequence, len(ids)) == (5, 20)


@pytest.mark.parametrize("name", ["ids", "descriptors"])
def test_a_missing_array_is_noticed(name: str, folder: Path, index: VectorIndex):
    path = save(folder, index)
    part(path, name).unlink()
    with pytest.raises(IndexDamaged):
        load(path)


def test_a_missing_manifest_is_noticed(folder: Path, index: VectorIndex):
    path = save(folder, index)
    path.unlink()
    assert newest_first(folder, SPACE) == []
    with pytest.raises(IndexDamaged):
        load(path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "3", "{}", '"text"', '{"format": 1}', "\udcff\udcfe"]
)
def test_a_manifest_that_cannot_be_read_is_noticed(text: str, folder: Path, index: VectorIndex):
    path = save(folder, index)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(IndexDamaged):
        load(path)


@pytest.mark.parametrize(
    "change",
    [
        {"count": 19},
        {"count": "20"},
        {"dim": 7},
        {"format": 2},
        {"space": OTHER_SPACE},
        {"bytes": {}},
        {"bytes": None},
        {"sha256": {}},
        {"modified_ns": {}},
        {"surplus": 1},
    ],
    ids=str,
)
def test_a_manifest_that_does_not_fit_is_noticed(
    change: dict[str, object], folder: Path, index: VectorIndex
):
    path = save(folder, index)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(IndexDamaged):
        load(path, verify=True)


def test_a_generation_of_another_space_or_digest_is_refused(folder: Path, index: VectorIndex):
    path = save(folder, index)
    with pytest.raises(IndexDamaged):
        load(path, space=OTHER_SPACE)
    with pytest.raises(IndexDamaged):
        load(path, digest="0" * 64)


class Crash(Exception):
    """Stands for a machine that stops."""


def crash_at(monkeypatch: pytest.MonkeyPatch, call: str, number: int) -> None:
    """Let the call of that number from now, of a method of `Path` or a function of `os`, crash."""
    owner = os if call == "fsync" else Path
    real = getattr(owner, call)
    calls = iter(range(1000))

    def crash(*arguments: object, **options: object) -> object:
        if next(calls) == number:
            raise Crash
        return real(*arguments, **options)

    monkeypatch.setattr(owner, call, crash)


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_crash_between_writes_leaves_the_older_generation_in_force(
    call: str, number: int, folder: Path, make: Make, monkeypatch: pytest.MonkeyPatch
):
    older = save(folder, filled(make, 5), 5)
    with monkeypatch.context() as patch:
        crash_at(patch, call, number)
        with pytest.raises(Crash):
            save(folder, filled(make, 6), 6)
    assert newest_first(folder, SPACE) == [older]
    assert load(older, verify=True)[0].count == 5
    newer = save(folder, filled(make, 6), 6)
    assert newest_first(folder, SPACE) == [newer]
    assert load(newer, verify=True)[0].count == 6
    assert len(names(folder)) == 3


def test_until_the_older_one_is_deleted_the_newer_comes_first(folder: Path, make: Make):
    for count in (5, 6):
        save_generation(folder, filled(make, count), space=SPACE, sequence=count)
    assert [load(path)[0].count for path in newest_first(folder, SPACE)] == [6, 5]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_crash_while_the_same_sequence_is_saved_again_never_mixes_the_two(
    number: int, folder: Path, make: Make, monkeypatch: pytest.MonkeyPatch
):
    path = save(folder, filled(make, 5), 5)
    with monkeypatch.context() as patch:
        crash_at(patch, "replace", number)
        with pytest.raises(Crash):
            save(folder, filled(make, 6), 5)
    if number == 0:
        assert load(path)[0].count == 5
    else:
        with pytest.raises(IndexDamaged):
            load(path)


def test_what_a_crash_left_behind_goes_with_the_next_generation(
    folder: Path, make: Make, monkeypatch: pytest.MonkeyPatch
):
    save(folder, filled(make, 5), 5)
    with monkeypatch.context() as patch:
        crash_at(patch, "replace", 2)
        with pytest.raises(Crash):
            save(folder, filled(make, 6), 6)
    newest = save(folder, filled(make, 7), 7)
    assert {name.split(".")[0] for name in names(folder)} == {newest.stem}


def test_a_save_deletes_the_manifest_of_the_older_generation_first(
    folder: Path, make: Make, monkeypatch: pytest.MonkeyPatch
):
    save(folder, filled(make, 5), 5)
    gone: list[str] = []
    real = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path.exists():
            gone.append(path.suffix)
        real(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    save(folder, filled(make, 6), 6)
    assert gone == [".json", ".npy", ".npy"]


def test_what_a_crash_left_unfinished_goes_once_it_is_old(folder: Path, index: VectorIndex):
    folder.mkdir(exist_ok=True)
    old, young = (folder / f".{SPACE[:16]}-000000000001.ids.npy.{pid}" for pid in (1, 2))
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    save(folder, index)
    assert not old.exists()
    assert young.exists()


def test_a_reader_keeps_what_it_has_mapped_when_the_generation_is_deleted(
    folder: Path, index: VectorIndex
):
    _, ids, descriptors = load(save(folder, index, 5))
    save(folder, index, 6)
    assert np.array_equal(ids, index.ids)
    assert np.array_equal(descriptors, index.descriptors)
