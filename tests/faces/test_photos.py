from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import threading
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import ExifTags, Image, PngImagePlugin

from gestalt_space.errors import (
    PhotoDamaged,
    PhotoError,
    PhotoFormatError,
    PhotoNotFound,
    PhotoTooLarge,
)
from gestalt_space.faces.photos import SUFFIXES, PhotoBytes, PhotoLimits, decode_photo, read_photo
from gestalt_space.types import Photo, Pixels
from tests import made

WIDTH, HEIGHT = 60, 40
ORIENTATION = ExifTags.Base.Orientation


@pytest.fixture(autouse=True)
def no_warning_leaks():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    assert [str(warning.message) for warning in caught] == []


def picture(seed: int = 1) -> Pixels:
    return made.crop(seed, 64)[:HEIGHT, :WIDTH].copy()


def encoded(image: Image.Image, image_format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, image_format, **options)
    return stream.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    crc = zlib.crc32(kind + data)
    return len(data).to_bytes(4, "big") + kind + data + crc.to_bytes(4, "big")


def png_of(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 2) -> bytes:
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([depth, colour, 0, 0, 0])
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + b"".join(chunks)
        + png_chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + png_chunk(b"IEND", b"")
    )


def with_orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = value
    return exif


def laid_down(upright: Pixels, orientation: int) -> Pixels:
    """The pixels that a file of that EXIF orientation stores for an upright picture."""
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }
    return np.ascontiguousarray(stored[orientation])


@pytest.mark.parametrize(
    ("image_format", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("WEBP", {"lossless": True, "exact": True}),
    ],
)
def test_a_lossless_photo_is_read_to_the_pixel(image_format: str, options: dict[str, object]):
    photo = read_photo(encoded(Image.fromarray(picture()), image_format, **options))
    assert photo.format == image_format
    assert photo.pixels.dtype == np.uint8
    assert np.array_equal(photo.pixels, picture())


@pytest.mark.parametrize("image_format", ["JPEG", "WEBP"])
def test_a_lossy_photo_is_read_as_it_looks(image_format: str):
    photo = read_photo(encoded(Image.fromarray(picture()), image_format, quality=95))
    assert photo.format == image_format
    assert np.abs(photo.pixels.astype(int) - picture()).mean() < 6


@pytest.fixture
def heic() -> Callable[..., bytes]:
    def make(pixels: Pixels, exif: Image.Exif | None = None) -> bytes:
        stream = io.BytesIO()
        heif = pillow_heif.from_pillow(Image.fromarray(pixels))
        options = {} if exif is None else {"exif": exif.tobytes()}
        heif.save(stream, quality=95, **options)
        return stream.getvalue()

    return make


def test_a_heic_photo_is_read_as_it_looks(heic: Callable[..., bytes]):
    photo = read_photo(heic(picture()))
    assert photo.format == "HEIF"
    assert photo.pixels.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(photo.pixels.astype(int) - picture()).mean() < 8


def test_a_heic_photo_on_its_side_is_read_upright(heic: Callable[..., bytes]):
    photo = read_photo(heic(laid_down(picture(), 6), with_orientation(6)))
    assert photo.pixels.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(photo.pixels.astype(int) - picture()).mean() < 8


def test_a_grey_photo_has_three_equal_channels():
    grey = picture()[:, :, 0]
    pixels = read_photo(encoded(Image.fromarray(grey), "PNG")).pixels
    assert np.array_equal(pixels, np.repeat(grey[:, :, None], 3, axis=2))


def test_a_black_and_white_photo_becomes_0_and_255():
    bits = picture()[:, :, 0] > 128
    pixels = read_photo(encoded(Image.fromarray(bits), "PNG")).pixels
    assert np.array_equal(pixels[:, :, 1], np.where(bits, 255, 0))


