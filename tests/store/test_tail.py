"""What changed after a number, as a reader adds it to what it holds."""

from __future__ import annotations

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.errors import DatabaseError
from gestalt_space.store import homes, lookups, reads, removals, tail, writes
from gestalt_space.store import tables as t
from gestalt_space.store.calibrations import StoredCalibration, save_calibration
from gestalt_space.store.engine import Database
from gestalt_space.store.reads import StoredSpace
from gestalt_space.types import Disorder
from tests import made
from tests.galleries import encoded_of, new_photo
from tests.many import insert_many
from tests.store.conftest import Store

A, B = Disorder("A"), Disorder("B", "second")


@pytest.fixture
def space(database: Database, space_id: int) -> StoredSpace:
    with database.reading() as session:
        return next(one for one in reads.spaces(session) if one.id == space_id)


def other_space(session: Session) -> StoredSpace:
    writes.add_space(session, model="o", fingerprint="e" * 64, specification="{}", dim=16)
    return reads.spaces(session)[1]


# The mark


def test_the_mark_is_one_question(database: Database, space: StoredSpace) -> None:
    asked: list[str] = []
    with database.reading() as session:
        session.connection()
        sa.event.listen(
            database.engine, "before_cursor_execute", lambda *call: asked.append(call[2])
        )
        tail.read_mark(session, space.id)
    assert len(asked) == 1


def test_the_mark_of_a_new_gallery(database: Database) -> None:
    with database.reading() as session:
        assert tail.read_mark(session, None) == tail.DatabasePosition(0, 0, None, None, None, None)
        assert tail.read_mark(session, 7) == tail.DatabasePosition(0, 0, None, None, None, None)


def test_the_mark_tells_of_what_another_connection_wrote(
    database: Database, url: str, space: StoredSpace, store: Store
) -> None:
    other = Database(url, busy_timeout=5)

    def mark() -> tail.DatabasePosition:
        with other.reading() as session:
            return tail.read_mark(session, space.id, "home")

    assert mark() == tail.DatabasePosition(0, 0, space.id, None, None, None)
    store(new_photo("P0", 0), new_photo("P1", 1))
    assert mark() == tail.DatabasePosition(2, 0, space.id, None, None, None)
    with database.writing() as session:
        homes.register_home(session, "home", "here")
        homes.record_generation(session, "home", space.id, sequence=2, digest="d" * 64)
        save_calibration(session, space, StoredCalibration("{}", 1, 2, 0))
    assert mark() == tail.DatabasePosition(3, 0, space.id, "d" * 64, 2, 1)
    with database.writing() as session:
        removals.remove_patients(session, ["P0"])
    assert mark() == tail.DatabasePosition(4, 1, space.id, "d" * 64, 2, 1)
    with database.writing() as session:
        second = other_space(session)
        writes.make_default(session, second.id)
    assert mark() == tail.DatabasePosition(4, 1, second.id, "d" * 64, 2, 1)
    with other.reading() as session:
        assert tail.read_mark(session, second.id) == tail.DatabasePosition(
            4, 1, second.id, None, None, None
        )
    other.close()


# Rows


def test_new_rows_are_those_after_a_change_with_what_is_known_of_their_photos(
    database: Database, space: StoredSpace, store: Store
) -> None:
    store(new_photo("P0", 0, age=3.5, site="clinic"), new_photo("P1", 1))
    later = [new_photo("P1", 2, age=0.0), new_photo("P2", 3, site="clinic")]
    store(*later)
    with database.reading() as session:
        everything = tail.rows_after(session, space, -1)
        rows = tail.rows_after(session, space, 2)
        none = tail.rows_after(session, space, 4)
        names = lookups.patient_names_of(session, everything.patients)
    assert everything.ids.tolist() == [1, 2, 3, 4]
    assert rows.ids.tolist() == [3, 4]
    assert [names[int(key)] for key in rows.patients] == ["P1", "P2"]
    np.testing.assert_array_equal(rows.ages, [0.0, np.nan])
    np.testing.assert_array_equal(everything.ages, [3.5, np.nan, 0.0, np.nan])
    assert everything.sites == ("clinic", "", "", "clinic")
    wanted = np.stack([encoded_of(photo).descriptor for photo in later])
    np.testing.assert_array_equal(rows.vectors, wanted)
    assert (rows.vectors.dtype, rows.ids.dtype, rows.ages.dtype) == (np.float32, np.int64, float)
    assert (none.ids.shape, none.vectors.shape, none.sites) == ((0,), (0, 16), ())


