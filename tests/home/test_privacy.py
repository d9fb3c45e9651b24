"""What of a photo is kept, and that what was removed is in no file."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from gestalt_space.encoders.registry import open_encoder
from gestalt_space.errors import (
    DatabaseError,
)
from gestalt_space.faces.crops import crop_from_png
from gestalt_space.home import Gallery
from gestalt_space.store import reads
from tests import made
from tests.galleries import add, files_with, open_gallery, row, statuses
from tests.home.asking import match


def with_gps(path: Path, seed: int) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "TAKEN-AT-HOME"
    exif[ExifTags.Base.Artist] = "GREAT-UNCLE"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSAreaInformation] = b"GPS-OF-THE-HOUSE"
    Image.fromarray(made.crop(seed)).save(path, exif=exif)
    return path.read_bytes()


def test_neither_the_photo_nor_its_exif_is_kept(gallery: Gallery, tmp_path: Path) -> None:
    data = with_gps(tmp_path / "gps.png", 1)
    assert b"GPS-OF-THE-HOUSE" in data
    assert statuses(add(gallery, row(tmp_path / "gps.png", "P0", "A"))) == ["added"]
    match(gallery, tmp_path / "gps.png")
    home = gallery.settings.home
    gallery.close()
    for needle in (b"GPS-OF-THE-HOUSE", b"TAKEN-AT-HOME", b"GREAT-UNCLE", data[60:160], data):
        assert files_with(home, needle) == []
    assert files_with(home, b"gps.png"), "the name is kept, so that a search would find a trace"


def test_the_crop_that_is_kept_has_the_pixels_and_no_metadata(
    gallery: Gallery, tmp_path: Path
) -> None:
    with_gps(tmp_path / "gps.png", 1)
    add(gallery, row(tmp_path / "gps.png", "P0", "A"))
    with gallery.database.reading() as session:
        faces = reads.faces_without(session, space_id=-1)
        (png,) = reads.crops_of(session, [face for face, _, _ in faces]).values()
    assert np.array_equal(crop_from_png(png), made.crop(1))
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        assert image.info == {}
        assert not image.getexif()
    kinds = {png[start + 4 : start + 8] for start in chunk_starts(png)}
    assert kinds == {b"IHDR", b"IDAT", b"IEND"}


def chunk_starts(png: bytes) -> Iterator[int]:
    start = 8
    while start < len(png):
        yield start
        start += 12 + int.from_bytes(png[start : start + 4], "big")


def test_what_was_removed_is_in_no_file_of_the_home(
    home: Path, photo: Callable[[int], Path]
) -> None:
    with open_gallery(home) as gallery:
        add(gallery, *(row(photo(n), f"PATIENT-{n:04}", "A") for n in range(20)))
        encoder = open_encoder(gallery.space.model, device="cpu")
        vector = encoder.encode(made.crop(7)[None])[0, 0].astype("<f4").tobytes()
        with gallery.database.reading() as session:
            faces = {p: face for face, _, p in reads.faces_without(session, space_id=-1)}
            key = faces["PATIENT-0007"]
            png = reads.crops_of(session, [key])[key]
        match(gallery, photo(30))
        needles = (b"PATIENT-0007", vector[:32], png[40:140])
        assert [bool(files_with(home, needle)) for needle in needles] == [True] * 3
        gallery.remove(patients=["PATIENT-0007"])
        assert [files_with(home, needle) for needle in needles] == [[], [], []]
        match(gallery, photo(30))
    assert [files_with(home, needle) for needle in needles] == [[], [], []]
    assert files_with(home, b"PATIENT-0008")


def test_what_was_removed_under_a_reader_is_gone_once_the_reader_is(
    home: Path, photo: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The write-ahead log cannot be emptied while somebody reads an older state.
    monkeypatch.setenv("GESTALT_BUSY_TIMEOUT", "0.2")
    with open_gallery(home) as gallery, open_gallery(home) as reader:
        add(gallery, row(photo(0), "PATIENT-0000", "A"), row(photo(1), "P1", "A"))
        with reader.database.reading() as session:
            assert reads.counts(session).patients == 2
            with pytest.raises(DatabaseError, match="write-ahead log") as caught:
                gallery.remove(patients=["PATIENT-0000"])
            assert caught.value.message.startswith("1 photo and 1 patient removed permanently.")
            assert "when the gallery is next opened" in caught.value.hint
            assert gallery.stats().counts.patients == 1
        with open_gallery(home):
            pass
        assert files_with(home, b"PATIENT-0000") == []
