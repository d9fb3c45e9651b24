"""Whether a VCF is whole, as far as its end shows.

A file of bgzip (Li 2011) ends in an empty block, and the last line of a text ends. A file that was
cut between two lines and written anew looks like a whole file.
"""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path
from typing import BinaryIO

from gestalt_space.errors import TableDamaged, UsageError
from gestalt_space.paths import display_name

_GZIP = b"\x1f\x8b"
_BGZF = _GZIP + b"\x08\x04"
_END_OF_BGZF = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_BGZF_HEADER = 18
_BCF = b"BCF"
_PIECE = 2**20
_COPY = "Copy the file again."


def check_vcf_file(path: Path, name: str) -> bool:
    """Whether the last line ends; yes where that is not known. `name`: of the file, as it is
    shown.

    Raises `UsageError` for a file that cannot be read, and `TableDamaged` for one that is empty, or
    compressed and cut off.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(_BGZF_HEADER)
            if not start:
                raise TableDamaged(f"{name} is empty.", _COPY)
            stream.seek(0)
            if start[:4] == _BGZF and start[12:14] == b"BC":
                return _ends_bgzf(stream, name)
            if start[:2] == _GZIP:
                return _ends_gzip(stream, name)
            stream.seek(-1, os.SEEK_END)
            return stream.read() == b"\n" or start.startswith(_BCF)
    except OSError as error:
        raise UsageError(
            f"{display_name(path)} cannot be read: {error.strerror}.", "Check the path."
        ) from error


def _ends_bgzf(stream: BinaryIO, name: str) -> bool:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - len(_END_OF_BGZF)))
    if stream.read() != _END_OF_BGZF:
        raise TableDamaged(f"{name} is cut off: its last block is missing.", _COPY)
    # From header to header: each has the length of its block, less 1, at its end.
    at, last = 0, None
    while at < size:
        stream.seek(at)
        header = stream.read(_BGZF_HEADER)
        if header[:4] != _BGZF or header[12:14] != b"BC":
            return True  # not as bgzip writes it; htslib judges that
        length = int.from_bytes(header[16:18], "little") + 1
        if length > len(_END_OF_BGZF):
            last = (at, length)
        at += length
    if last is None:
        return True
    stream.seek(last[0])
    try:
        text = zlib.decompress(stream.read(last[1]), wbits=31)
    except zlib.error:
        return True  # htslib says which line cannot be read
    stream.seek(0)
    is_bcf = zlib.decompressobj(wbits=31).decompress(stream.read(2**16), 3) == _BCF
    return text.endswith(b"\n") or is_bcf


def _ends_gzip(stream: BinaryIO, name: str) -> bool:
    end = b"\n"
    try:
        with gzip.open(stream) as lines:
            while piece := lines.read(_PIECE):
                end = piece[-1:]
    except EOFError as error:
        raise TableDamaged(f"{name} is cut off: its compressed end is missing.", _COPY) from error
    except (OSError, zlib.error):
        return True  # htslib says which line cannot be read
    return end == b"\n"
