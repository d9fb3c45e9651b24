"""The search at every byte of a file."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.gallery.erasure import scanning
from gestalt_space.gallery.erasure.pieces import pieces_of
from gestalt_space.gallery.erasure.scanning import CONTEXT, Scanner, answers, question

TEXTS = (b"1234", b"PAT17", b"P17p17", b"PAT-17X", b"PAT-2024-0017", bytes(range(65, 91)) * 3)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a file of a few thousand bytes is read in many."""
    monkeypatch.setattr(scanning, "_AT_ONCE", 256)
    monkeypatch.setattr(scanning, "_STEP", 64)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_found_at_every_place_once(
    text: bytes, tmp_path: Path, rng: np.random.Generator
) -> None:
    scanner = Scanner(TEXTS, pieces_of([]))
    path = tmp_path / "file"
    for place in (0, 1, 2, 3, 5, *range(250 - len(text), 262), 1000, 1200 - len(text)):
        data = bytearray(rng.integers(128, 255, 1200, dtype=np.uint8).tobytes())
        data[place : place + len(text)] = text
        path.write_bytes(data)
        found = scanner.scan(path)
        assert found.size == 1200
        ((number, at, around),) = found.texts
        assert TEXTS[number] == text
        assert around[at : at + len(text)] == text
        assert around[:at] == data[max(0, place - at) : place]
        assert at <= CONTEXT


def test_pieces_at_the_edges_of_blocks_are_found_once(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    blob = rng.bytes(64)
    scanner = Scanner((), pieces_of([blob]))
    alone = len(_found(scanner, tmp_path, blob))
    assert alone
    for place in range(180, 264):
        assert len(_found(scanner, tmp_path, rng.bytes(place) + blob + rng.bytes(300))) >= 1


def _found(scanner: Scanner, folder: Path, data: bytes) -> list[int]:
    (folder / "file").write_bytes(data)
    return scanner.scan(folder / "file").pieces


def test_many_places_are_counted_and_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanning, "MOST_TOLD", 3)
    (tmp_path / "file").write_bytes(b"PAT-2024-0017 " * 10)
    found = Scanner(TEXTS, pieces_of([])).scan(tmp_path / "file")
    assert (len(found.texts), found.more_texts) == (3, 7)


def test_the_program_answers_for_each_file_that_is_there(tmp_path: Path) -> None:
    there, gone, folder = tmp_path / "there", tmp_path / "gone", tmp_path
    blob = bytes(range(100, 200))
    there.write_bytes(b"xx PAT-2024-0017" + blob)
    asked = question(TEXTS, pieces_of([blob]), [gone, there, folder])
    first, second = map(json.loads, answers(asked))
    assert (first["path"], first["bytes"], first["more_texts"]) == (1, 116, 0)
    ((number, at, around),) = first["texts"]
    assert TEXTS[number] == b"PAT-2024-0017"
    assert b64decode(around)[at:].startswith(b"PAT-2024-0017")
    assert first["pieces"]
    assert second["path"] == 2
    assert "directory" in second["error"].lower()