def test_rows_of_another_space_are_not_among_them(
    database: Database, space: StoredSpace, store: Store, rng: np.random.Generator
) -> None:
    store(new_photo("P0", 0))
    with database.writing() as session:
        other = other_space(session)
        (vector,) = made.unit(rng, 1, 16)
        writes.put_descriptors(session, {1: vector}, space_id=other.id)
    store(new_photo("P1", 1))
    with database.reading() as session:
        assert tail.rows_after(session, space, -1).ids.tolist() == [1, 3]
        rows = tail.rows_after(session, other, -1)
    assert rows.ids.tolist() == [2]
    np.testing.assert_array_equal(rows.vectors[0], vector)


@pytest.mark.parametrize("size", [1, 7, 50, 1000])
@pytest.mark.parametrize("after", [-1, 13])
def test_blocks_are_the_rows_in_their_order(
    database: Database,
    space: StoredSpace,
    rng: np.random.Generator,
    size: int,
    after: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tail, "FETCHED", 6)
    vectors = made.unit(rng, 50, 16)
    with database.writing() as session:
        insert_many(session, np.arange(50) // 3, vectors, space_id=space.id, disorders=4)
        # Numbers that do not grow with the keys, as within a batch.
        session.execute(sa.update(t.Descriptor).values(sequence=51 - t.Descriptor.id))
    kept = np.arange(1, 51) if after < 0 else np.arange(1, 38)
    with database.reading() as session:
        whole = tail.rows_after(session, space, after)
        blocks = list(tail.row_blocks(session, space, after, size))
    assert [len(block.ids) for block in blocks][:-1] == [size] * (len(blocks) - 1)
    for rows in (
        whole,
        tail.NewRows(
            *(
                np.concatenate([getattr(block, name) for block in blocks])
                for name in ("ids", "patients", "ages")
            ),
            sites=sum((block.sites for block in blocks), ()),
            vectors=np.concatenate([block.vectors for block in blocks]),
        ),
    ):
        np.testing.assert_array_equal(rows.ids, kept)
        np.testing.assert_array_equal(rows.patients, (kept - 1) // 3 + 1)
        np.testing.assert_array_equal(rows.vectors, vectors[: len(kept)])
        assert rows.sites == ("",) * len(kept)


@pytest.mark.parametrize("sizes", [[60], [60, 68]])
def test_a_damaged_descriptor_is_named(
    database: Database, space: StoredSpace, store: Store, sizes: list[int]
) -> None:
    """One cut short; and beside it one that makes the sum right."""
    store(*(new_photo(f"P{n}", n) for n in range(3)))
    with database.writing() as session:
        for key, size in enumerate(sizes, start=1):
            cut = sa.update(t.Descriptor).where(t.Descriptor.id == key)
            session.execute(cut.values(vector=bytes(size)))
    with (
        database.reading() as session,
        pytest.raises(DatabaseError, match=r"P0-0.png \(patient P0\) .* does not have 16 numbers"),
    ):
        tail.rows_after(session, space, -1)


def test_removed_rows_are_those_after_a_change(
    database: Database, space: StoredSpace, store: Store
) -> None:
    store(*(new_photo(f"P{n}", n) for n in range(3)))
    for patient in ("P0", "P2"):
        with database.writing() as session:
            removals.remove_patients(session, [patient])
    with database.reading() as session:
        assert tail.removed_after(session, space, -1).tolist() == [1, 3]
        assert tail.removed_after(session, space, 4).tolist() == [3]
        assert tail.removed_after(session, space, 5).tolist() == []


def test_corrected_photos_are_old_rows_with_another_age_or_site(
    database: Database, space: StoredSpace, space_id: int, store: Store
) -> None:
    first = [
        new_photo("P0", 0, age=3.0),
        new_photo("P1", 1),
        new_photo("P2", 2, age=1.0, site="clinic"),
    ]
    store(*first)
    store(new_photo("P1", 1, site="clinic"), new_photo("P1", 3, age=7.0))
    with database.writing() as session:
        changed = new_photo("P0", 0, age=4.0)
        writes.add_photos(session, [changed], space_id=space_id, update=True)
    with database.reading() as session:
        found = tail.corrected_photos_after(session, space, 3)
        later = tail.corrected_photos_after(session, space, 4)
        none = tail.corrected_photos_after(session, space, 5)
        other = tail.corrected_photos_after(
            session, StoredSpace(9, "", "", "", 16, is_default=False), 3
        )
    assert found.ids.tolist() == [1, 2]
    np.testing.assert_array_equal(found.ages, [4.0, np.nan])
    assert found.sites == ("", "clinic")
    assert (later.ids.tolist(), later.ages.tolist(), later.sites) == ([1], [4.0], ("",))
    assert none.ids.tolist() == other.ids.tolist() == []


# People


def test_people_are_those_who_changed(database: Database, store: Store) -> None:
    store(
        new_photo("P0", 0, disorders=(A, B), genes=("G",), sex="female", family="F"),
        new_photo("P1", 1, disorders=(B,), ancestry="x", cohort="c", consent="yes"),
        new_photo("P2", 2),
    )
    with database.reading() as session:
        everybody = tail.people_after(session, -1)
        assert tail.people_after(session, 3).keys.tolist() == []
        names = lookups.patient_names_of(session, everybody.keys)
        codes = lookups.titles_of(session, "disorder", everybody.disorders[:, 1])
        genes = lookups.titles_of(session, "gene", everybody.genes[:, 1])
    assert sorted(everybody.keys.tolist()) == everybody.keys.tolist()
    place = {names[int(key)]: n for n, key in enumerate(everybody.keys)}
    assert sorted(place) == ["P0", "P1", "P2"]
    assert everybody.sex[place["P0"]] == "female"
    assert everybody.family[place["P0"]] == "F"
    assert [
        getattr(everybody, what)[place["P1"]] for what in ("ancestry", "cohort", "consent")
    ] == [*("x", "c", "yes")]
    assert everybody.sex[place["P2"]] == everybody.consent[place["P0"]] == ""
    pairs = {(names[int(p)], codes[int(d)][0]) for p, d in everybody.disorders}
    assert pairs == {("P0", "A"), ("P0", "B"), ("P1", "B")}
    assert {(names[int(p)], genes[int(g)][0]) for p, g in everybody.genes} == {("P0", "G")}
    assert codes[int(everybody.disorders[0, 1])] in (("A", ""), ("B", "second"))

    store(new_photo("P2", 2, disorders=(A,)))
    with database.reading() as session:
        changed = tail.people_after(session, 3)
        assert lookups.patient_names_of(session, changed.keys) == {int(changed.keys[0]): "P2"}
        assert len(changed.disorders) == 1
        assert changed.genes.shape == (0, 2)
        assert tail.read_mark(session, None).sequence == 4


def test_many_people_come_in_the_order_of_their_keys(
    database: Database, space: StoredSpace, rng: np.random.Generator
) -> None:
    with database.writing() as session:
        order = rng.permutation(40)
        insert_many(session, order, made.unit(rng, 40, 16), space_id=space.id, disorders=7)
        # A reader by numbers meets them in another order.
        session.execute(sa.update(t.Patient).values(sequence=50 - t.Patient.id))
    with database.reading() as session:
        people = tail.people_after(session, -1)
    assert people.keys.tolist() == list(range(1, 41))
    assert people.disorders.tolist() == [[n + 1, n % 7 + 1] for n in range(40)]
    assert people.genes.tolist() == people.disorders.tolist()
    assert people.family == ("",) * 40
