"""TIFFs of more than 8 bits a sample, which Pillow reads in part, and in part wrongly.

OpenCV decodes the samples. It never sees the file's own directory of tags, but one written here
from the tags that were checked: so the caps hold for what is decoded, the planes of a planar file
are decoded one by one, and what the samples mean (white is zero, alpha, CMYK) is settled here.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import TiffImagePlugin

from gestalt_space.errors import PhotoDamaged, PhotoFormatError
from gestalt_space.faces.depth import from_range, from_type
from gestalt_space.faces.opencv import no_notices
from gestalt_space.types import Pixels


class Tag(IntEnum):
    """Tags of a TIFF, by the names of its specification (TIFF 6.0)."""

    NEW_SUBFILE_TYPE = 254
    IMAGE_WIDTH = 256
    IMAGE_LENGTH = 257
    BITS_PER_SAMPLE = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    FILL_ORDER = 266
    STRIP_OFFSETS = 273
    ORIENTATION = 274
    SAMPLES_PER_PIXEL = 277
    ROWS_PER_STRIP = 278
    STRIP_BYTE_COUNTS = 279
    PLANAR_CONFIGURATION = 284
    PREDICTOR = 317
    TILE_WIDTH = 322
    TILE_LENGTH = 323
    TILE_OFFSETS = 324
    TILE_BYTE_COUNTS = 325
    EXTRA_SAMPLES = 338
    SAMPLE_FORMAT = 339


DEEP = (16, 32, 64)
"""Bits of a grey sample that are read here."""
UNSIGNED, FLOAT = 1, 3
"""Values of the tag SampleFormat."""
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, CMYK = 0, 1, 2, 5
"""Values of the tag PhotometricInterpretation."""
COLOURS = {WHITE_IS_ZERO: "grey", BLACK_IS_ZERO: "grey", RGB: "RGB", CMYK: "CMYK"} | {
    3: "palette",
    6: "YCbCr",
    8: "CIELab",
}
RAW = (32803, 34892)
"""The same, in raw files of cameras."""
REDUCED = 1
"""The bit of NewSubfileType that says: a small copy of another picture of the file."""
SAMPLES = {WHITE_IS_ZERO: (1,), BLACK_IS_ZERO: (1,), RGB: (3, 4), CMYK: (4,)}
"""How many samples a pixel may have."""
ASSOCIATED, UNASSOCIATED = 1, 2
"""Values of ExtraSamples: colours that are multiplied by alpha already, or not."""
_LEAST_DEPTHS = {"uint16": 2.0**12 - 1, "uint32": 2.0**8 - 1}
"""The least brightest value of integer grey."""
COMPRESSIONS = (1, 5, 8, 32773, 32946)
"""None, LZW, deflate, PackBits, deflate by its old number."""
LARGEST_TILE = 2**26
"""Pixels of a tile or strip."""
BIG_ENDIAN_BIGTIFF = b"MM\0\x2b"
HEADERS = (b"II*\0", b"MM\0*", b"II\x2b\0")

Tags = Mapping[int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class DeepTiff:
    """The first picture of a TIFF: the bytes of the file, and the numbers of its tags."""

    data: bytes = field(repr=False)
    tags: Tags

    def one(self, tag: Tag, default: int) -> int:
        """The tag's first number."""
        return (*self.tags.get(tag, ()), default)[0]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, as stored."""
        return self.one(Tag.IMAGE_WIDTH, 0), self.one(Tag.IMAGE_LENGTH, 0)

    @property
    def orientation(self) -> int:
        """The value of EXIF's orientation, 1 where there is none."""
        return self.one(Tag.ORIENTATION, 1)

    @property
    def colours(self) -> int:
        """A value of PhotometricInterpretation."""
        return self.one(Tag.PHOTOMETRIC, BLACK_IS_ZERO)

    @property
    def samples(self) -> int:
        """Samples of a pixel."""
        return self.one(Tag.SAMPLES_PER_PIXEL, 1)

    @property
    def planar(self) -> bool:
        """Whether each sample has a plane of its own."""
        return self.one(Tag.PLANAR_CONFIGURATION, 1) == 2 and self.samples > 1

    @property
    def tiled(self) -> bool:
        """Whether the picture is stored in tiles, not strips."""
        return Tag.TILE_OFFSETS in self.tags

    def name(self) -> str:
        """What the file is, in words."""
        kind = {UNSIGNED: "", FLOAT: " float"}.get(self.one(Tag.SAMPLE_FORMAT, 1), " signed")
        colours = COLOURS.get(self.colours, f"colour model {self.colours}")
        alpha = " and alpha" if self.samples == (2 if self.colours <= 1 else 4) else ""
        planes = " in planes" if self.planar else ""
        return f"a {self.one(Tag.BITS_PER_SAMPLE, 1)}-bit{kind} {colours}{alpha} TIFF{planes}"


