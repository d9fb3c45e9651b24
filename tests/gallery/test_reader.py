"""The newest state of a space, kept while nothing changed."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from gestalt_space.errors import IndexDamaged
from gestalt_space.gallery import reader as reading
from gestalt_space.gallery.reader import Reader
from gestalt_space.index import checksums, search
from gestalt_space.index.checksums import record_file
from gestalt_space.store.engine import Database
from tests.gallery.kept import DIM, Kept, flip, vector_of, vectors_of


@pytest.fixture
def reader(kept: Kept) -> Reader:
    return Reader(kept.database, kept.folder)


@pytest.fixture
def asked(kept: Kept) -> Iterator[list[str]]:
    """What the database is asked."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found.append(statement)

    sa.event.listen(kept.database.engine, "before_cursor_execute", note)
    yield found
    sa.event.remove(kept.database.engine, "before_cursor_execute", note)


def test_where_nothing_changed_it_is_the_same_for_one_question(
    kept: Kept, reader: Reader, asked: list[str]
) -> None:
    kept.add(0, 1, 2)
    kept.seal()
    state = reader.current(kept.space)
    asked.clear()
    assert reader.current(kept.space) is state
    assert len([one for one in asked if one.startswith("SELECT")]) == 1
    kept.add(3)
    newer = reader.current(kept.space)
    assert newer is not state
    assert newer.photos == state.photos + 1
    assert state.photos == 3


def test_segments_that_stay_are_taken_from_the_state_before(kept: Kept, reader: Reader) -> None:
    kept.add(*range(4))
    kept.seal()
    before = reader.current(kept.space)
    kept.add(4)
    after = reader.current(kept.space)
    assert after.searcher.segments[0] is before.searcher.segments[0]


def test_no_large_file_is_hashed_when_it_is_opened_whatever_its_time(
    kept: Kept, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home that was copied has new times."""
    kept.add(*range(40))
    kept.seal()
    for path in kept.folder.iterdir():
        path.touch()
    manifest, vectors = kept.path("manifest").stat().st_size, kept.path("vectors")
    whole = hashlib.sha256
    hashed: list[int] = []

    def counted(data: bytes = b"", **more: Any) -> Any:
        hashed.append(len(data))
        return whole(data, **more)

    monkeypatch.setattr(hashlib, "sha256", counted)
    assert reader.current(kept.space).damage is None
    assert vectors.stat().st_size not in hashed
    assert len(hashed) == 4, "the manifest, and small files of keys"
    hashed.clear()
    monkeypatch.setattr(checksums, "HASHED", 0)
    assert Reader(kept.database, kept.folder).current(kept.space).damage is None
    assert hashed == [manifest]
    record_file(vectors)
    assert hashed == [manifest, vectors.stat().st_size], "that it would have been seen"


def test_threads_that_come_at_once_read_once(
    kept: Kept, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.add(*range(4))
    whole, calls = reading.read_state, []
    gate = threading.Event()

    def counted(*words: Any, **more: Any) -> Any:
        calls.append(threading.get_ident())
        gate.wait(20)
        return whole(*words, **more)

    monkeypatch.setattr(reading, "read_state", counted)
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(reader.current(kept.space))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join(20)
    assert len(calls) == 1
    assert len(found) == 4
    assert len(set(map(id, found))) == 1


def test_an_index_that_is_replaced_while_it_is_opened_is_opened_again(
    kept: Kept, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.add(*range(4))
    kept.seal()
    whole = reading.open_index
    replaced: list[int] = []

    def opened(*words: Any, **more: Any) -> Any:
        if not replaced:
            replaced.append(1)
            kept.seal(rebuild=True)  # another process; the files that are asked for are gone
        return whole(*words, **more)

    monkeypatch.setattr(reading, "open_index", opened)
    state = reader.current(kept.space)
    assert state.damage is None
    assert state.mark.digest == kept.digest()


def test_codes_that_cannot_be_read_are_found_at_the_search_and_not_used_again(
    kept: Kept, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "PLAIN_NUMBERS", 0)
    monkeypatch.setattr(search, "FEW_ROWS", 0.0)
    # ONNX Runtime reads the codes alone, FAISS what stands before them as well.
    monkeypatch.setattr(search, "integer_product", lambda _: None)
    kept.add(*range(8))
    kept.seal()
    flip(kept.path("codes"), 1)
    probe = kept.state().vectors_at(kept.state().rows_of(kept.state().patients[:1]))[0]

    def nearest() -> int:
        state = reader.current(kept.space)
        return int(state.nearest_of(probe[None], 3)[0].rows[0])

    for _ in range(2):
        with pytest.raises(IndexDamaged) as caught:
            nearest()
        reader.doubt(kept.space, caught.value)
    assert nearest() >= 0
    assert "codes" in (reader.current(kept.space).damage or "")
    kept.seal(rebuild=True)
    assert reader.current(kept.space).damage is None
    assert nearest() >= 0


@pytest.mark.parametrize("more", [-1, -16, 1, 16])
def test_codes_that_are_cut_or_grow_after_they_were_opened_are_not_used(
    more: int, kept: Kept, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "PLAIN_NUMBERS", 0)
    monkeypatch.setattr(search, "FEW_ROWS", 0.0)
    if search.integer_product(DIM) is None:
        pytest.skip("FAISS, which finds codes from the front, searches here")
    kept.add(*range(8))
    kept.seal()
    state = reader.current(kept.space)
    path = kept.path("codes")
    os.truncate(path, path.stat().st_size + more)
    with pytest.raises(IndexDamaged):
        state.nearest_of(np.frombuffer(vector_of(3), np.float32)[None], 3)


def test_codes_of_a_segment_that_was_merged_meanwhile_are_no_damage(
    kept: Kept, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "PLAIN_NUMBERS", 0)
    monkeypatch.setattr(search, "FEW_ROWS", 0.0)
    kept.add(*range(8))
    kept.seal()
    held = reader.current(kept.space)
    probe = held.vectors_at(held.rows_of(held.patients[:1]))[0]
    kept.seal(rebuild=True)
    with pytest.raises(IndexDamaged) as caught:
        held.nearest_of(probe[None], 3)
    reader.doubt(kept.space, caught.value)
    state = reader.current(kept.space)
    assert len(state.nearest_of(probe[None], 3)[0].rows) == 3
    assert state.damage is None


def test_a_removal_is_known(kept: Kept, reader: Reader) -> None:
    kept.add(0, 1)
    state = reader.current(kept.space)
    kept.add(2)
    assert reader.is_current(state)
    kept.remove(0)
    assert not reader.is_current(state)


def test_two_homes_have_nothing_in_common(kept: Kept, tmp_path: Path) -> None:
    other = Kept(tmp_path / "other")
    kept.add(0, 1)
    other.add(2)
    assert isinstance(other.database, Database)
    assert kept.vectors() == vectors_of(0, 1)
    assert other.vectors() == vectors_of(2)
    other.close()
