"""Partial results on disk."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.gallery.calibration.array_cache import ArrayCache, forget

KINDS = {"keys": np.uint64, "best": np.float32}


def put(folder: Path, name: str = "some") -> ArrayCache:
    kept = ArrayCache(folder)
    kept.put(name, keys=np.arange(3, dtype=np.uint64), best=np.zeros(3, np.float32))
    return kept


def test_what_was_put_is_found_and_is_its_owners_alone(tmp_path: Path) -> None:
    kept = put(tmp_path / "a" / "b")
    found = kept.get("some", **KINDS)
    assert found is not None
    assert found["keys"].tolist() == [0, 1, 2]
    assert kept.get("other", **KINDS) is None
    (path,) = (tmp_path / "a" / "b").iterdir()
    if os.name == "posix":
        assert path.stat().st_mode & 0o077 == 0
        assert (tmp_path / "a").stat().st_mode & 0o077 == 0


def test_arrays_of_another_kind_are_not_taken(tmp_path: Path) -> None:
    kept = ArrayCache(tmp_path)
    kept.put("some", keys=np.arange(3), best=np.zeros(3, np.float32))
    assert kept.get("some", **KINDS) is None
    kept.put("some", keys=np.zeros((3, 1), np.uint64), best=np.zeros(3, np.float32))
    assert kept.get("some", **KINDS) is None


def test_others_are_deleted_and_all_are_forgotten(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    kept = put(folder)
    put(folder, "more")
    (folder / ".half").write_bytes(b"written by a process that was killed")
    kept.keep_only({"more"})
    assert [path.name for path in folder.iterdir()] == ["more.npz"]
    forget(folder)
    assert not folder.exists()
    forget(folder)


def test_without_a_folder_nothing_is_kept() -> None:
    kept = ArrayCache()
    kept.put("some", keys=np.zeros(1, np.uint64))
    assert kept.get("some", **KINDS) is None
    kept.keep_only(())


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the folder's place")
    kept = put(tmp_path / "file")
    assert kept.get("some", **KINDS) is None
    kept.keep_only(())


@pytest.mark.skipif(os.name != "posix", reason="rights")
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write all")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert put(tmp_path / "kept").get("some", **KINDS) is None
