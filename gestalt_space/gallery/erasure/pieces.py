"""Pieces of bytes that are looked for, known by hashes alone: what they were cannot be made again.

A file is read in words of eight bytes, and each four words in a row are hashed. Whatever 64 bytes
of a blob stand in it, wherever they begin, four such windows begin in them, eight bytes apart. So
of a blob the windows that begin at eight bytes in a row are known, of each 32.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WORD = 8
WINDOW = 32
FEWEST_VALUES = 6
"""A window of fewer different bytes, of zeros say, stands in any file."""
PNG_HEAD = 33
"""Bytes with which every aligned crop begins, of whoever it is."""
_SPREAD = np.uint64(0x9E3779B97F4A7C15)

Words = NDArray[np.uint64]


@dataclass(frozen=True)
class Pieces:
    """The hashes `(n,)` of windows, ascending. `passed_over`: how many windows were left out, since
    they tell too little."""

    hashes: Words
    passed_over: int = 0

    def __len__(self) -> int:
        return len(self.hashes)


def after_head(png: bytes) -> bytes:
    """What of a crop's file is its own."""
    return png[PNG_HEAD:]


def pieces_of(blobs: Iterable[bytes]) -> Pieces:
    """The windows of blobs; one that is shorter than a window has none."""
    hashes, passed_over = [np.zeros(0, np.uint64)], 0
    for blob in blobs:
        if len(blob) < WINDOW:
            continue
        windows = _windows(blob)
        ordered = np.sort(windows, axis=1)
        tells = (ordered[:, 1:] != ordered[:, :-1]).sum(axis=1) + 1 >= FEWEST_VALUES
        words = np.ascontiguousarray(windows[tells]).view("<u8").reshape(-1)
        hashes.append(hash_windows(words)[:: WINDOW // WORD])
        passed_over += int(len(windows) - tells.sum())
    return Pieces(np.unique(np.concatenate(hashes)), passed_over)


def hash_windows(words: Words) -> Words:
    """The hash of each window of four words that begins at one of `(n,)` words: `(n - 3,)`."""
    if len(words) < WINDOW // WORD:
        return np.zeros(0, np.uint64)
    # Two and two: what is mixed of a pair serves the window two words on as well.
    mixed = words * _SPREAD
    mixed ^= mixed >> np.uint64(29)
    pairs = (mixed[:-1] + words[1:]) * _SPREAD
    pairs ^= pairs >> np.uint64(32)
    found = (pairs[:-2] + (pairs[2:] >> np.uint64(1))) * _SPREAD
    found ^= found >> np.uint64(31)
    return np.asarray(found)


def _windows(blob: bytes) -> NDArray[np.uint8]:
    last = len(blob) - WINDOW
    starts = np.arange(0, last + 1, WINDOW)[:, None] + np.arange(WORD)
    # And the last ones, where fewer follow.
    kept = np.union1d(starts[starts <= last], np.arange(max(0, last - WORD + 1), last + 1))
    return np.frombuffer(blob, np.uint8)[kept[:, None] + np.arange(WINDOW)]
