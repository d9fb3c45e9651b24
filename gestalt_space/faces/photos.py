"""Photo files to upright RGB pixels. Nothing of a file is trusted; nothing is written."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError, features

from gestalt_space.errors import (
    PhotoDamaged,
    PhotoError,
    PhotoFormatError,
    PhotoNotFound,
    PhotoTooLarge,
)
from gestalt_space.faces.depth import from_range
from gestalt_space.faces.foreign import AVIF, foreign_kind
from gestalt_space.faces.tiff import open_deep
from gestalt_space.faces.tiff_samples import decode_deep
from gestalt_space.types import Photo, Pixels

FORMATS: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "AVIF", "JPEG2000")
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".tif", ".tiff", ".bmp"}
    | {".heic", ".heif", ".avif", ".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"}
)
_FORMATS_HINT = "Save the photo as JPEG, PNG, WebP, TIFF, BMP, HEIC, AVIF or JPEG 2000."
_AGAIN = "Copy the photo again from its source, or save it as PNG."
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
"""How files of the kind start that the reader of HEIC is loaded for."""

_LEAST_DEPTHS = {"F": 1.0, "I": 2.0**8 - 1}
"""The least brightest value of a grey mode; that of the others is 12 bits."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What sets an image upright, by the value of its EXIF orientation."""

# Pillow warns of what it meets in a file, and the warning filters are one for all threads.
_filters_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class PhotoLimits:
    """Caps that hold before anything is decoded."""

    max_bytes: int = 64 * 2**20
    max_pixels: int = 80_000_000


@dataclass(frozen=True, slots=True)
class PhotoBytes:
    """A photo file as it came, and the sha256 of its bytes."""

    name: str
    data: bytes
    sha256: str


def read_photo(
    source: str | os.PathLike[str] | bytes,
    *,
    name: str | None = None,
    limits: PhotoLimits | None = None,
) -> Photo:
    """Read a photo from a path, or from the bytes of a file, as upright RGB.

    Uses the first frame of an animation, applies the EXIF orientation, replaces transparency by
    white, and converts 16-bit data to 8 bits. `name` is the photo's name in results; the default is
    the path. Raises `PhotoError`.
    """
    limits = limits or PhotoLimits()
    return decode_photo(read_bytes(source, name=name, limits=limits), limits=limits)


def read_bytes(
    source: str | os.PathLike[str] | bytes,
    *,
    name: str | None = None,
    limits: PhotoLimits | None = None,
) -> PhotoBytes:
    """Read a photo's bytes, within the cap. Raises `PhotoError`."""
    limits = limits or PhotoLimits()
    if isinstance(source, bytes):
        data, name = source, name or "photo"
        _check_size(len(data), limits)
    else:
        path = Path(source)
        data, name = _read_file(path, limits), name or str(source)
    if not data:
        raise PhotoDamaged("The file is empty.", "Copy the photo again from its source.")
    return PhotoBytes(name, data, hashlib.sha256(data).hexdigest())


def decode_photo(raw: PhotoBytes, *, limits: PhotoLimits | None = None) -> Photo:
    """Decode a photo's bytes to upright RGB. Raises `PhotoError`."""
    limits = limits or PhotoLimits()
    try:
        with _no_warnings():
            deep = open_deep(raw.data)
        if deep is not None:
            _check_pixels(deep.size, limits)
            pixels, image_format = _turned(decode_deep(deep), deep.orientation), "TIFF"
        else:
            image = _open_image(raw.data)
            _check_pixels(image.size, limits)
            pixels, image_format = _to_rgb(_upright(image)), image.format or "unknown"
    except PhotoError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(limits) from error
    except UnidentifiedImageError as error:
        raise _unknown(raw.data) from error
    except Exception as error:  # decoders raise anything on hostile input
        raise PhotoDamaged(f"The image data are damaged ({_first_line(error)}).", _AGAIN) from error
    return Photo(raw.name, pixels, raw.sha256, image_format)


def _read_file(path: Path, limits: PhotoLimits) -> bytes:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise PhotoFormatError("This is a folder, not a photo.", "Give the photos in it.")
        if not stat.S_ISREG(status.st_mode):
            raise PhotoFormatError("This is not a regular file.", _FORMATS_HINT)
        _check_size(status.st_size, limits)
        return path.read_bytes()
    except FileNotFoundError as error:
        raise PhotoNotFound(
            "The file does not exist.", "Check the path and its spelling."
        ) from error
    except (OSError, ValueError) as error:
        raise PhotoError(
            f"The file cannot be read: {_first_line(error)}.", "Check the path and its permissions."
        ) from error


def _check_size(size: int, limits: PhotoLimits) -> None:
    if size > limits.max_bytes:
        raise PhotoTooLarge(
            f"The file has {size:,} bytes, more than the limit of {limits.max_bytes:,}.",
            "Save the photo smaller, or raise GESTALT_MAX_PHOTO_BYTES.",
        )


def _check_pixels(size: tuple[int, int], limits: PhotoLimits) -> None:
    width, height = size
    if width * height > limits.max_pixels:
        raise _too_many_pixels(limits, f"The image has {width} × {height} pixels,")


def _too_many_pixels(limits: PhotoLimits, what: str = "The image has") -> PhotoTooLarge:
    return PhotoTooLarge(
        f"{what} more than the limit of {limits.max_pixels:,} pixels.",
        "Save the photo smaller, or raise GESTALT_MAX_PHOTO_PIXELS.",
    )


def _unknown(data: bytes) -> PhotoError:
    kind = foreign_kind(data)
    if kind == AVIF and features.check("avif"):
        return PhotoDamaged("The image data are damaged (this AVIF cannot be opened).", _AGAIN)
    what = (
        "not a photo of a supported format" if kind is None else f"{kind}, which is not supported"
    )
    return PhotoFormatError(f"The file is {what}.", _FORMATS_HINT)


def _open_image(data: bytes) -> Image.Image:
    formats = FORMATS
    if data[4:8] == b"ftyp" and data[8:12] in HEIF_BRANDS:
        _register_heif()
        formats = (*FORMATS, "HEIF")
    with _no_warnings():
        return Image.open(io.BytesIO(data), formats=formats)


@contextmanager
def _no_warnings() -> Iterator[None]:
    with _filters_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _register_heif() -> None:
    # Imported for a HEIC photo only: the decoder's libraries are large.
    from pillow_heif import register_heif_opener

    register_heif_opener(thumbnails=False)


def _upright(image: Image.Image) -> Image.Image:
    # Only TIFF warns while it is decoded; the others are decoded by all threads at once.
    with _no_warnings() if image.format == "TIFF" else nullcontext():
        image.load()
    with _no_warnings():
        turn = _TURNS.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


def _turned(pixels: Pixels, orientation: int) -> Pixels:
    turn = _TURNS.get(orientation)
    return pixels if turn is None else np.array(Image.fromarray(pixels).transpose(turn))


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
        # Some programs write the number as a BYTE, not as a SHORT.
        return value[0] if isinstance(value, bytes) else int(value)
    except Exception:  # noqa: BLE001 - EXIF that cannot be parsed says nothing of the orientation
        return 1


def _to_rgb(image: Image.Image) -> Pixels:
    mode = image.mode
    if mode.startswith("I") or mode == "F":
        grey = from_range(np.asarray(image), least=_LEAST_DEPTHS.get(mode, 2.0**12 - 1))
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return np.array(image.convert("RGB"), dtype=np.uint8)


def _first_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")
