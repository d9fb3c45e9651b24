"""What descriptors were made with, as the database keeps it."""

from __future__ import annotations

import numpy as np
import sqlalchemy as sa

from gestalt_space.store import reads, tail, writes
from gestalt_space.store import tables as t
from gestalt_space.store.engine import Database
from gestalt_space.store.runs import add_run, run_counts
from gestalt_space.types import EncodingRun
from tests import made
from tests.galleries import new_photo
from tests.store.conftest import Store

EXACT = EncodingRun("float32", "cpu", "onnxruntime", "1.0")
FAST = EncodingRun("bf16", "cpu", "torch", "2.0")


def test_a_run_is_stored_once(database: Database) -> None:
    with database.writing() as session:
        first = add_run(session, EXACT)
        assert add_run(session, FAST) != first
    with database.writing() as session:
        assert add_run(session, EXACT) == first
        assert session.scalar(sa.select(sa.func.count()).select_from(t.EncodingRun)) == 2


def test_runs_are_counted_and_those_of_before_are_not_recorded(
    database: Database, store: Store, space_id: int, rng: np.random.Generator
) -> None:
    store(*(new_photo("P0", seed) for seed in range(4)))
    with database.writing() as session:
        faces = [face for face, _, _ in reads.faces_without(session, space_id, made_by=EXACT)]
        vectors = made.unit(rng, 3, 16)
        put = dict(zip(faces[:3], vectors, strict=True))
        writes.put_descriptors(session, put, space_id=space_id, run_id=add_run(session, EXACT))
    with database.reading() as session:
        assert run_counts(session, space_id) == ((EXACT, 3), (None, 1))
        left = reads.faces_without(session, space_id, made_by=EXACT)
        assert [face for face, _, _ in left] == faces[3:]
        assert len(reads.faces_without(session, space_id, made_by=FAST)) == 4
        detail = reads.patient_detail(session, "P0")
    assert [photo.runs for photo in detail.photos] == [(EXACT,)] * 3 + [(None,)]


def test_a_replaced_descriptor_leaves_by_the_removal_log(
    database: Database, store: Store, space_id: int, rng: np.random.Generator
) -> None:
    store(new_photo("P0", 0), new_photo("P1", 1))
    with database.reading() as session:
        space = reads.spaces(session)[0]
        before = tail.read_mark(session, None).sequence
        old = tail.rows_after(session, space, -1).ids
        face = reads.faces_without(session, space_id, made_by=FAST)[0][0]
    vector = made.unit(rng, 1, 16)[0]
    with database.writing() as session:
        run_id = add_run(session, FAST)
        writes.put_descriptors(session, {face: vector}, space_id=space_id, run_id=run_id)
    with database.reading() as session:
        added_rows = tail.rows_after(session, space, before)
        added, vectors = added_rows.ids, added_rows.vectors
        assert tail.removed_after(session, space, before).tolist() == [old[0]]
        assert added.tolist() == [old[1] + 1]
        assert np.array_equal(vectors[0], vector)
        assert reads.count_changes_after(session, space, before) == 2
