"""Texts as 64-bit numbers, so that columns of them can be mapped and compared without the texts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

UNKNOWN = 0
"""Stands for the empty text, and for no other."""


def hash64(text: str) -> int:
    """The first 8 bytes of the text's BLAKE2b as a signed little-endian number.

    The same on every machine. 0 for the empty text alone. Halves of characters, which file names
    may have, are hashed as they are.
    """
    if not text:
        return UNKNOWN
    data = text.encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(data, digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True) or 1


def hash64_all(texts: Sequence[str]) -> NDArray[np.int64]:
    """The numbers of `(n,)` texts: `(n,)`. Each different text is hashed once."""
    known = {text: hash64(text) for text in set(texts)}
    return np.fromiter(map(known.__getitem__, texts), dtype=np.int64, count=len(texts))
