"""A gallery in which something is damaged, or was left by a process that was stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from gestalt_space.errors import (
    DatabaseError,
    DescriptorError,
    IndexDamaged,
    NotInGallery,
    PatientConflict,
)
from gestalt_space.home import Gallery
from gestalt_space.store import tables as t
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import add, files_with, fill_once, make_home, open_gallery, row
from tests.prepared import Prepared


@pytest.fixture
def gallery(tmp_path: Path, tiny_store: ModelStore) -> Iterator[Gallery]:
    with open_gallery(make_home(tmp_path / "home", tiny_store)) as opened:
        yield opened


@pytest.fixture
def photo(tmp_path: Path) -> Callable[[int], Path]:
    return lambda seed: made.photo_file(tmp_path / f"{seed}.png", seed)


@pytest.fixture
def filled(
    tmp_path: Path, tiny_store: ModelStore, photo: Callable[[int], Path], prepared: Prepared
) -> Iterator[Gallery]:
    rows = [row(photo(n), f"P{n}", "A") for n in range(6)]
    home = make_home(tmp_path / "home", tiny_store)
    with open_gallery(fill_once(prepared, "damage", home, *rows)) as opened:
        yield opened


def damage(gallery: Gallery, table: type[t.Base], **values: object) -> None:
    """Change the first row of a table behind the gallery's back."""
    with gallery.database.writing() as session:
        key = sa.inspect(table).primary_key[0]
        first = session.scalar(sa.select(sa.func.min(key)))
        session.execute(sa.update(table).where(key == first).values(**values))


def test_a_damaged_vector_names_its_photo(filled: Gallery):
    damage(filled, t.Descriptor, vector=b"\0\1")
    with pytest.raises(DatabaseError, match=r"photo 0\.png \(patient P0\)"):
        filled.rebuild()
    with pytest.raises(DatabaseError, match="patient P0"):
        filled.check_index()


def test_a_damaged_vector_keeps_no_other_patient_from_being_removed_or_added(
    filled: Gallery, photo: Callable[[int], Path]
):
    damage(filled, t.Descriptor, vector=b"\0\1")
    assert filled.remove(patients=["P3"]).photos == 1
    assert [one.status for one in add(filled, row(photo(9), "P9", "A"))] == ["added"]
    assert filled.remove(patients=["P0"]).photos == 1
    assert len(filled.rebuild().indexes) == 1


def test_a_damaged_crop_is_the_failure_of_its_face_alone(filled: Gallery, tmp_path: Path):
    made.arcface_onnx(tmp_path / "other.onnx", seed=8)
    filled.models.add(tmp_path / "other.onnx", license_name="made by the tests")
    damage(filled, t.Crop, png=b"\0")
    with open_gallery(filled.settings.home, space="other") as other:
        results = other.fill().faces
    assert [type(result.error) for result in results] == [DescriptorError, *[type(None)] * 5]


def test_a_damaged_vector_leaves_no_index_that_has_what_was_removed(
    filled: Gallery, photo: Callable[[int], Path]
):
    """The index cannot be built from the database, and the one on disk is damaged, too."""
    needle = filled.snapshot().descriptors[3].tobytes()
    damage(filled, t.Descriptor, vector=b"\0\1")
    for path in filled.settings.index_dir.glob("*.json"):
        path.write_bytes(b"{}")
    with pytest.raises(DatabaseError, match="patient P0"):
        filled.remove(patients=["P3"])
    assert files_with(filled.settings.home, needle) == []
    (added,) = filled.add([row(photo(9), "P9", "A")]).photos
    assert added.status == "added"
    filled.remove(patients=["P0"])
    assert "no problem found" in filled.check_index()["tiny"]


def test_a_file_that_a_stopped_process_left_is_told_and_goes(filled: Gallery):
    (manifest,) = filled.settings.index_dir.glob("*.json")
    left = manifest.with_name(f"{manifest.name[:17]}0.vectors.npy")
    left.write_bytes(b"left")
    with pytest.raises(IndexDamaged, match=left.name):
        filled.check_index()
    filled.rebuild()
    assert not left.exists()
    assert "no problem found" in filled.check_index()["tiny"]


def test_a_photo_is_named_by_the_first_digits_of_its_sha256(filled: Gallery):
    sha256 = filled.patient("P2").photos[0].sha256
    with pytest.raises(NotInGallery):
        filled.remove(photos=[sha256[:7]])
    assert filled.remove(photos=[sha256[:12].upper()]).photos == 1
    with pytest.raises(NotInGallery):
        filled.patient("P2")


def test_another_age_at_a_known_photo_is_refused(gallery: Gallery, photo: Callable[[int], Path]):
    add(gallery, row(photo(0), "P0", age=4.0))
    (result,) = add(gallery, row(photo(0), "P0", age=5.0))
    assert isinstance(result.error, PatientConflict)
    assert gallery.patient("P0").photos[0].age == 4.0
