"""TIFFs over a table of encodings, as tifffile and OpenCV write them."""

from __future__ import annotations

import io
import itertools
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from gestalt_space.errors import PhotoDamaged, PhotoError, PhotoFormatError, PhotoTooLarge
from gestalt_space.faces import photos
from gestalt_space.faces.photos import PhotoLimits, read_photo
from gestalt_space.faces.tiff import open_deep
from gestalt_space.types import Pixels
from tests import made

HEIGHT, WIDTH = 40, 60
PICTURE = made.crop(1, 64)[:HEIGHT, :WIDTH].copy()
GREY = PICTURE[:, :, 0].copy()
ALPHA = np.where(np.arange(WIDTH) < 20, 0, 255).astype(np.uint8)[None].repeat(HEIGHT, axis=0)
TYPES = ("uint8", "uint16", "uint32", "float32", "float64")
STORAGES = tuple(
    {"compression": compression, "predictor": predictor, "tile": tile, "byteorder": order}
    for compression, predictor, tile, order in itertools.product(
        (None, "zlib"), (False, True), (None, (16, 16)), "<>"
    )
    if compression or not predictor
)


def brought_to(eight_bits: Pixels, dtype: str) -> np.ndarray:
    """0..255 as the whole range of a type; floats as 0..1."""
    if dtype.startswith("float"):
        return (eight_bits / 255.0).astype(dtype)
    return eight_bits.astype(dtype) * (np.iinfo(dtype).max // 255)


def written(samples: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    if samples.dtype.kind == "f":
        options["predictor"] = False  # tifffile needs another package for it
    tifffile.imwrite(stream, samples, **options)
    return stream.getvalue()


def storages(samples: np.ndarray, **options: object) -> Iterator[tuple[str, bytes]]:
    """The samples `(h, w, n)` written in all ways, and the name of each."""
    for storage in STORAGES:
        for planar in ("contig", "separate") if samples.ndim == 3 else ("contig",):
            laid = samples if planar == "contig" else np.moveaxis(samples, 2, 0)
            both = storage | options | ({"planarconfig": planar} if samples.ndim == 3 else {})
            yield f"{both}", written(np.ascontiguousarray(laid), **both)


def assert_read_as(wanted: Pixels, samples: np.ndarray, **options: object) -> None:
    for name, data in storages(samples, **options):
        gap = np.abs(read_photo(data).pixels.astype(int) - wanted)
        assert gap.max() <= 1, name


@pytest.mark.parametrize("dtype", TYPES)
def test_grey_is_read_as_it_is(dtype: str):
    grey = np.repeat(GREY[:, :, None], 3, axis=2)
    assert_read_as(grey, brought_to(GREY, dtype), photometric="minisblack")


@pytest.mark.parametrize("dtype", TYPES)
def test_grey_whose_white_is_zero_is_no_negative(dtype: str):
    grey = np.repeat(GREY[:, :, None], 3, axis=2)
    assert_read_as(grey, brought_to(255 - GREY, dtype), photometric="miniswhite")


@pytest.mark.parametrize("dtype", TYPES)
def test_colours_are_read_in_pixels_and_in_planes(dtype: str):
    assert_read_as(PICTURE, brought_to(PICTURE, dtype), photometric="rgb")


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("alpha", ["unassalpha", "assocalpha"])
def test_transparency_is_laid_on_white(dtype: str, alpha: str):
    wanted = np.where(ALPHA[:, :, None] == 0, 255, PICTURE)
    hidden = np.where(ALPHA[:, :, None] == 0, 0, PICTURE) if alpha == "assocalpha" else PICTURE
    samples = np.dstack([brought_to(hidden.astype(np.uint8), dtype), brought_to(ALPHA, dtype)])
    if (dtype, alpha) == ("uint8", "assocalpha"):
        planes = np.ascontiguousarray(np.moveaxis(samples, 2, 0))
        options = {"photometric": "rgb", "planarconfig": "separate", "extrasamples": [alpha]}
        with pytest.raises(PhotoFormatError, match="8-bit RGB and alpha TIFF in planes"):
            read_photo(written(planes, **options))
        data = written(samples, photometric="rgb", extrasamples=[alpha])
        assert np.array_equal(read_photo(data).pixels, wanted)
    else:
        assert_read_as(wanted, samples, photometric="rgb", extrasamples=[alpha])


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_cmyk_becomes_rgb(dtype: str):
    inks = np.dstack([255 - PICTURE, np.zeros_like(GREY)])
    assert_read_as(PICTURE, brought_to(inks, dtype), photometric="separated")


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("compression", [1, 5, 8, 32773, 32946])
def test_every_lossless_compression_is_read(compression: int, dtype: str):
    bgr = brought_to(PICTURE[:, :, ::-1], dtype)
    options = [cv2.IMWRITE_TIFF_COMPRESSION, compression]
    ok, data = cv2.imencode(".tif", bgr, options)
    assert ok
    assert np.array_equal(read_photo(bytes(data)).pixels, PICTURE)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("kind", ["SHORT", "BYTE"])
def test_every_orientation_is_applied(dtype: str, kind: str):
    turned = {
        1: PICTURE,
        2: PICTURE[:, ::-1],
        3: PICTURE[::-1, ::-1],
        4: PICTURE[::-1],
        5: PICTURE.transpose(1, 0, 2),
        6: np.rot90(PICTURE, 1),
        7: np.rot90(PICTURE, 2).transpose(1, 0, 2),
        8: np.rot90(PICTURE, -1),
    }
    code = {"SHORT": 3, "BYTE": 1}[kind]
    for value, stored in turned.items():
        tag = (274, code, 1, value, True)
        samples = np.ascontiguousarray(brought_to(stored, dtype))
        data = written(samples, photometric="rgb", extratags=[tag])
        assert np.array_equal(read_photo(data).pixels, PICTURE), value


def test_a_classic_tiff_and_a_bigtiff_give_the_same():
    for order, bits in itertools.product("<>", (8, 16)):
        samples = brought_to(PICTURE, f"uint{bits}")
        options = {"photometric": "rgb", "byteorder": order, "bigtiff": True}
        if order == "<":
            assert np.array_equal(read_photo(written(samples, **options)).pixels, PICTURE)
        else:
            with pytest.raises(PhotoFormatError, match="BigTIFF in big-endian"):
                read_photo(written(samples, **options))


@pytest.mark.parametrize(
    ("samples", "options", "name"),
    [
        (brought_to(PICTURE, "float16"), {"photometric": "rgb"}, "16-bit float RGB TIFF"),
        (brought_to(PICTURE, "uint64"), {"photometric": 8}, "64-bit CIELab TIFF"),
        (
            np.dstack([brought_to(GREY, "uint16")] * 2),
            {"photometric": "minisblack", "extrasamples": ["unassalpha"]},
            "16-bit grey and alpha TIFF",
        ),
        (
            brought_to(GREY, "uint16"),
            {"photometric": "minisblack", "subfiletype": 1},
            "starts with a small copy",
        ),
        (brought_to(GREY, "uint16"), {"photometric": "cfa"}, "raw camera file"),
        (
            brought_to(PICTURE, "uint16"),
            {"photometric": "rgb", "compression": "lzma"},
            "16-bit RGB TIFF with compression 34925",
        ),
    ],
)
def test_what_is_not_read_is_refused_by_its_name(samples: np.ndarray, options: dict, name: str):
    with pytest.raises(PhotoFormatError, match=name) as caught:
        read_photo(written(samples, **options))
    assert "8-bit TIFF" in caught.value.hint


def test_other_files_are_left_to_pillow():
    stream = io.BytesIO()
    Image.fromarray(PICTURE).save(stream, "PNG")
    assert open_deep(stream.getvalue()) is None
    assert open_deep(written(PICTURE, photometric="rgb")) is None


def test_more_pixels_than_the_cap_are_refused_before_they_are_decoded(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(photos, "decode_deep", lambda deep: pytest.fail("it was decoded"))
    data = written(brought_to(PICTURE, "uint16"), photometric="rgb")
    with pytest.raises(PhotoTooLarge):
        read_photo(data, limits=PhotoLimits(max_pixels=WIDTH * HEIGHT - 1))


@pytest.mark.parametrize("first", [True, False])
def test_the_decoder_sees_the_tags_that_were_checked_and_no_others(first: bool):
    """A second width stands in the file; readers differ in which one they take."""
    data = written(brought_to(GREY, "uint16"), photometric="minisblack")
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    entries = data[at + 2 : at + 2 + 12 * count]
    huge = struct.pack("<HHII", 256, 4, 1, 2**20)
    both = huge + entries if first else entries + huge
    directory = struct.pack("<H", count + 1) + both + bytes(4)
    hostile = data[:4] + struct.pack("<I", len(data)) + data[8:] + directory
    try:
        shape = read_photo(hostile, limits=PhotoLimits(max_pixels=10_000)).pixels.shape
    except PhotoTooLarge:
        return
    assert shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("share", [0.3, 0.9])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"tile": (16, 16)}])
