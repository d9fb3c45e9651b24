"""`gestalt align` and `gestalt encode`: crops to a folder, descriptors to a file."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image

from gestalt_space.encoders.specification import EncoderSpec
from tests import made
from tests.cli.conftest import Command

ALIGNED = ("--detector", "aligned")


def crops_of(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "crops.csv").open(newline="", encoding="utf-8") as stream:
        return {Path(row["photo"]).name: row for row in csv.DictReader(stream)}


def test_align_needs_no_encoder_and_keeps_aligned_photos_to_the_pixel(
    photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "crops"
    ran = gestalt("align", *photos, "-o", folder, *ALIGNED)
    assert ran.code == 0
    assert ran.out == ""
    assert "6 photos aligned" in ran.err
    for seed, photo in enumerate(photos):
        with Image.open(folder / photo.name) as image:
            assert image.mode == "RGB"
            assert image.info == {}
            assert np.array_equal(np.asarray(image), made.crop(seed))
    rows = crops_of(folder)
    assert set(rows) == {photo.name for photo in photos}
    assert rows["p0.png"]["crop"] == "p0.png"
    assert rows["p0.png"]["detector"] == "aligned"
    assert rows["p0.png"]["box_x1"] == "112.0"


def test_align_writes_112_pixels_whatever_the_size(gestalt: Command, tmp_path: Path) -> None:
    made.photo_file(tmp_path / "large.png", 1, size=300)
    assert gestalt("align", tmp_path / "large.png", "-o", tmp_path / "c", *ALIGNED).code == 0
    with Image.open(tmp_path / "c" / "large.png") as image:
        assert image.size == (112, 112)


def test_align_names_the_photos_that_failed(
    photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "crops"
    ran = gestalt("align", photos[0], tmp_path / "no.png", "-o", folder, "--json", *ALIGNED)
    assert ran.code == 3
    assert ran.document["counts"] == {"aligned": 1, "failed": 1}
    assert ran.document["failed"][0]["error"]["code"] == "photo_not_found"
    row = crops_of(folder)["no.png"]
    assert row["crop"] == ""
    assert row["error"] == "The file does not exist."


def test_align_never_writes_over_a_file_that_it_did_not_make(
    photos: list[Path], gestalt: Command
) -> None:
    before = [photo.read_bytes() for photo in photos]
    folder = photos[0].parent
    assert gestalt("align", folder, "-o", folder, *ALIGNED).code == 0
    assert [photo.read_bytes() for photo in photos] == before
    assert crops_of(folder)["p0.png"]["crop"] == "p0-2.png"
    refused = gestalt("align", photos[0], "-o", folder, "--json", *ALIGNED)
    assert refused.code == 1
    assert refused.document["error"]["code"] == "output"
    assert gestalt("align", photos[0], "-o", folder, "--overwrite", *ALIGNED).code == 0
    assert [photo.read_bytes() for photo in photos] == before


def test_photos_of_one_name_get_crops_of_two(gestalt: Command, tmp_path: Path) -> None:
    for n, name in enumerate(("a", "b", "c")):
        (tmp_path / name).mkdir()
        made.photo_file(tmp_path / name / ("X.png" if name == "c" else "x.png"), n)
    given = [tmp_path / "a", tmp_path / "b", tmp_path / "c"]
    assert gestalt("align", *given, "-o", tmp_path / "crops", *ALIGNED).code == 0
    crops = sorted(path.name.casefold() for path in (tmp_path / "crops").glob("*.png"))
    assert crops == ["x-2.png", "x-3.png", "x.png"]


def test_align_into_a_file_is_an_error(
    photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    ran = gestalt("align", photos[0], "-o", tmp_path / "file", "--json", *ALIGNED)
    assert ran.code == 1
    assert ran.document["error"]["code"] == "output"
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_a_photo_with_a_very_long_name_does_not_stop_the_others(
    photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    long = tmp_path / ("x" * 246 + ".png")
    made.photo_file(long, 1)
    ran = gestalt("align", long, photos[0], "-o", tmp_path / "crops", *ALIGNED)
    assert ran.code in (0, 3), ran.err
    assert (tmp_path / "crops" / photos[0].name).exists()


@pytest.mark.parametrize("ending", ["npz", "parquet"])
def test_encode_writes_descriptors_photos_and_the_space(
    ending: str, home: Path, photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    path = tmp_path / f"d.{ending}"
    bad = tmp_path / "bad.jpg"
    bad.touch()
    ran = gestalt("encode", photos[0], bad, *photos[1:], "-o", path, "--json", *ALIGNED)
    assert ran.code == 3
    assert ran.document["counts"] == {"encoded": 6, "failed": 1}
    assert ran.document["failed"][0]["photo"] == str(bad)
    if ending == "npz":
        with np.load(path, allow_pickle=False) as data:
            descriptors, names = data["descriptors"], data["photos"].tolist()
            space, failed = str(data["space"]), data["failed"].tolist()
            assert data["failed_reasons"].tolist() == ["The file is empty."]
    else:
        table = pyarrow.parquet.read_table(path)
        names = table["photo"].to_pylist()
        flat = table["descriptor"].combine_chunks().flatten().to_numpy()
        descriptors = flat.reshape(len(names), -1)
        space = table.schema.metadata[b"space"].decode()
        failed = [name for name, _ in json.loads(table.schema.metadata[b"failed"])]
    assert names == [str(photo) for photo in photos]
    assert failed == [str(bad)]
    assert descriptors.dtype == np.float32
    assert descriptors.shape == (6, 16)
    np.testing.assert_allclose(np.linalg.norm(descriptors, axis=1), 1, atol=1e-5)
    spec = EncoderSpec.from_json(space)
    assert spec.dim == 16
    listed = gestalt("models", "list", "--json").document["installed"]
    assert spec.weights == (listed[0]["files"][0]["sha256"],)


def test_encode_gives_each_photo_its_own_descriptor(
    home: Path, photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    assert gestalt("encode", *photos, "-o", tmp_path / "all.npz", *ALIGNED).code == 0
    together = np.load(tmp_path / "all.npz")["descriptors"]
    for n, photo in enumerate(photos[:3]):
        assert gestalt("encode", photo, "-o", tmp_path / f"{n}.npz", *ALIGNED).code == 0
        alone = np.load(tmp_path / f"{n}.npz")["descriptors"]
        np.testing.assert_allclose(alone[0], together[n], atol=1e-5)


def test_encode_of_nothing_but_failures_still_writes_a_file(
    home: Path, gestalt: Command, tmp_path: Path
) -> None:
    for ending in ("npz", "parquet"):
        path = tmp_path / f"none.{ending}"
        assert gestalt("encode", tmp_path / "no.png", "-o", path, *ALIGNED).code == 3
        assert path.exists()
    with np.load(tmp_path / "none.npz") as data:
        assert data["descriptors"].shape == (0, 16)


def test_encode_stores_nothing_in_the_gallery(
    filled: Path, photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    before = gestalt("index", "stats", "--json").document
    assert gestalt("encode", *photos, "-o", tmp_path / "d.npz", *ALIGNED).code == 0
    assert gestalt("index", "stats", "--json").document == before


def test_encode_refuses_a_place_before_any_work(
    home: Path, photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    (tmp_path / "there.npz").write_bytes(b"mine")
    for path, code, exit_code in (
        (tmp_path / "there.npz", "output", 1),
        (tmp_path / "no folder" / "d.npz", "output", 1),
        (tmp_path / "d.txt", "usage", 2),
    ):
        ran = gestalt("encode", photos[0], "-o", path, "--json", *ALIGNED)
        assert ran.code == exit_code
        assert ran.document["error"]["code"] == code
    assert (tmp_path / "there.npz").read_bytes() == b"mine"
    words = ("encode", photos[0], "-o", tmp_path / "there.npz", "--overwrite", *ALIGNED)
    assert gestalt(*words).code == 0
    with np.load(tmp_path / "there.npz") as data:
        assert data["descriptors"].shape == (1, 16)


def test_encode_leaves_no_half_file_where_it_fails(
    photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    words = ["-o", tmp_path / "d.npz", "--space", "other", "--json", *ALIGNED]
    ran = gestalt("encode", photos[0], *words)
    assert ran.code == 1
    assert ran.document["error"]["code"] == "model_not_installed"
    assert not list(tmp_path.glob("*.npz"))


@pytest.mark.parametrize("words", [("align", "-o", "crops"), ("encode", "-o", "d.npz")])
def test_what_is_passed_over_in_a_folder_is_told(
    words: tuple[str, ...], home: Path, photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    (photos[0].parent / "x.raw").touch()
    command, option, place = words
    ran = gestalt(command, photos[0].parent, option, tmp_path / place, "--json", *ALIGNED)
    assert ran.code == 0
    assert "1 file skipped: 1 .raw (not a known photo)" in ran.err
    (passed,) = ran.document["passed_over"]
    assert (Path(passed["file"]).name, passed["reason"]) == ("x.raw", "not a known photo")
