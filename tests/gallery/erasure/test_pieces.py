"""Any 64 bytes of a blob are found, wherever they begin, and by hashes alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gestalt_space.gallery.erasure.pieces import WINDOW, Pieces, after_head, pieces_of
from gestalt_space.gallery.erasure.scanning import Scanner
from tests import made
from tests.galleries import encoded_of, new_photo


def scanned(path: Path, data: bytes, pieces: Pieces, *texts: bytes) -> list[int]:
    path.write_bytes(data)
    return Scanner(texts, pieces).scan(path).pieces


def test_any_64_bytes_are_found_wherever_they_begin(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    blobs = [rng.bytes(length) for length in (64, 65, 100, 2048, 3001)]
    pieces = pieces_of(blobs)
    for blob in blobs:
        for start in {0, 1, 7, *rng.integers(0, len(blob) - 63, 20).tolist(), len(blob) - 64}:
            if start + 64 > len(blob):
                continue
            before, after = rng.bytes(int(rng.integers(0, 40))), rng.bytes(30)
            part = blob[start : start + 64]
            found = scanned(tmp_path / "file", before + part + after, pieces)
            assert len(found) >= 1, (len(blob), start, len(before))
    assert scanned(tmp_path / "file", rng.bytes(100_000), pieces) == []


def test_windows_that_are_in_any_file_are_not_looked_for(tmp_path: Path) -> None:
    dull = bytes(200) + b"\x01\x02" * 100
    pieces = pieces_of([dull])
    assert len(pieces) == 0
    assert pieces.passed_over > 50
    assert scanned(tmp_path / "file", dull, pieces) == []


def test_a_blob_that_is_shorter_than_a_window_has_none() -> None:
    assert len(pieces_of([b"short"])) == 0
    assert len(pieces_of([bytes(range(WINDOW))])) == 1


@pytest.mark.parametrize("seed", range(5))
def test_what_all_crops_begin_with_is_nobodys(seed: int) -> None:
    def own(number: int) -> set[int]:
        crop = encoded_of(new_photo("P", number)).crop
        assert crop is not None
        return set(pieces_of([after_head(crop)]).hashes.tolist())

    assert own(seed).isdisjoint(own(seed + 100))
    assert len(own(seed)) > 100


def test_hashes_do_not_tell_what_was_hashed() -> None:
    vector = made.unit(np.random.default_rng(1), 1, 64)[0].tobytes()
    kept = pieces_of([vector]).hashes.tobytes()
    assert all(vector[n : n + 8] not in kept for n in range(len(vector) - 7))
