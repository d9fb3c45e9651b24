"""The search through the raw bytes of files, at every byte of them.

It is a program of its own: a process that opens and closes the file of a SQLite database loses the
locks that it has on it. It reads a question from standard input and answers on standard output.
"""

from __future__ import annotations

import json
import os
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gestalt_space.gallery.erasure.pieces import WINDOW, WORD, Pieces, Words, hash_windows

CONTEXT = 64
"""Bytes around a text that are told with it."""
MOST_TOLD = 200_000
"""Places of one file that are told with what stands around them; all are counted."""
HALF = WORD // 2
_LONG = 2 * HALF - 1
_BITS = 22
_SPREAD = np.uint32(0x9E3779B1)
_AT_ONCE = 2**22
_STEP = 2**17
"""Bytes that are worked on at once: what is made of them stays in the processor's cache."""


@dataclass
class FileHits:
    """What stands in a file: at which place which text, by its number, with what is around it and
    where in that it begins; and hashes of pieces, one for each place."""

    size: int = 0
    texts: list[tuple[int, int, bytes]] = field(default_factory=list)
    """Number, its place in what is around it, and that."""
    more_texts: int = 0
    pieces: list[int] = field(default_factory=list)


class Scanner:
    """Looks for texts and for pieces."""

    def __init__(self, texts: Sequence[bytes], pieces: Pieces) -> None:
        self._texts = texts
        self._pieces = pieces.hashes
        self._near = max([WINDOW, *map(len, texts)])
        self._near += CONTEXT + -(self._near + CONTEXT) % WORD
        self._maybe_piece = np.zeros(2**_BITS, bool)
        self._maybe_piece[_of_bits(self._pieces)] = True
        # Of a text of seven bytes or more one whole half word is read, wherever it begins.
        self._halves: dict[int, list[tuple[int, int]]] = {}
        for number, text in enumerate(texts):
            for first in range(HALF) if len(text) >= _LONG else ():
                at = first + (len(text) - HALF - first) // HALF * HALF
                half = int.from_bytes(text[at : at + HALF], "little")
                self._halves.setdefault(half, []).append((number, at))
        self._wanted = np.array(sorted(self._halves), np.uint32)
        self._maybe_text = np.zeros(2**_BITS, bool)
        self._maybe_text[_of_half_bits(self._wanted)] = True

    def scan(self, path: Path) -> FileHits:
        """Search a file. Raises `OSError`."""
        found = FileHits()
        number = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            before = b""
            while block := _read(number):
                # What was read last comes again, so that nothing is cut in two.
                data = before + block
                self._scan(data, len(before), found)
                found.size += len(block)
                before = data[-self._near :]
        finally:
            os.close(number)
        return found

    def _scan(self, data: bytes, known: int, found: FileHits) -> None:
        """Search bytes; what ends within the first `known` was found before."""
        for start in range(0, len(data), _STEP):
            part = data[start : start + _STEP + WINDOW - WORD]
            hashes = hash_windows(np.frombuffer(part, "<u8", len(part) // WORD))
            at = np.flatnonzero(self._maybe_piece.take(_of_bits(hashes), mode="clip"))
            if len(at):
                at = at[start + WORD * at + WINDOW > known]
                found.pieces += _known(hashes[at], self._pieces)[1].tolist()
        if self._halves:
            for start in range(0, len(data), _STEP):
                part = data[start : start + _STEP]
                halves = np.frombuffer(part, "<u4", len(part) // HALF)
                at = np.flatnonzero(self._maybe_text.take(_of_half_bits(halves), mode="clip"))
                if not len(at):
                    continue
                which, told = _known(halves[at], self._wanted)
                places = (start + HALF * at[which]).tolist()
                for place, half in zip(places, told.tolist(), strict=True):
                    for number, inside in self._halves[half]:
                        if data.startswith(self._texts[number], max(0, place - inside)):
                            self._tell(data, known, number, place - inside, found)
        for number, text in enumerate(self._texts):
            if len(text) < _LONG:
                start = -1
                while (start := data.find(text, start + 1)) >= 0:
                    self._tell(data, known, number, start, found)

    def _tell(self, data: bytes, known: int, number: int, start: int, found: FileHits) -> None:
        """Note a text that begins at a place."""
        end = start + len(self._texts[number])
        if start < 0 or end <= known:
            return
        if len(found.texts) == MOST_TOLD:
            found.more_texts += 1
            return
        first = max(0, start - CONTEXT)
        found.texts.append((number, start - first, data[first : end + CONTEXT]))


def _known(values: NDArray[Any], ascending: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[Any]]:
    """Which of some values are among others, and these."""
    places = np.minimum(np.searchsorted(ascending, values), len(ascending) - 1)
    which = np.flatnonzero(ascending[places] == values) if len(ascending) else places[:0]
    return which, values[which]


def _read(number: int) -> bytes:
    """The next bytes of a file, a whole number of words but at its end."""
    data = os.read(number, _AT_ONCE)
    while len(data) % WORD and (more := os.read(number, WORD - len(data) % WORD)):
        data += more
    return data


def _of_bits(hashes: Words) -> NDArray[np.int64]:
    return (hashes >> np.uint64(64 - _BITS)).view(np.int64)


def _of_half_bits(halves: NDArray[np.uint32]) -> NDArray[np.int32]:
    return ((halves * _SPREAD) >> np.uint32(32 - _BITS)).view(np.int32)


def packed(array: NDArray[Any]) -> str:
    """An array as text."""
    return b64encode(array.tobytes()).decode()


def question(texts: Sequence[bytes], pieces: Pieces, paths: Sequence[Path]) -> str:
    """What the program is asked, as it reads it."""
    return json.dumps(
        {
            "texts": [b64encode(text).decode() for text in texts],
            "hashes": packed(pieces.hashes),
            "paths": [os.fspath(path) for path in paths],
        }
    )


def answers(request: str) -> Iterator[str]:
    """A line of JSON for each file that is there, in their order."""
    read = json.loads(request)
    pieces = Pieces(np.frombuffer(b64decode(read["hashes"]), np.uint64))
    scanner = Scanner([b64decode(text) for text in read["texts"]], pieces)
    for place, path in enumerate(read["paths"]):
        try:
            found = scanner.scan(Path(path))
        except FileNotFoundError:
            continue
        except OSError as error:
            yield json.dumps({"path": place, "error": error.strerror or str(error)})
            continue
        texts = [(number, at, b64encode(around).decode()) for number, at, around in found.texts]
        yield json.dumps(
            {
                "path": place,
                "bytes": found.size,
                "texts": texts,
                "more_texts": found.more_texts,
                "pieces": found.pieces,
            }
        )


if __name__ == "__main__":
    for line in answers(sys.stdin.read()):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