@pytest.mark.parametrize(
    ("mode", "image_format"), [("LA", "PNG"), ("RGBA", "PNG"), ("RGBA", "WEBP")]
)
def test_transparency_is_laid_on_white(mode: str, image_format: str):
    image = Image.fromarray(picture()).convert(mode)
    opaque = np.asarray(image.convert("RGB"))
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    alpha[:, :20], alpha[:, 20:30] = 0, 128
    image.putalpha(Image.fromarray(alpha))
    options = {"lossless": True, "exact": True} if image_format == "WEBP" else {}
    pixels = read_photo(encoded(image, image_format, **options)).pixels
    assert (pixels[:, :20] == 255).all()
    assert np.array_equal(pixels[:, 30:], opaque[:, 30:])
    half = (opaque[:, 20:30].astype(float) * 128 + 255 * 127) / 255
    assert np.abs(pixels[:, 20:30] - half).max() <= 1.5


def test_a_palette_photo_with_transparent_colours_is_laid_on_white():
    stripes = np.repeat(np.arange(3, dtype=np.uint8), 20)[None].repeat(HEIGHT, axis=0)
    image = Image.frombytes("P", (WIDTH, HEIGHT), stripes.tobytes())
    image.putpalette([10, 20, 30, 200, 0, 0, 0, 0, 200])
    pixels = read_photo(encoded(image, "PNG", transparency=bytes([0, 255, 0]))).pixels
    assert (pixels[:, :20] == 255).all()
    assert (pixels[:, 20:40] == [200, 0, 0]).all()
    assert (pixels[:, 40:] == 255).all()


def test_a_palette_photo_with_one_transparent_index_is_laid_on_white():
    image = Image.frombytes("P", (2, 1), bytes([0, 1]))
    image.putpalette([10, 20, 30, 200, 0, 0])
    pixels = read_photo(encoded(image, "PNG", transparency=0)).pixels
    assert pixels.tolist() == [[[255, 255, 255], [200, 0, 0]]]


def test_a_colour_named_transparent_is_laid_on_white():
    image = Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8))
    pixels = read_photo(encoded(image, "PNG", transparency=(1, 2, 3))).pixels
    assert pixels.tolist() == [[[255, 255, 255], [4, 5, 6]]]


@pytest.mark.parametrize("image_format", ["JPEG", "TIFF"])
def test_a_cmyk_photo_becomes_rgb(image_format: str):
    red = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    red[:, :, 1:3] = 255
    image = Image.frombytes("CMYK", (WIDTH, HEIGHT), red.tobytes())
    pixels = read_photo(encoded(image, image_format)).pixels.astype(int)
    assert np.abs(pixels - [255, 0, 0]).max() <= 3


@pytest.mark.parametrize("image_format", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_brought_to_eight(image_format: str):
    values = np.linspace(0, 65535, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).astype(np.uint16)
    pixels = read_photo(encoded(Image.fromarray(values), image_format)).pixels
    assert np.array_equal(pixels[:, :, 0], np.round(values / 257.0).astype(np.uint8))
    assert np.array_equal(pixels[:, :, 0], pixels[:, :, 2])


@pytest.mark.parametrize("image_format", ["PNG", "TIFF"])
def test_a_dark_sixteen_bit_photo_stays_dark(image_format: str):
    values = np.full((HEIGHT, WIDTH), 200, np.uint16)
    pixels = read_photo(encoded(Image.fromarray(values), image_format)).pixels
    assert (pixels == 12).all(), "200 of 4095: the least depth that such files have"


@pytest.mark.parametrize(("top", "factor"), [(1.0, 255.0), (255.0, 1.0), (65535.0, 1 / 257)])
def test_a_float_tiff_is_brought_to_eight_bits_by_its_range(top: float, factor: float):
    values = np.linspace(0, top, WIDTH * HEIGHT, dtype=np.float32).reshape(HEIGHT, WIDTH)
    pixels = read_photo(encoded(Image.fromarray(values), "TIFF")).pixels
    assert np.abs(pixels[:, :, 0] - values.astype(float) * factor).max() <= 0.51


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_float_tiff_with_numbers_that_are_not_finite_is_read(value: float):
    values = np.full((HEIGHT, WIDTH), 0.5, np.float32)
    values[0, 0] = value
    pixels = read_photo(encoded(Image.fromarray(values), "TIFF")).pixels
    assert (pixels[1:] == 128).all()


def test_a_float_tiff_of_nothing_but_nan_is_black():
    values = np.full((HEIGHT, WIDTH), np.nan, np.float32)
    assert not read_photo(encoded(Image.fromarray(values), "TIFF")).pixels.any()


def test_sixteen_bit_colour_is_brought_to_eight():
    # Pillow writes no 16-bit colour: by hand, one row of two pixels.
    row = b"\0" + (b"\xff\xff" + b"\x80\x80" + b"\x00\x00") * 2
    header = (2).to_bytes(4, "big") + (1).to_bytes(4, "big") + bytes([16, 2, 0, 0, 0])
    data = (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(row))
        + png_chunk(b"IEND", b"")
    )
    assert read_photo(data).pixels.tolist() == [[[255, 128, 0], [255, 128, 0]]]


