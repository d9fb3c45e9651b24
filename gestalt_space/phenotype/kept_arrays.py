"""Arrays kept on disk, so that what takes long is made once and not at each start. They are a help
only: where they are missing, damaged or cannot be written, the arrays are made again."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gestalt_space.atomic_files import make_private_folder, replacing

T = TypeVar("T")
Arrays = Mapping[str, NDArray[np.generic]]

_DIGEST = hashlib.sha256().digest_size
_MOST_FILES = 4
"""Files of one kind that are kept: releases in use, and those of other versions of this code."""


def kept(
    folder: Path,
    kind: str,
    sources: Iterable[Path],
    make: Callable[[], T],
    pack: Callable[[T], Arrays],
    unpack: Callable[[Arrays], T],
) -> T:
    """What `make` gives, from a file in `folder` where it was made from the same bytes before.

    `sources`: the files that it is made from, also the modules that make it: a file made by other
    code is never read. Raises `OSError` where one cannot be read, and what
    `make` raises.
    """
    path = folder / f"{kind}-{_fingerprint(sources)}.arrays"
    if (data := _whole(path)) is not None:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return unpack(arrays)
    made = make()
    with suppress(OSError):
        make_private_folder(folder)
        stream = io.BytesIO()
        np.savez(stream, **pack(made))  # type: ignore[arg-type]
        with replacing(path) as aside:
            aside.write_bytes(hashlib.sha256(stream.getbuffer()).digest() + stream.getbuffer())
        _delete_older(folder, kind)
    return made


def packed_texts(texts: Sequence[str]) -> NDArray[np.uint8]:
    """Texts without line breaks as an array of bytes."""
    return np.frombuffer("\n".join(texts).encode("utf-8", "surrogatepass"), np.uint8)


def unpacked_texts(data: NDArray[np.generic], count: int) -> tuple[str, ...]:
    """The texts of `packed_texts`. Raises `ValueError` for another number of them."""
    texts = data.tobytes().decode("utf-8", "surrogatepass").split("\n") if count else []
    if len(texts) != count:
        raise ValueError(f"{len(texts)} texts instead of {count}")
    return tuple(texts)


def _whole(path: Path) -> memoryview | None:
    """What was kept in a file, behind its checksum; None where it is not there or damaged."""
    try:
        data = memoryview(path.read_bytes())
    except OSError:
        return None
    digest, rest = data[:_DIGEST], data[_DIGEST:]
    return rest if hashlib.sha256(rest).digest() == digest else None


def _fingerprint(sources: Iterable[Path]) -> str:
    found = hashlib.sha256()
    for path in sources:
        with path.open("rb") as stream:
            found.update(hashlib.file_digest(stream, "sha256").digest())
    return found.hexdigest()[:32]


def _delete_older(folder: Path, kind: str) -> None:
    paths = sorted(folder.glob(f"{kind}-*.arrays"), key=lambda path: path.stat().st_mtime)
    for path in paths[:-_MOST_FILES]:
        path.unlink(missing_ok=True)
