"""What a TIFF is, by its tags: one that Pillow reads, a deep one, or one to be refused by name.

Deep ones have more than 8 bits a sample. Pillow reads some of them, and some wrongly: they are
decoded in `tiff_samples`.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from PIL import TiffImagePlugin

from gestalt_space.errors import PhotoFormatError


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
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
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
COMPRESSIONS = (1, 5, 8, 32773, 32946)
"""None, LZW, deflate, PackBits, deflate by its old number."""
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
    """The first picture of a TIFF that is for `decode_deep`; `None` for any other file.

    Raises `PhotoFormatError` for one that nothing here reads, and says what it is.
    """
    if data[:4] == BIG_ENDIAN_BIGTIFF:
        raise _unread("a BigTIFF in big-endian order")
    if data[:4] not in HEADERS:
        return None
    tiff = DeepTiff(data, _tags(data))
    if tiff.colours in RAW or tiff.one(Tag.NEW_SUBFILE_TYPE, 0) & REDUCED:
        raise _unread("a raw camera file, or a TIFF that starts with a small copy of the photo")
    if tiff.one(Tag.SAMPLE_FORMAT, UNSIGNED) == SIGNED:
        raise _unread(tiff.name())
    if _is_for_pillow(tiff):
        return None
    bits = set(tiff.tags.get(Tag.BITS_PER_SAMPLE, (1,)))
    formats = set(tiff.tags.get(Tag.SAMPLE_FORMAT, (UNSIGNED,)))
    if (
        tiff.samples not in SAMPLES.get(tiff.colours, ())
        or bits not in ({16}, {32}, {64})
        or formats not in ({UNSIGNED}, {FLOAT})
        or (bits, formats) in (({16}, {FLOAT}), ({64}, {UNSIGNED}))
    ):
        raise _unread(tiff.name())
    if tiff.one(Tag.COMPRESSION, 1) not in COMPRESSIONS:
        raise _unread(f"{tiff.name()} with compression {tiff.one(Tag.COMPRESSION, 1)}")
    return tiff


def _is_for_pillow(tiff: DeepTiff) -> bool:
    """8 bits and less, but for planes with associated alpha, and odd kinds of grey."""
    bits = tiff.tags.get(Tag.BITS_PER_SAMPLE, (1,))
    if tiff.samples == 1:
        is_usual = tiff.one(Tag.SAMPLE_FORMAT, UNSIGNED) in (UNSIGNED, FLOAT)
        return bits[0] not in DEEP or not is_usual
    return max(bits) <= 8 and not (tiff.planar and tiff.one(Tag.EXTRA_SAMPLES, 0) == ASSOCIATED)


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


def _unread(name: str) -> PhotoFormatError:
    return PhotoFormatError(
        f"The file is {name}, which is not supported.",
        "Save the photo as PNG, or as an 8-bit TIFF.",
    )