@pytest.mark.parametrize("image_format", ["WEBP", "PNG", "TIFF"])
def test_the_first_frame_of_an_animation_is_read(image_format: str):
    frames = [Image.fromarray(picture(seed)) for seed in (1, 2, 3)]
    options = {"lossless": True} if image_format == "WEBP" else {}
    data = encoded(frames[0], image_format, save_all=True, append_images=frames[1:], **options)
    assert np.array_equal(read_photo(data).pixels, picture(1))


def test_the_first_picture_of_an_mpo_is_read():
    frames = [Image.fromarray(picture(seed)) for seed in (1, 2)]
    data = encoded(frames[0], "MPO", save_all=True, append_images=frames[1:], quality=95)
    photo = read_photo(data)
    assert photo.pixels.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(photo.pixels.astype(int) - picture(1)).mean() < 6


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_applied(orientation: int, image_format: str):
    image = Image.fromarray(laid_down(picture(), orientation))
    options = {"lossless": True} if image_format == "WEBP" else {}
    data = encoded(image, image_format, exif=with_orientation(orientation), **options)
    assert np.array_equal(read_photo(data).pixels, picture())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_of_a_jpeg_is_applied(orientation: int):
    image = Image.fromarray(laid_down(picture(), orientation))
    data = encoded(image, "JPEG", exif=with_orientation(orientation), quality=95, subsampling=0)
    pixels = read_photo(data).pixels
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(pixels.astype(int) - picture()).mean() < 5


@pytest.mark.parametrize("orientation", [0, 9, 255])
def test_an_orientation_that_does_not_exist_is_passed_over(orientation: int):
    data = encoded(Image.fromarray(picture()), "PNG", exif=with_orientation(orientation))
    assert np.array_equal(read_photo(data).pixels, picture())


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0",
        b"Exif\0\0garbage that is no TIFF header",
        b"Exif\0\0II*\0\xff\xff\xff\x7f",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0\x01\0\0\0",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x05abcd\0\0\0\0",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\xff\xff\0\x06\0\0",
    ],
    ids=["empty", "garbage", "far offset", "cut off", "text orientation", "long orientation"],
)
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_damaged_exif_is_passed_over(exif: bytes, image_format: str):
    options = {"lossless": True} if image_format == "WEBP" else {"quality": 95}
    image = Image.fromarray(picture())
    plain = read_photo(encoded(image, image_format, **options))
    damaged = read_photo(encoded(image, image_format, exif=exif, **options))
    assert np.array_equal(damaged.pixels, plain.pixels)


def test_the_place_in_the_exif_changes_nothing_but_the_sha256():
    exif = with_orientation(1)
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (50.0, 43.0, 0.0)})
    image = Image.fromarray(picture())
    plain = read_photo(encoded(image, "JPEG"))
    placed = read_photo(encoded(image, "JPEG", exif=exif))
    assert placed.sha256 != plain.sha256
    assert np.array_equal(placed.pixels, plain.pixels)
    assert set(Photo.__slots__) == {"name", "pixels", "sha256", "format"}