def test_a_truncated_one_is_damaged(share: float, options: dict, capfd: pytest.CaptureFixture):
    noise = np.random.default_rng(3).integers(0, 2**16, (90, 90, 3), dtype=np.uint16)
    data = written(noise, photometric="rgb", **options)
    with pytest.raises(PhotoDamaged):
        read_photo(data[: int(len(data) * share)])
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_random_damage_raises_nothing_but_photo_errors(
    planar: str, capfd: pytest.CaptureFixture[str]
):
    rng = np.random.default_rng(5)
    samples = brought_to(PICTURE, "uint16")
    laid = samples if planar == "contig" else np.moveaxis(samples, 2, 0)
    data = written(
        np.ascontiguousarray(laid), photometric="rgb", planarconfig=planar, compression="zlib"
    )
    sound = np.frombuffer(data, np.uint8)
    refused = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(300):
            damaged = sound.copy()
            spots = rng.integers(0, min(len(sound), 500), rng.integers(1, 6))
            damaged[spots] = rng.integers(0, 256, len(spots))
            try:
                read_photo(damaged.tobytes(), limits=PhotoLimits(max_pixels=10**6))
            except PhotoError:
                refused += 1
    assert 0 < refused < 300
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "uint64"])
def test_grey_of_kinds_that_nobody_reads_rightly_is_refused_by_name(kind: str, tmp_path: Path):
    path = tmp_path / "grey.tif"
    tifffile.imwrite(path, np.zeros((40, 40), kind), photometric="minisblack")
    with pytest.raises(PhotoFormatError, match="signed grey" if kind[0] == "i" else "64-bit grey"):
        read_photo(path)
