"""Searching files for what was erased, and whose it is that is found: what others have as well is
theirs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from gestalt_space.errors import ErasureUnfinished
from gestalt_space.gallery.erasure.forms import SHORT, Text, TextPattern, forms_of
from gestalt_space.gallery.erasure.pieces import Pieces, after_head, pieces_of
from gestalt_space.gallery.erasure.places import FilesToSearch
from gestalt_space.gallery.erasure.scanning import question
from gestalt_space.index.codes import encode
from gestalt_space.names import likeness
from gestalt_space.paths import display_name
from gestalt_space.store import erasures

PIECE = "piece of a descriptor or a crop"
FILE_NAME = "name of a file"


@dataclass(frozen=True, slots=True)
class FileTrace:
    """That something stands in a file, so often."""

    path: str
    what: str
    count: int


@dataclass(frozen=True, slots=True)
class SearchReport:
    """A search. `found`: what should not be there. `others`: what is in rows of others as well, or
    a part of a text of theirs. `uncertain`: of texts so short that they stand there by chance.
    `unreadable`: files that could not be read, with why. `not_searched`: texts too short for it.
    `passed_over`: which files were not searched, in words."""

    files: int = 0
    bytes: int = 0
    texts: int = 0
    pieces: int = 0
    pieces_passed_over: int = 0
    found: tuple[FileTrace, ...] = ()
    others: tuple[FileTrace, ...] = ()
    uncertain: tuple[FileTrace, ...] = ()
    unreadable: tuple[str, ...] = ()
    not_searched: int = 0
    passed_over: tuple[str, ...] = ()

    @property
    def hits(self) -> int:
        """How often something stands where it should not."""
        return sum(one.count for one in self.found)


def search_files(
    places: FilesToSearch,
    texts: Sequence[Text],
    pieces: Pieces,
    *,
    session: Session,
    scales: Callable[[], Sequence[float]] = tuple,
    progress: Callable[[int], object] | None = None,
) -> SearchReport:
    """Search the raw bytes of files, and their names, for texts in all their forms, and for pieces.

    `session`: tells what others have. `scales`: of the codes on disk, in which others' descriptors
    stand as well. `progress` is given the bytes searched so far. Raises `ErasureUnfinished` where
    the search could not be made.
    """
    forms = [(text, form) for text in texts for form in forms_of(text) if len(form.data) >= 4]
    searched = {text for text, _ in forms}
    counts: dict[str, Counter[tuple[str, str]]] = {
        kind: Counter() for kind in ("found", "others", "uncertain")
    }
    theirs = _OfOthers(session, scales, pieces)
    files = size = 0
    unreadable: list[str] = []
    paths = places.files
    for path in places.strangers:
        count = sum(_names(path.name, text) for text in texts)
        if count:
            counts["found"][display_name(path), FILE_NAME] += count
    for answer in _asked([form.data for _, form in forms], pieces, paths):
        place = display_name(paths[answer["path"]])
        if "error" in answer:
            unreadable.append(f"{place}: {answer['error']}")
            continue
        files, size = files + 1, size + answer["bytes"]
        for number, at, around in answer["texts"]:
            text, form = forms[number]
            if theirs.has_text(text, form, b64decode(around), at):
                kind = "others"
            else:
                kind = "uncertain" if len(form.data) < SHORT else "found"
            counts[kind][place, text.what] += 1
        if answer["more_texts"]:
            counts["found"][place, "more texts than can be told apart"] += answer["more_texts"]
        for piece in answer["pieces"]:
            counts["others" if theirs.has_piece(piece) else "found"][place, PIECE] += 1
        if progress is not None:
            progress(size)
    return SearchReport(
        files=files,
        bytes=size,
        texts=len(texts),
        pieces=len(pieces),
        pieces_passed_over=pieces.passed_over,
        unreadable=tuple(unreadable),
        passed_over=places.passed_over,
        not_searched=sum(text not in searched for text in texts),
        **{
            kind: tuple(FileTrace(path, what, count) for (path, what), count in found.items())
            for kind, found in counts.items()
        },
    )


class _OfOthers:
    """What the gallery has in its rows: looked up when it is asked for, and kept."""

    def __init__(
        self, session: Session, scales: Callable[[], Sequence[float]], pieces: Pieces
    ) -> None:
        self._session = session
        self._scales = scales
        self._pieces = pieces
        self._texts: dict[Text, set[bytes]] = {}
        self._known: set[int] | None = None

    def has_text(self, text: Text, form: TextPattern, around: bytes, at: int) -> bool:
        """Whether a text that was found is, or is a part of, a text in a row."""
        if text not in self._texts:
            parts = {text.value, likeness(text.value), json.dumps(text.value)[1:-1]}
            self._texts[text] = {
                value.encode()
                for part in parts
                for place, value in erasures.texts_with(self._session, part)
                # What the trail tells is nobody's row.
                if not place.startswith(("audit_event.", "erasure."))
            }
        around, start = form.read(around, at)
        part = around[start : start + form.length]
        if len(part) < form.length:  # nothing that can be read there
            return False
        for value in self._texts[text]:
            place = value.find(part)
            while place >= 0:
                # What is around it may be cut off.
                first, last = max(0, start - place), min(len(around), start - place + len(value))
                if around[first:last] == value[first - (start - place) :][: last - first]:
                    return True
                place = value.find(part, place + 1)
        return False

    def has_piece(self, piece: int) -> bool:
        """Whether a piece that was found is of a descriptor or a crop in a row."""
        if self._known is None:
            self._known = set()
            scales = self._scales()
            for space, blob in erasures.blobs(self._session):
                same = self._shared(after_head(blob) if space is None else blob)
                self._known |= same
                if same and space is not None:
                    for scale in scales:
                        self._known |= self._shared(codes_of(blob, scale))
        return piece in self._known

    def _shared(self, blob: bytes) -> set[int]:
        hashes = pieces_of([blob]).hashes
        return set(hashes[np.isin(hashes, self._pieces.hashes)].tolist())


def codes_of(vector: bytes, scale: float) -> bytes:
    """A stored descriptor as a segment with codes of that scale has it."""
    numbers = np.frombuffer(vector, "<f4", len(vector) // 4)
    with np.errstate(all="ignore"):  # one that is damaged as well
        return encode(numbers[None], scale)[0].tobytes()


def _names(name: str, text: Text) -> bool:
    """Whether the name of a file has an identifier or the name of a photo in it."""
    if text.what not in ("identifier", "photo name"):
        return False
    whole = rf"(?<![^\W_]){re.escape(text.value)}(?![^\W_])"
    return re.search(whole, name) is not None


def _asked(
    texts: Sequence[bytes], pieces: Pieces, paths: Sequence[Path]
) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "gestalt_space.gallery.erasure.scanning"]
    roots = os.pathsep.join(filter(None, sys.path))
    with subprocess.Popen(  # noqa: S603 - our own program
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        # An interruption is for us: we end it.
        start_new_session=os.name == "posix",
        env=os.environ | {"PYTHONPATH": roots, "PYTHONIOENCODING": "utf-8", "PYTHONUTF8": "1"},
    ) as program:
        assert program.stdin is not None  # noqa: S101
        assert program.stdout is not None  # noqa: S101
        try:
            program.stdin.write(question(texts, pieces, paths))
            program.stdin.close()
            for line in program.stdout:
                yield json.loads(line)
        except BrokenPipeError:
            pass
        finally:
            if program.poll() is None and sys.exc_info()[0] is not None:
                program.kill()
    if program.returncode:
        raise ErasureUnfinished(
            f"The search of the files failed: it ended with {program.returncode}.",
            "Run `gestalt index erase --resume`.",
        )
