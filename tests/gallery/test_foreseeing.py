"""A preview of rows says what adding them does."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from gestalt_space.gallery.foreseeing import foresee
from gestalt_space.gallery.intake import Intake
from gestalt_space.home import Gallery
from gestalt_space.types import PhotoRecord
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import add, make_home, open_gallery, row

BECOMES = {"patient": "added", "photo": "added", "already": "already", "failed": "failed"}


@pytest.fixture
def gallery(tmp_path: Path, tiny_store: ModelStore) -> Iterator[Gallery]:
    """P0, a boy with the disorder A, and P1, whose consent is withdrawn."""
    with open_gallery(make_home(tmp_path / "home", tiny_store)) as opened:
        one, two = (made.photo_file(tmp_path / f"{seed}.png", seed) for seed in range(2))
        add(opened, row(one, "P0", "A", sex="male", age=4.0, hpo=("HP:0000316",)), row(two, "P1"))
        opened.set_facts(PhotoRecord("-", "P1", consent="withdrawn"))
        yield opened


def rows_of(folder: Path) -> list[Intake]:
    old = [folder / "0.png", folder / "1.png"]
    new = [made.photo_file(folder / f"new{seed}.png", 10 + seed) for seed in range(9)]
    return [
        row(old[0], "P0"),
        row(old[0], "P0", age=5.0),
        row(old[0], "P0", genes=("NIPBL",)),
        row(old[1], "P1", site="here"),
        row(new[0], "P0", "B"),
        row(new[1], "P0", "A", "B"),
        row(new[2], "P0", sex="female"),
        row(new[3], "P0", hpo_absent=("HP:0000316",)),
        row(new[4], "P1"),
        row(new[5], "N0", "A"),
        row(new[5], "N0"),
        row(new[5], "N0", age=3.0),
        row(new[5], "N2"),
        row(old[0], "N2"),
        row(new[6], "N1", sex="male"),
        row(new[7], "N1", sex="female"),
        row(new[8], ""),
        row(new[8], "p0"),
    ]


def test_what_is_foreseen_is_what_becomes_of_each_row(gallery: Gallery, tmp_path: Path) -> None:
    rows = rows_of(tmp_path)
    hashes = [sha256(one.path.read_bytes()).hexdigest() for one in rows]
    before = gallery.patients()
    found = foresee(gallery.database, rows, hashes)
    assert gallery.patients() == before
    done = add(gallery, *rows)
    assert [BECOMES[one.outcome] for one in found] == [one.status for one in done]
    errors = [None if one.error is None else str(one.error) for one in found]
    assert errors == [None if one.error is None else str(one.error) for one in done]
    for one, become in zip(found, done, strict=True):
        assert one.notes == become.notes
        if one.outcome == "already":
            assert one.changes == tuple(each.removeprefix("added ") for each in become.changes)
    assert [one.outcome for one in found].count("patient") == 2
    assert found[5].changes == ("disorder B",)


def test_without_hashes_every_photo_is_taken_for_a_new_one(
    gallery: Gallery, tmp_path: Path
) -> None:
    (found,) = foresee(gallery.database, [row(tmp_path / "0.png", "P0")], [None])
    assert (found.outcome, found.error) == ("photo", None)