def test_a_photo_bears_its_path_and_the_sha256_of_its_bytes(tmp_path: Path):
    path = made.photo_file(tmp_path / "one.png", 1)
    photo = read_photo(path)
    assert photo.name == str(path)
    assert photo.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read_photo(path, name="P1").name == "P1"
    assert read_photo(path.read_bytes()).name == "photo"


@pytest.mark.parametrize(
    "name", ["with spaces.png", "größe 顔 \U0001f642.png", "-rf.png", "--", "%41.png", "no suffix"]
)
def test_a_path_of_any_spelling_is_read(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    data = encoded(Image.fromarray(picture()), "PNG")
    (tmp_path / name).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    for source in (name, Path(name), tmp_path / name):
        assert np.array_equal(read_photo(source).pixels, picture())


def test_the_content_decides_the_format_and_not_the_name(tmp_path: Path):
    path = tmp_path / "one.jpg"
    path.write_bytes(encoded(Image.fromarray(picture()), "PNG"))
    assert read_photo(path).format == "PNG"


@pytest.mark.parametrize(
    "data",
    [png_of(100_000, 100_000), png_of(12_000, 12_000), png_of(2**31 - 1, 1), png_of(9_000, 9_000)],
    ids=["bomb", "warned bomb", "long", "over our cap"],
)
def test_a_small_file_of_huge_dimensions_is_refused_before_it_is_decoded(
    data: bytes, monkeypatch: pytest.MonkeyPatch
):
    decoded: list[Image.Image] = []
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", decoded.append)
    with pytest.raises(PhotoTooLarge, match="80,000,000 pixels") as caught:
        read_photo(data)
    assert "GESTALT_MAX_PHOTO_PIXELS" in caught.value.hint
    assert decoded == []


def test_a_heic_of_more_pixels_than_the_cap_is_refused(heic: Callable[..., bytes]):
    with pytest.raises(PhotoTooLarge):
        read_photo(heic(picture()), limits=PhotoLimits(max_pixels=WIDTH * HEIGHT - 1))


def test_a_photo_of_just_as_many_pixels_as_the_cap_is_read():
    data = encoded(Image.fromarray(picture()), "PNG")
    limits = PhotoLimits(max_pixels=WIDTH * HEIGHT)
    assert read_photo(data, limits=limits).pixels.shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("kind", ["bytes", "path"])
def test_a_file_of_more_bytes_than_the_cap_is_refused(kind: str, tmp_path: Path):
    path = made.photo_file(tmp_path / "one.png", 1)
    size = path.stat().st_size
    source = path if kind == "path" else path.read_bytes()
    with pytest.raises(PhotoTooLarge, match=f"more than the limit of {size - 1:,}") as caught:
        read_photo(source, limits=PhotoLimits(max_bytes=size - 1))
    assert "GESTALT_MAX_PHOTO_BYTES" in caught.value.hint
    assert read_photo(source, limits=PhotoLimits(max_bytes=size)).format == "PNG"


def test_a_huge_sparse_file_is_refused_without_being_read(tmp_path: Path):
    path = tmp_path / "huge.jpg"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(PhotoTooLarge):
        read_photo(path)


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt"])
def test_a_png_text_chunk_that_unpacks_too_large_is_refused(kind: bytes):
    bomb = zlib.compress(b"a" * 80_000_000, 9)
    body = b"k\0\0" + bomb if kind == b"zTXt" else b"k\0\1\0\0\0" + bomb
    with pytest.raises(PhotoDamaged):
        read_photo(png_of(10, 10, png_chunk(kind, body)))


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "AVIF", "JPEG2000"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_truncated_photo_is_damaged(image_format: str, share: float):
    noise = np.random.default_rng(3).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), image_format)
    with pytest.raises(PhotoDamaged):
        read_photo(data[: int(len(data) * share)])


