"""Arrays kept on disk, so that a release of HPO is parsed once and not at each start. They are a
help only: where they are missing, damaged or cannot be written, the files are parsed again."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gestalt_space.atomic_files import make_private_folder, replacing

T = TypeVar("T")
Arrays = Mapping[str, NDArray[np.generic]]

_MOST_FILES = 4
"""Files of one kind that are kept: releases in use, and those of other versions of this code."""
_CODE = ("annotation_files.py", "annotations.py", "obo.py", "ontology.py", "profiles.py")
"""Modules whose results are kept: a file made by other code is never read."""


def kept(
    folder: Path,
    kind: str,
    sources: Iterable[Path],
    make: Callable[[], T],
    pack: Callable[[T], Arrays],
    unpack: Callable[[Arrays], T],
) -> T:
    """What `make` gives, from a file in `folder` where it was made from the same bytes before.

    `sources`: the files that it is made from. Raises `OSError` where one cannot be read, and what
    `make` raises.
    """
    path = folder / f"{kind}-{_fingerprint(sources)}.npz"
    with (
        suppress(OSError, ValueError, KeyError, IndexError, zipfile.BadZipFile),
        np.load(path, allow_pickle=False) as arrays,
    ):
        return unpack(arrays)
    made = make()
    with suppress(OSError):
        make_private_folder(folder)
        with replacing(path) as aside, aside.open("wb") as stream:
            np.savez(stream, **pack(made))  # type: ignore[arg-type]
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


def _fingerprint(sources: Iterable[Path]) -> str:
    found = hashlib.sha256()
    for path in (*sources, *(Path(__file__).with_name(name) for name in _CODE)):
        with path.open("rb") as stream:
            found.update(hashlib.file_digest(stream, "sha256").digest())
    return found.hexdigest()[:32]


def _delete_older(folder: Path, kind: str) -> None:
    paths = sorted(folder.glob(f"{kind}-*.npz"), key=lambda path: path.stat().st_mtime)
    for path in paths[:-_MOST_FILES]:
        path.unlink(missing_ok=True)
