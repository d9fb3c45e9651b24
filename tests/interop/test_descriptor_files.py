"""Files appear whole or not at all, and nobody's file is written over."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from gestalt_space.descriptors import to_descriptors
from gestalt_space.encoders.specification import EncoderSpec
from gestalt_space.errors import NoFace, OutputError, UsageError
from gestalt_space.faces.crops import crop_from_png
from gestalt_space.gallery.pipeline import PhotoResult, PhotoSource
from gestalt_space.interop.descriptor_files import (
    CROP_COLUMNS,
    EncodedBatch,
    check_descriptor_path,
    collect,
    write_crops,
    write_descriptors,
)
from gestalt_space.interop.encodings import published_slots, read_encodings
from gestalt_space.types import EncodingRun
from tests import made
from tests.galleries import encoded_of, new_photo

SPEC = EncoderSpec("test", ("0" * 64,), "arcface-112", 112, "RGB", 0.0, 1.0, ("one",), 16)
RUN = EncodingRun("bf16", "cpu", "torch", "2.9")


def result(name: str, seed: int | None) -> PhotoResult:
    """A photo with the face and descriptor of a seed, or one that failed."""
    source = PhotoSource(name, Path(name))
    if seed is None:
        return PhotoResult(source, error=NoFace("No face.", "Try another."))
    photo = new_photo("P", seed)
    return PhotoResult(
        source, face=encoded_of(photo).face, descriptor=encoded_of(photo).descriptor, sha256="x"
    )


def rows(folder: Path, table: str = "crops.csv") -> list[dict[str, str]]:
    with (folder / table).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_crops_bear_the_names_of_their_photos_and_the_table_says_which(tmp_path: Path) -> None:
    results = [result("a/x.jpg", 1), result("b/x.png", 2), result("c/y.png", None)]
    assert list(write_crops(results, tmp_path / "crops")) == results
    table = rows(tmp_path / "crops")
    assert tuple(table[0]) == CROP_COLUMNS
    assert [row["photo"] for row in table] == ["a/x.jpg", "b/x.png", "c/y.png"]
    assert [row["crop"] for row in table] == ["x.png", "x-2.png", ""]
    assert [row["error"] for row in table] == ["", "", "No face."]
    assert [row["score"] for row in table] == ["1.0", "1.0", ""]
    for row, seed in zip(table[:2], (1, 2), strict=True):
        data = (tmp_path / "crops" / row["crop"]).read_bytes()
        assert np.array_equal(crop_from_png(data), made.crop(seed))


def test_the_table_is_there_for_what_was_done_before_an_interruption(tmp_path: Path) -> None:
    def interrupted() -> Iterator[PhotoResult]:
        yield result("x.png", 1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(write_crops(interrupted(), tmp_path))
    assert [row["crop"] for row in rows(tmp_path, "crops.csv.part")] == ["x.png"]
    assert not (tmp_path / "crops.csv").exists()


@pytest.mark.parametrize("again", [1, 2])
def test_a_run_after_an_interruption_doubles_no_crop(again: int, tmp_path: Path) -> None:
    photos = [result("a.jpg", 1), result("b.jpg", 2), result("b.png", 3)]
    for done in [3, *[1] * (again - 1)]:
        writing = write_crops(iter(photos), tmp_path)
        for _ in range(done):
            next(writing)
        writing.close()
    assert list(write_crops(photos, tmp_path)) == photos
    assert [row["crop"] for row in rows(tmp_path)] == ["a.png", "b.png", "b-2.png"]
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"a.png", "b.png", "b-2.png", "crops.csv"}


def test_a_row_is_on_the_disk_before_its_crop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(path: Path, data: bytes) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gestalt_space.interop.descriptor_files.write_atomically", killed)
    with pytest.raises(KeyboardInterrupt):
        list(write_crops([result("x.jpg", 1)], tmp_path))
    assert [row["crop"] for row in rows(tmp_path, "crops.csv.part")] == ["x.png"]


def test_files_of_others_stay_even_when_crops_are_overwritten(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"mine")
    list(write_crops([result("x.jpg", 1)], tmp_path))
    assert (tmp_path / "x.png").read_bytes() == b"mine"
    with pytest.raises(OutputError) as caught:
        list(write_crops([result("x.jpg", 2)], tmp_path))
    assert "--overwrite" in caught.value.hint
    list(write_crops([result("x.jpg", 2)], tmp_path, overwrite=True))
    assert (tmp_path / "x.png").read_bytes() == b"mine"
    assert [row["crop"] for row in rows(tmp_path)] == ["x-2.png"]
    assert np.array_equal(crop_from_png((tmp_path / "x-2.png").read_bytes()), made.crop(2))


def test_a_table_that_is_none_of_ours_makes_no_crop_ours(tmp_path: Path) -> None:
    (tmp_path / "crops.csv").write_bytes(b"\xff\xfe no table of ours")
    (tmp_path / "x.png").write_bytes(b"mine")
    try:
        list(write_crops([result("x.jpg", 1)], tmp_path, overwrite=True))
    except OutputError:
        assert not (tmp_path / "x-2.png").exists()
    assert (tmp_path / "x.png").read_bytes() == b"mine"


def test_names_that_differ_in_case_alone_get_files_of_their_own(tmp_path: Path) -> None:
    list(write_crops([result("X.png", 1), result("x.png", 2), result("x.jpg", 3)], tmp_path))
    names = [row["crop"] for row in rows(tmp_path)]
    assert len({name.casefold() for name in names}) == 3


def test_no_crop_is_written_outside_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "crops"
    names = ["../up.png", "/etc/abs.png", "..", ".hidden", "a/../../b.png"]
    list(write_crops([result(name, n) for n, name in enumerate(names)], folder))
    assert {path.name for path in tmp_path.iterdir()} == {"crops"}
    assert len(list(folder.glob("*.png"))) + len(list(folder.glob(".*.png"))) >= len(names)
    assert len({row["crop"] for row in rows(folder)}) == len(names)


def test_results_are_collected_in_order_with_the_failures_apart() -> None:
    batch = collect([result("a", 1), result("b", None), result("c", 2)], SPEC, RUN)
    assert batch.photos == ("a", "c")
    assert batch.failed == (("b", "No face."),)
    wanted = [encoded_of(new_photo("P", seed)).descriptor for seed in (1, 2)]
    assert np.array_equal(batch.descriptors, np.stack(wanted))
    nothing = collect([], SPEC, RUN)
    assert nothing.descriptors.shape == (0, 16)
    assert nothing.descriptors.dtype == np.float32


@pytest.fixture
def batch(rng: np.random.Generator) -> EncodedBatch:
    return EncodedBatch(
        ("a.png", "Jürgen 写真.png", "c.png"),
        made.unit(rng, 3, 16),
        (("bad.png", "No face."), ("worse.png", "«cut»")),
        SPEC,
        RUN,
    )


def test_npz_comes_back_to_the_bit(batch: EncodedBatch, tmp_path: Path) -> None:
    write_descriptors(batch, tmp_path / "d.npz")
    with np.load(tmp_path / "d.npz", allow_pickle=False) as data:
        assert set(data) == {"descriptors", "photos", "failed", "failed_reasons", "space", "run"}
        assert data["descriptors"].dtype == np.float32
        assert np.array_equal(data["descriptors"], batch.descriptors)
        assert tuple(data["photos"].tolist()) == batch.photos
        assert data["failed"].tolist() == ["bad.png", "worse.png"]
        assert data["failed_reasons"].tolist() == ["No face.", "«cut»"]
        assert EncoderSpec.from_json(str(data["space"])) == SPEC
        assert EncodingRun(**json.loads(str(data["run"]))) == RUN


def test_parquet_comes_back_to_the_bit(batch: EncodedBatch, tmp_path: Path) -> None:
    write_descriptors(batch, tmp_path / "d.parquet")
    table = pyarrow.parquet.read_table(tmp_path / "d.parquet")
    assert table.column_names == ["photo", "descriptor"]
    assert tuple(table["photo"].to_pylist()) == batch.photos
    flat = table["descriptor"].combine_chunks().flatten().to_numpy()
    assert flat.dtype == np.float32
    assert np.array_equal(flat.reshape(3, 16), batch.descriptors)
    metadata = table.schema.metadata
    assert EncoderSpec.from_json(metadata[b"space"].decode()) == SPEC
    assert EncodingRun(**json.loads(metadata[b"run"])) == RUN
    assert json.loads(metadata[b"failed"]) == [list(pair) for pair in batch.failed]


@pytest.mark.parametrize("ending", ["npz", "parquet"])
def test_two_failures_of_one_name_are_both_kept(ending: str, tmp_path: Path) -> None:
    twice = (("bad.png", "No face."), ("bad.png", "Empty."))
    path = tmp_path / f"d.{ending}"
    write_descriptors(EncodedBatch((), np.zeros((0, 16), np.float32), twice, SPEC, RUN), path)
    if ending == "npz":
        with np.load(path) as data:
            told = str(data["failed_reasons"].tolist())
    else:
        told = str(pyarrow.parquet.read_table(path).schema.metadata[b"failed"])
    assert "No face." in told
    assert "Empty." in told


def test_places_are_checked_before_any_work(tmp_path: Path) -> None:
    there = tmp_path / "there.npz"
    there.touch()
    check_descriptor_path(tmp_path / "new.npz")
    check_descriptor_path(there, overwrite=True)
    with pytest.raises(OutputError, match="exists"):
        check_descriptor_path(there)
    with pytest.raises(OutputError, match="no folder"):
        check_descriptor_path(tmp_path / "none" / "d.npz")
    for name in ("d.txt", "d", "d.npy"):
        with pytest.raises(UsageError, match="does not end in"):
            check_descriptor_path(tmp_path / name)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    batch: EncodedBatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "d.npz"
    path.write_bytes(b"old")

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as stream:
            stream.write(data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left") as caught:
        write_descriptors(batch, path)
    assert "free space" in caught.value.hint
    assert [one.name for one in tmp_path.iterdir()] == ["d.npz"]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("networks", [0, 3])
def test_published_encodings_are_read_back_to_the_bit(tmp_path: Path, networks: int) -> None:
    """Of a plain encoder, and of the twelve slots of GestaltMatcher-Arc."""
    names = tuple(
        f"model{m}-flip{f}-grey{g}" for m in range(networks) for f in range(2) for g in range(2)
    )
    spec = replace(SPEC, slots=names or ("model0",))
    photos = ("a/17_aligned.jpg", "18.png", 'x;"y".jpg', "IMG_1.jpg", "IMG_2.jpg")
    slots = made.unit(np.random.default_rng(1), 5 * len(spec.slots), 16).reshape(5, -1, 16)
    descriptors = to_descriptors(slots)
    path = tmp_path / "encodings.csv"
    check_descriptor_path(path)
    failed = (("z.jpg", "No face."),)
    write_descriptors(EncodedBatch(photos, descriptors, failed, spec, RUN), path)
    found = read_encodings(path, whole_names=True)
    assert found.images == photos
    assert found.slots == tuple(published_slots(spec.slots))
    assert to_descriptors(found.vectors).tobytes() == descriptors.tobytes()
    header, first, *_ = path.read_text(encoding="utf-8").splitlines()
    assert header == "img_name;model;flip;gray;class_conf;representations"
    assert first.startswith("a/17_aligned.jpg;m0;0;0;[];[")