def test_a_truncated_heic_is_damaged(heic: Callable[..., bytes]):
    data = heic(np.random.default_rng(3).integers(0, 256, (200, 200, 3), dtype=np.uint8))
    with pytest.raises(PhotoDamaged):
        read_photo(data[: len(data) // 2])


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "AVIF", "JPEG2000"])
def test_random_damage_raises_nothing_but_photo_errors(image_format: str):
    rng = np.random.default_rng(5)
    exif = with_orientation(6)
    options = {} if image_format in ("BMP", "JPEG2000") else {"exif": exif}
    data = np.frombuffer(encoded(Image.fromarray(picture()), image_format, **options), np.uint8)
    outcomes = []
    for _ in range(150):
        damaged = data.copy()
        spots = rng.integers(0, min(len(data), 400), rng.integers(1, 6))
        damaged[spots] = rng.integers(0, 256, len(spots))
        try:
            outcomes.append(read_photo(damaged.tobytes(), limits=PhotoLimits(max_pixels=10**6)))
        except PhotoError as error:
            outcomes.append(error)
    assert len(outcomes) == 150


@pytest.mark.parametrize("kind", ["bytes", "path"])
def test_an_empty_file_is_damaged(kind: str, tmp_path: Path):
    path = tmp_path / "empty.jpg"
    path.touch()
    with pytest.raises(PhotoDamaged, match="empty"):
        read_photo(path if kind == "path" else b"")


@pytest.mark.parametrize(
    "data",
    [b"This is a text.\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7\n", b"\0" * 99],
    ids=["text", "svg", "pdf", "zeros"],
)
def test_a_file_that_is_no_photo_is_refused_by_its_content(data: bytes, tmp_path: Path):
    path = tmp_path / "one.jpg"
    path.write_bytes(data)
    with pytest.raises(PhotoFormatError) as caught:
        read_photo(path)
    assert "JPEG, PNG, WebP, TIFF, BMP, HEIC, AVIF or JPEG 2000" in caught.value.hint


@pytest.mark.parametrize(
    ("image_format", "name"), [("GIF", "GIF picture"), ("ICO", "icon"), ("PPM", "PPM picture")]
)
def test_other_image_formats_are_refused_by_their_names(image_format: str, name: str):
    with pytest.raises(PhotoFormatError, match=name):
        read_photo(encoded(Image.fromarray(picture()), image_format))


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (bytes(128) + b"DICM" + bytes(99), "DICOM file"),
        (b"%PDF-1.7\n", "PDF document"),
        (b"\0\0\0\x20ftypisom" + bytes(99), "video"),
        (b"<?xml version='1.0'?>\n<svg/>", "SVG drawing"),
        (b"\xff\x0a" + bytes(99), "JPEG XL picture"),
        (b"8BPS\0\1" + bytes(99), "Photoshop file"),
    ],
)
def test_other_files_are_refused_by_their_names(data: bytes, name: str):
    with pytest.raises(PhotoFormatError, match=name):
        read_photo(data)


@pytest.mark.parametrize("options", [{}, {"no_jp2": True}])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_jpeg_2000_is_read_to_the_pixel(mode: str, options: dict[str, object]):
    image = Image.fromarray(picture()).convert(mode)
    if mode.endswith("A"):
        image.putalpha(Image.fromarray(np.full((HEIGHT, WIDTH), 128, np.uint8)))
    photo = read_photo(encoded(image, "JPEG2000", **options))
    same = read_photo(encoded(image, "PNG"))
    assert photo.format == "JPEG2000"
    # A bare code stream does not say that its last channel is alpha.
    if not (mode.endswith("A") and options):
        assert np.array_equal(photo.pixels, same.pixels)


def test_a_jpeg_2000_of_sixteen_bits_is_brought_to_eight():
    values = np.linspace(0, 65535, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).astype(np.uint16)
    pixels = read_photo(encoded(Image.fromarray(values), "JPEG2000")).pixels
    assert np.array_equal(pixels[:, :, 0], np.round(values / 257.0).astype(np.uint8))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_an_avif_is_read_as_it_looks(mode: str):
    image = Image.fromarray(picture()).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(np.full((HEIGHT, WIDTH), 128, np.uint8)))
    photo = read_photo(encoded(image, "AVIF", quality=95))
    same = read_photo(encoded(image, "PNG"))
    assert photo.format == "AVIF"
    assert np.abs(photo.pixels.astype(int) - same.pixels).mean() < 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_of_an_avif_is_applied(orientation: int):
    image = Image.fromarray(laid_down(picture(), orientation))
    data = encoded(image, "AVIF", exif=with_orientation(orientation), quality=95)
    pixels = read_photo(data).pixels
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(pixels.astype(int) - picture()).mean() < 6


