"""Tables of fixations on aligned faces, and the maps of a model that belong to photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import UsageError
from gestalt_space.gaze.look_tables import read_looks, read_maps


def save(folder: Path, name: str, row: int) -> None:
    values = np.zeros((112, 112))
    values[row, 0] = 1
    np.save(folder / name, values)


def rows_of(folder: Path, *photos: str) -> list[int]:
    maps = read_maps(folder, photos)
    return [int(maps[photo].values.argmax()) // 112 for photo in photos]


@pytest.mark.parametrize(
    ("files", "photos"),
    [
        (["p.01.npy", "p.02.npy"], ["p.01.jpg", "p.02.jpg"]),
        (["p.01.npy", "p.02.npy"], ["p.01", "p.02"]),
        (["a.jpg.npy", "a.png.npy"], ["a.jpg", "a.png"]),
        (["Zoe\N{COMBINING DIAERESIS}.npy", "a b.npy"], ["zo\u00eb.JPG", "A B.jpg"]),
        (["a.npy", "b.npy"], ["C:\\study\\a.jpg", "study/b.jpg"]),
    ],
)
def test_each_photo_has_the_map_of_its_name(
    files: list[str], photos: list[str], tmp_path: Path
) -> None:
    save(tmp_path, "p.npy", 9)
    for row, name in enumerate(files):
        save(tmp_path, name, row)
    assert rows_of(tmp_path, *photos) == [0, 1]


def test_two_photos_do_not_share_a_map(tmp_path: Path) -> None:
    save(tmp_path, "a.npy", 1)
    with pytest.raises(UsageError, match=r"could be the map of a\.jpg and of a\.png"):
        read_maps(tmp_path, ["a.jpg", "a.png"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.npy", b""),
        ("a.npy", b"PK"),
        ("a.json", b"[]"),
        ("a.json", b'{"line": {"cells": []}}'),
        ("a.json", b"[" * 100_000),
        ("a.json", b'{"line": {"cells": [[1, 2], [3]]}}'),
    ],
)
def test_what_is_no_map_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match="is no map"):
        read_maps(tmp_path, ["a.jpg"])


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_maps(tmp_path / "none", ["a.jpg"])


@pytest.mark.parametrize(
    ("row", "said"),
    [(",a.jpg,5,5", "the reader or the photo is missing"), ("r,a.jpg,-1,5", "none of the 1 fix")],
)
def test_fixations_that_cannot_be_compared_are_refused(row: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "fixations.csv"
    path.write_text(f"reader,photo,aligned_x,aligned_y\n{row}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        read_looks(path)
