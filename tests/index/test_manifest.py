from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import IndexDamaged
from gestalt_space.index.changing import scrub
from gestalt_space.index.manifest import (
    Manifest,
    delete_unnamed,
    load_manifest,
    open_arrays,
    save_manifest,
    unnamed_files,
    write_arrays,
)
from gestalt_space.index.means import write_means
from tests.index.rows import SPACE, memory, written

OTHER_SPACE = "cd" * 32
PEOPLE = {"patient": np.arange(5), "none": np.zeros(0, np.int64), "starts": np.array([-7, 2**62])}


@pytest.fixture
def manifest(tmp_path: Path, rng: np.random.Generator) -> Manifest:
    segments = tuple(written(tmp_path, memory(rng, count, 8)) for count in (3, 4))
    people = (write_arrays(tmp_path, SPACE, PEOPLE),)
    means = write_means(tmp_path, SPACE, 8, 2, [(np.array([3, 5]), np.eye(2, 8))])
    return Manifest(SPACE, 8, 12, segments, people, (means,))


def only_manifest(folder: Path) -> Path:
    (path,) = folder.glob("*.json")
    return path


def test_a_manifest_is_read_back_as_it_was_written(tmp_path: Path, manifest: Manifest):
    digest = save_manifest(tmp_path, manifest)
    path = only_manifest(tmp_path)
    assert path.name == f"{SPACE[:16]}-{digest[:24]}.json"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    read = load_manifest(tmp_path, SPACE, digest)
    assert read == manifest
    assert save_manifest(tmp_path, read) == digest
    assert (read.format, read.dim, read.sequence) == (2, 8, 12)


def test_a_manifest_of_nothing_is_read_back(tmp_path: Path):
    empty = Manifest(SPACE, 8, 0)
    assert load_manifest(tmp_path, SPACE, save_manifest(tmp_path, empty)) == empty


def test_arrays_are_read_back_by_their_names(tmp_path: Path, manifest: Manifest):
    arrays = open_arrays(tmp_path, manifest.people[0])
    assert list(arrays) == list(PEOPLE)
    for name, array in arrays.items():
        assert np.array_equal(array, PEOPLE[name])
        assert array.dtype == np.int64
        assert not array.flags.writeable


def test_no_arrays_are_read_back(tmp_path: Path):
    assert open_arrays(tmp_path, write_arrays(tmp_path, SPACE, {})) == {}


def test_arrays_that_do_not_fit_their_record_are_noticed(tmp_path: Path, manifest: Manifest):
    part = manifest.people[0]
    with pytest.raises(IndexDamaged):
        open_arrays(tmp_path, replace(part, sections=part.sections | {"none": 1}))
    path = tmp_path / part.file.name
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(IndexDamaged):
        open_arrays(tmp_path, part)


def test_another_manifest_is_not_believed(tmp_path: Path, manifest: Manifest):
    digest = save_manifest(tmp_path, manifest)
    path = only_manifest(tmp_path)
    with pytest.raises(IndexDamaged, match="cannot be read"):
        load_manifest(tmp_path, SPACE, "0" * 64)
    with pytest.raises(IndexDamaged, match="cannot be read"):
        load_manifest(tmp_path, OTHER_SPACE, digest)
    with pytest.raises(IndexDamaged, match="belongs to another gallery"):
        load_manifest(tmp_path, SPACE, digest[:24] + "0" * 40)
    path.write_bytes(path.read_bytes().replace(b'"sequence": 12', b'"sequence": 13'))
    with pytest.raises(IndexDamaged, match="belongs to another gallery") as caught:
        load_manifest(tmp_path, SPACE, digest)
    assert "gestalt index rebuild" in caught.value.hint
    path.unlink()
    with pytest.raises(IndexDamaged):
        load_manifest(tmp_path, SPACE, digest)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "3", "{}", '"text"', '{"format": 2}', "\udcff", "[" * 100_000],
    ids=lambda text: ascii(text[:20]),
)
def test_a_manifest_that_is_none_is_noticed(text: str, tmp_path: Path):
    data = text.encode("utf-8", "surrogateescape")
    digest = hashlib.sha256(data).hexdigest()
    (tmp_path / f"{SPACE[:16]}-{digest[:24]}.json").write_bytes(data)
    with pytest.raises(IndexDamaged):
        load_manifest(tmp_path, SPACE, digest)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 3},
        {"format": 1},
        {"space": OTHER_SPACE},
        {"surplus": 1},
        {"segments": None},
        {"segments": [{}]},
        {"people": [{"name": "x"}]},
        {"means": [{"name": "x"}]},
    ],
    ids=str,
)
def test_a_manifest_of_another_format_is_noticed(
    change: dict[str, object], tmp_path: Path, manifest: Manifest
):
    save_manifest(tmp_path, manifest)
    data = json.dumps(json.loads(only_manifest(tmp_path).read_bytes()) | change).encode()
    digest = hashlib.sha256(data).hexdigest()
    (tmp_path / f"{SPACE[:16]}-{digest[:24]}.json").write_bytes(data)
    with pytest.raises(IndexDamaged):
        load_manifest(tmp_path, SPACE, digest)


def test_what_no_manifest_names_is_deleted(tmp_path: Path, manifest: Manifest):
    save_manifest(tmp_path, manifest)
    kept = {path.name for path in tmp_path.iterdir()}
    other = save_manifest(tmp_path, Manifest(OTHER_SPACE, 8, 0))
    kept.add(f"{OTHER_SPACE[:16]}-{other[:24]}.json")
    save_manifest(tmp_path, replace(manifest, sequence=13))
    written(tmp_path, memory(np.random.default_rng(1), 2, 8))
    scrub(tmp_path, manifest.segments[0], np.array([1]))
    for half in (f".{SPACE[:16]}-x.vectors.npy.17", f"{SPACE[:16]}-nonsense"):
        (tmp_path / half).write_bytes(b"half")
    unnamed = {path.name for path in unnamed_files(tmp_path, SPACE, manifest)}
    assert len(unnamed) == 1 + 3 + 1 + 2
    assert unnamed | kept == {path.name for path in tmp_path.iterdir()}
    delete_unnamed(tmp_path, SPACE, manifest)
    assert {path.name for path in tmp_path.iterdir()} == kept
    assert unnamed_files(tmp_path, SPACE, manifest) == []


def test_without_a_manifest_all_of_the_space_is_deleted(tmp_path: Path, manifest: Manifest):
    save_manifest(tmp_path, manifest)
    save_manifest(tmp_path, Manifest(OTHER_SPACE, 8, 0))
    delete_unnamed(tmp_path, SPACE, None)
    assert len(list(tmp_path.iterdir())) == 1
    delete_unnamed(tmp_path / "nowhere", SPACE, None)


def test_a_file_that_the_system_keeps_is_passed_over(
    tmp_path: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
):
    stubborn = tmp_path / manifest.segments[0].vectors.name
    real = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path == stubborn:
            raise PermissionError
        real(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    delete_unnamed(tmp_path, SPACE, None)
    assert list(tmp_path.iterdir()) == [stubborn]


class Crash(Exception):
    """Stands for a machine that stops."""


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_crash_while_a_manifest_is_written_leaves_none(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def crash(*arguments: object, **options: object) -> None:
        raise Crash

    monkeypatch.setattr(os if call == "fsync" else Path, call, crash)
    with pytest.raises(Crash):
        save_manifest(tmp_path, Manifest(SPACE, 8, 0))
    assert list(tmp_path.iterdir()) == []