def open_deep(data: bytes) -> DeepTiff | None:
    """The first picture of a TIFF that is for `decode_deep`: more than 8 bits a sample, above all.

    `None` for any other file, which Pillow reads. Raises `PhotoFormatError` for one that is not read, by its name.
    """
    if data[:4] == BIG_ENDIAN_BIGTIFF:
        raise _unread("a BigTIFF in big-endian order")
    if data[:4] not in HEADERS:
        return None
    tiff = DeepTiff(data, _tags(data))
    if tiff.colours in RAW or tiff.one(Tag.NEW_SUBFILE_TYPE, 0) & REDUCED:
        raise _unread(
            "a raw file of a camera, or a TIFF that begins with a small copy of the photo"
        )
    if _is_for_pillow(tiff):
        return None
    bits = set(tiff.tags.get(Tag.BITS_PER_SAMPLE, (1,)))
    formats = set(tiff.tags.get(Tag.SAMPLE_FORMAT, (UNSIGNED,)))
    if (
        tiff.samples not in SAMPLES.get(tiff.colours, ())
        or bits not in ({16}, {32}, {64})
        or formats not in ({UNSIGNED}, {FLOAT})
        or (bits, formats) == ({16}, {FLOAT})
    ):
        raise _unread(tiff.name())
    if tiff.one(Tag.COMPRESSION, 1) not in COMPRESSIONS:
        raise _unread(f"{tiff.name()} with compression {tiff.one(Tag.COMPRESSION, 1)}")
    return tiff


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


def _is_for_pillow(tiff: DeepTiff) -> bool:
    """8 bits and less, but for planes with associated alpha, and odd kinds of grey."""
    bits = tiff.tags.get(Tag.BITS_PER_SAMPLE, (1,))
    if tiff.samples == 1:
        is_usual = tiff.one(Tag.SAMPLE_FORMAT, UNSIGNED) in (UNSIGNED, FLOAT)
        return bits[0] not in DEEP or not is_usual
    return max(bits) <= 8 and not (tiff.planar and tiff.one(Tag.EXTRA_SAMPLES, 0) == ASSOCIATED)


def _share(colours: NDArray[np.uint8], parts: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colours times parts of 255."""
    product = colours.astype(np.uint32) * parts
    return np.asarray((product + 127) // 255, np.uint8)


def _tags(data: bytes) -> Tags:
    """The numbers of those tags of the first picture that stand in `Tag`."""
    header = 16 if data[2] == 0x2B else 8
    directory = TiffImagePlugin.ImageFileDirectory_v2(data[:header])
    stream = io.BytesIO(data)
    stream.seek(directory.next)
    directory.load(stream)
    found = {}
    for tag in Tag:
        value = directory.get(tag)
        # A tag of type BYTE is given as bytes, one of a single number as that number.
        values = (value,) if isinstance(value, int) else value
        if isinstance(values, tuple | bytes) and all(isinstance(one, int) for one in values):
            found[int(tag)] = tuple(values)
    return found


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
    return samples if count == 1 else samples[:, :, [2, 1, 0, 3][:count]]


def _with_directory(data: bytes, directory: Mapping[Tag, tuple[int, ...]]) -> bytes:
    """The file with that directory, at its end, in place of its own."""
    order = "little" if data[:2] == b"II" else "big"
    at = len(data) + len(data) % 2
    entries, far = [], b""
    far_at = at + 2 + 12 * sum(bool(values) for values in directory.values()) + 4
    for tag, values in sorted(directory.items()):
        short = tag in _SHORT
        packed = b"".join(value.to_bytes(2 if short else 4, order) for value in values)
        if not values:
            continue
        if len(packed) > 4:
            far, packed = far + packed, (far_at + len(far)).to_bytes(4, order)
        entries.append(
            tag.to_bytes(2, order)
            + (3 if short else 4).to_bytes(2, order)
            + len(values).to_bytes(4, order)
            + packed.ljust(4, b"\0")
        )
    header = data[:2] + (42).to_bytes(2, order) + at.to_bytes(4, order)
    listed = len(entries).to_bytes(2, order) + b"".join(entries) + bytes(4)
    return header + data[8:] + bytes(len(data) % 2) + listed + far


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
_AGAIN = "Copy the photo again from where it came, or save it anew as PNG."


def _unread(name: str) -> PhotoFormatError:
    return PhotoFormatError(
        f"The file is {name}, which is not read.", "Save the photo as PNG, or as an 8-bit TIFF."
    )