def test_an_orientation_of_type_byte_is_applied():
    image = Image.fromarray(laid_down(picture(), 6))
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x01\0\0\0\x01\x06\0\0\0\0\0\0\0"
    assert np.array_equal(read_photo(encoded(image, "PNG", exif=tiff)).pixels, picture())


def test_the_photo_of_an_ultra_hdr_is_read_and_not_its_gain_map():
    """As cameras write it: the photo, and behind it a small grey picture of its brightness."""
    gains = Image.fromarray(picture()[::2, ::2, 0])
    data = encoded(Image.fromarray(picture()), "MPO", save_all=True, append_images=[gains])
    assert read_photo(data).pixels.shape == (HEIGHT, WIDTH, 3)


def test_a_text_is_refused_alike_before_any_heic_was_read(tmp_path: Path):
    path = tmp_path / "one.jpg"
    path.write_bytes(b"This is a text.\n")
    program = (
        "import sys\n"
        "from gestalt_space.errors import GestaltError\n"
        "from gestalt_space.faces.photos import read_photo\n"
        "try:\n    read_photo(sys.argv[1])\n"
        "except GestaltError as error:\n    sys.stdout.write(error.code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "photo_format", done.stderr


def test_a_folder_is_refused(tmp_path: Path):
    with pytest.raises(PhotoFormatError, match="folder"):
        read_photo(tmp_path)


def test_a_missing_file_is_not_found(tmp_path: Path):
    with pytest.raises(PhotoNotFound):
        read_photo(tmp_path / "none.jpg")


def test_a_link_to_nothing_is_not_found(tmp_path: Path):
    (tmp_path / "link.jpg").symlink_to(tmp_path / "none.jpg")
    with pytest.raises(PhotoNotFound):
        read_photo(tmp_path / "link.jpg")


@pytest.mark.parametrize("name", ["a\0b.jpg", "x" * 5000, "one.png/inside.jpg"])
def test_a_path_that_cannot_be_is_a_photo_error(name: str, tmp_path: Path):
    made.photo_file(tmp_path / "one.png", 1)
    with pytest.raises(PhotoError):
        read_photo(os.path.join(tmp_path, name))  # noqa: PTH118 - Path would refuse nothing either


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_fifo_is_refused_without_waiting_for_it(tmp_path: Path):
    path = tmp_path / "pipe.jpg"
    os.mkfifo(path)
    errors: list[PhotoFormatError] = []

    def read() -> None:
        try:
            read_photo(path)
        except PhotoFormatError as error:
            errors.append(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(timeout=10)
    assert ["regular file" in error.message for error in errors] == [True]


def test_no_error_names_the_content_of_the_file():
    with pytest.raises(PhotoFormatError) as caught:
        read_photo(b"secret patient text")
    assert "secret" not in str(caught.value.as_dict())


def test_bytes_that_were_read_can_be_decoded_later():
    data = encoded(Image.fromarray(picture()), "PNG")
    photo = decode_photo(PhotoBytes("later", data, "0" * 64))
    assert (photo.name, photo.sha256) == ("later", "0" * 64)
    assert np.array_equal(photo.pixels, picture())


def test_the_pixels_may_be_written_to():
    pixels = read_photo(encoded(Image.fromarray(picture()), "PNG")).pixels
    assert pixels.flags.writeable
    assert pixels.flags.c_contiguous


def test_the_suffixes_are_lower_case_and_begin_with_a_dot():
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in SUFFIXES)
    assert {
        ".jpg",
        ".jpeg",
        ".png",
        ".webp",
        ".tif",
        ".tiff",
        ".bmp",
        ".heic",
        ".avif",
        ".jp2",
    } <= SUFFIXES
    assert ".gif" not in SUFFIXES
