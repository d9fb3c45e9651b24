"""The samples of deep TIFFs, and what they mean: white is zero, alpha, CMYK.

OpenCV decodes them. It never sees the file's own directory of tags, but one written here from the
tags that were checked: so the caps hold for what is decoded, and the planes of a planar file, which
OpenCV garbles, are decoded one by one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import PhotoDamaged
from gestalt_space.faces.depth import from_range, from_type
from gestalt_space.faces.opencv import no_notices
from gestalt_space.faces.tiff import (
    ASSOCIATED,
    BLACK_IS_ZERO,
    CMYK,
    RGB,
    UNASSOCIATED,
    UNSIGNED,
    WHITE_IS_ZERO,
    DeepTiff,
    Tag,
)
from gestalt_space.types import Pixels

_LEAST_DEPTHS = {"uint16": 2.0**12 - 1, "uint32": 2.0**8 - 1}
"""The least brightest value of integer grey."""
LARGEST_TILE = 2**26
"""Pixels of a tile or strip."""
_SHORT = frozenset(
    {
        Tag.BITS_PER_SAMPLE,
        Tag.COMPRESSION,
        Tag.EXTRA_SAMPLES,
        Tag.FILL_ORDER,
        Tag.PHOTOMETRIC,
        Tag.PREDICTOR,
        Tag.SAMPLE_FORMAT,
        Tag.SAMPLES_PER_PIXEL,
    }
)
"""Tags that are written as numbers of 16 bits; the others are of 32."""
_DAMAGED = "The image data are damaged (parts of the TIFF are missing)."
_AGAIN = "Copy the photo again from its source, or save it as PNG."


def decode_deep(tiff: DeepTiff) -> Pixels:
    """The picture as stored, `(h, w, 3)` uint8: not turned by its orientation.

    Grey and floats are brought to 8 bits by their range, integer colours by their type, alpha is
    laid on white, CMYK becomes RGB without a profile. Raises `PhotoDamaged`.
    """
    samples = _samples(tiff)
    if tiff.colours in (WHITE_IS_ZERO, BLACK_IS_ZERO):
        grey = from_range(samples[:, :, 0], least=_LEAST_DEPTHS.get(samples.dtype.name, 1.0))
        grey = 255 - grey if tiff.colours == WHITE_IS_ZERO else grey
        return np.repeat(grey[:, :, None], 3, axis=2)
    if samples.dtype.kind == "f":
        colours = from_range(samples[:, :, :3], least=1.0)
        others = from_range(samples[:, :, 3:], least=1.0)
    else:
        colours, others = from_type(samples[:, :, :3]), from_type(samples[:, :, 3:])
    if tiff.colours == CMYK:
        return _share(255 - colours, 255 - others)
    extra = tiff.one(Tag.EXTRA_SAMPLES, 0) if others.shape[2] else 0
    if extra == UNASSOCIATED:
        colours = _share(colours, others)
    if extra in (ASSOCIATED, UNASSOCIATED):
        return np.asarray(np.minimum(colours.astype(np.uint16) + 255 - others, 255), np.uint8)
    return colours


def _share(colours: NDArray[np.uint8], parts: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colours times parts of 255."""
    product = colours.astype(np.uint32) * parts
    return np.asarray((product + 127) // 255, np.uint8)


def _samples(tiff: DeepTiff) -> NDArray[np.generic]:
    """All samples `(h, w, samples)`, of the file's own type."""
    _check_layout(tiff)
    planes = [_decoded(tiff, directory) for directory in _directories(tiff)]
    return np.concatenate(planes, axis=2)


def _check_layout(tiff: DeepTiff) -> None:
    """That all parts of the picture lie within the file, and are of a size that can be."""
    offsets, counts = _parts(tiff)
    width, height = tiff.size
    if tiff.tiled:
        part = tiff.one(Tag.TILE_WIDTH, 0), tiff.one(Tag.TILE_LENGTH, 0)
    else:
        part = width, min(height, tiff.one(Tag.ROWS_PER_STRIP, height))
    if min(part) < 1 or part[0] * part[1] > max(LARGEST_TILE, width * height):
        raise PhotoDamaged(_DAMAGED, _AGAIN)
    wanted = -(-width // part[0]) * -(-height // part[1]) * (tiff.samples if tiff.planar else 1)
    within = all(at + count <= len(tiff.data) for at, count in zip(offsets, counts, strict=False))
    if not len(offsets) == len(counts) == wanted or not within:
        raise PhotoDamaged(_DAMAGED, _AGAIN)


def _parts(tiff: DeepTiff) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Where the strips or tiles begin, and how many bytes each has."""
    if tiff.tiled:
        return tiff.tags[Tag.TILE_OFFSETS], tiff.tags.get(Tag.TILE_BYTE_COUNTS, ())
    return tiff.tags.get(Tag.STRIP_OFFSETS, ()), tiff.tags.get(Tag.STRIP_BYTE_COUNTS, ())


def _directories(tiff: DeepTiff) -> Iterator[dict[Tag, tuple[int, ...]]]:
    """The tags that OpenCV is shown: of the picture, or of each of its planes as a grey one."""
    planes = tiff.samples if tiff.planar else 1
    samples = tiff.samples // planes
    offsets, counts = _parts(tiff)
    each = len(offsets) // planes
    shared = {
        tag: tiff.tags[tag]
        for tag in (
            Tag.IMAGE_WIDTH,
            Tag.IMAGE_LENGTH,
            Tag.COMPRESSION,
            Tag.FILL_ORDER,
            Tag.ROWS_PER_STRIP,
            Tag.PREDICTOR,
            Tag.TILE_WIDTH,
            Tag.TILE_LENGTH,
        )
        if tag in tiff.tags
    }
    where, sizes = (
        (Tag.TILE_OFFSETS, Tag.TILE_BYTE_COUNTS)
        if tiff.tiled
        else (Tag.STRIP_OFFSETS, Tag.STRIP_BYTE_COUNTS)
    )
    for plane in range(planes):
        part = slice(plane * each, (plane + 1) * each)
        yield shared | {
            Tag.BITS_PER_SAMPLE: (tiff.one(Tag.BITS_PER_SAMPLE, 1),) * samples,
            Tag.SAMPLE_FORMAT: (tiff.one(Tag.SAMPLE_FORMAT, UNSIGNED),) * samples,
            Tag.SAMPLES_PER_PIXEL: (samples,),
            Tag.PHOTOMETRIC: (BLACK_IS_ZERO if samples == 1 else RGB,),
            Tag.EXTRA_SAMPLES: (UNASSOCIATED,) * (samples == 4),
            where: offsets[part],
            sizes: counts[part],
        }


def _decoded(tiff: DeepTiff, directory: Mapping[Tag, tuple[int, ...]]) -> NDArray[np.generic]:
    """The samples `(h, w, samples)` of what a directory describes."""
    data = _with_directory(tiff.data, directory)
    with no_notices(errors=False):
        samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    count = directory[Tag.SAMPLES_PER_PIXEL][0]
    if samples is None or samples.size != tiff.size[0] * tiff.size[1] * count:
        raise PhotoDamaged(_DAMAGED, _AGAIN)
    samples = samples.reshape(tiff.size[1], tiff.size[0], count)
    # OpenCV gives BGR.
    return np.asarray(samples if count == 1 else samples[:, :, [2, 1, 0, 3][:count]])


def _with_directory(data: bytes, directory: Mapping[Tag, tuple[int, ...]]) -> bytes:
    """The file with that directory, at its end, in place of its own."""
    order = "<" if data[:2] == b"II" else ">"
    listed = [(tag, values) for tag, values in sorted(directory.items()) if values]
    at = len(data) + len(data) % 2
    far_at = at + 2 + 12 * len(listed) + 4
    entries, far = b"", b""
    for tag, values in listed:
        code, letter = (3, "H") if tag in _SHORT else (4, "I")
        packed = struct.pack(f"{order}{len(values)}{letter}", *values)
        if len(packed) > 4:
            place = struct.pack(f"{order}I", far_at + len(far))
            far += packed
        else:
            place = packed.ljust(4, b"\0")
        entries += struct.pack(f"{order}HHI", tag, code, len(values)) + place
    header = data[:2] + struct.pack(f"{order}HI", 42, at)
    count = struct.pack(f"{order}H", len(listed))
    return header + data[8:] + bytes(at - len(data)) + count + entries + bytes(4) + far
