"""What is asked of the database."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
import sqlalchemy as sa

from gestalt_space.errors import NotInGallery, UsageError
from gestalt_space.store import lookups, reads, removals, tail, writes
from gestalt_space.store import tables as t
from gestalt_space.store.engine import Database
from gestalt_space.store.reads import StoredSpace
from gestalt_space.types import Disorder
from tests import made
from tests.galleries import encoded_of, new_photo
from tests.store.conftest import Store

A, B = Disorder("A"), Disorder("B", "second")


@pytest.fixture
def space(database: Database, space_id: int) -> StoredSpace:
    with database.reading() as session:
        (found,) = reads.spaces(session)
    assert found.id == space_id
    return found


@pytest.fixture
def photos(store: Store) -> list[writes.NewPhoto]:
    given = [
        new_photo("P1", 0, disorders=(A, B), cohort="one", genes=("G",)),
        new_photo("P0", 1, disorders=(A,), cohort="two", crop=False),
        new_photo("P1", 2),
        new_photo("P2", 3, cohort="one"),
    ]
    store(*given)
    return given


def test_a_space_is_read_as_it_was_written(space: StoredSpace) -> None:
    assert space == StoredSpace(1, "tiny", "f" * 64, "{}", 16, True)


def test_descriptors_come_back_to_the_bit_in_the_order_of_their_keys(
    database: Database, space: StoredSpace, photos: list[writes.NewPhoto]
) -> None:
    with database.reading() as session:
        ids_rows = tail.rows_after(session, space, -1)
        ids, vectors = ids_rows.ids, ids_rows.vectors
        later_rows = tail.rows_after(session, space, 3)
        later, some = later_rows.ids, later_rows.vectors
        none_rows = tail.rows_after(session, space, 4)
        none, empty = none_rows.ids, none_rows.vectors
    assert ids.tolist() == [1, 2, 3, 4]
    assert vectors.dtype == np.float32
    # Rows go in patient by patient, so that they are found again by their bytes.
    assert {row.tobytes() for row in vectors} == {
        encoded_of(photo).descriptor.tobytes() for photo in photos
    }
    assert len(later) == len(some) == 1
    assert (none.shape, empty.shape) == ((0,), (0, 16))


def test_an_empty_gallery_gives_empty_arrays(database: Database, space: StoredSpace) -> None:
    with database.reading() as session:
        assert tail.removed_after(session, space, -1).shape == (0,)
        assert reads.last_face(session) == 0
        assert reads.stored_face(session, "0" * 64, "P0", until=9) is None
        assert list(reads.list_patients(session)) == []


def test_removals_are_those_after_a_change(
    database: Database, space: StoredSpace, photos: list[writes.NewPhoto]
) -> None:
    with database.reading() as session:
        ids_rows = tail.rows_after(session, space, -1)
        ids, vectors = ids_rows.ids, ids_rows.vectors
    by_bytes = {vector.tobytes(): int(id_) for id_, vector in zip(ids, vectors, strict=True)}
    for patient in ("P0", "P2"):
        with database.writing() as session:
            removals.remove_patients(session, [patient])
    gone = [by_bytes[encoded_of(photos[n]).descriptor.tobytes()] for n in (1, 3)]
    with database.reading() as session:
        assert tail.removed_after(session, space, 4).tolist() == sorted(gone)
        assert tail.removed_after(session, space, 5).tolist() == [gone[1]]
        assert reads.count_changes_after(session, space, -1) == 4
        assert reads.count_changes_after(session, space, 4) == 2
        assert tail.read_mark(session, None).sequence == 6


def test_the_owner_of_a_photo_is_found_by_its_hash(
    database: Database, photos: list[writes.NewPhoto]
) -> None:
    face = encoded_of(photos[1]).face
    with database.reading() as session:
        assert reads.patient_of_face(session, photos[1].sha256, face).identifier == "P0"
        assert reads.patient_of_face(session, "0" * 64, face) is None
        assert reads.patient_of_face(session, photos[3].sha256, face).identifier == "P2"


def test_faces_without_a_descriptor_and_their_crops(
    database: Database, space: StoredSpace, photos: list[writes.NewPhoto], rng: np.random.Generator
) -> None:
    with database.writing() as session:
        other = writes.add_space(
            session, model="o", fingerprint="e" * 64, specification="{}", dim=8
        )
        missing = reads.faces_without(session, other)
        assert {(photo, patient) for _, photo, patient in missing} == {
            (photo.record.photo, photo.record.patient) for photo in photos
        }
        crops = reads.crops_of(session, [face for face, _, _ in missing])
        assert set(crops.values()) == {encoded_of(p).crop for p in photos} - {None}
        writes.put_descriptors(session, {missing[0][0]: made.unit(rng, 1, 8)[0]}, space_id=other)
    with database.reading() as session:
        assert reads.faces_without(session, space.id) == []
        assert reads.faces_without(session, other) == missing[1:]
        assert tail.count_waiting(session, space, -1)[0] == 4
        assert reads.counts(session) == reads.GalleryCounts(3, 1, 4, 3, 2, 1, 0)


def test_patients_are_listed_by_identifier_and_narrowed(
    database: Database, photos: list[writes.NewPhoto]
) -> None:
    def listed(**wanted: str | int) -> list[tuple[str, tuple[str, ...], int]]:
        with database.reading() as session:
            found = reads.list_patients(session, **wanted)  # type: ignore[arg-type]
            return [(one.patient, one.disorders, one.photos) for one in found]

    assert listed() == [("P0", ("A",), 1), ("P1", ("A", "B"), 2), ("P2", (), 1)]
    assert listed(disorder="B") == [("P1", ("A", "B"), 2)]
    assert listed(cohort="one") == [("P1", ("A", "B"), 2), ("P2", (), 1)]
    assert listed(limit=1) == [("P0", ("A",), 1)]
    assert listed(disorder="A", cohort="one", limit=5) == [("P1", ("A", "B"), 2)]
    assert listed(disorder="Z") == []


def test_a_patient_that_is_not_there_is_named(database: Database) -> None:
    with database.reading() as session, pytest.raises(NotInGallery, match="'nobody'"):
        reads.patient_detail(session, "nobody")


NAMES = ("a", "B", "Ä", "b", "_x", "10", "9", "Z", "é", "aa", "A-1", "A1", "ß", "P 2", "P10", "写")


def test_texts_come_in_the_order_of_their_letters_codes(database: Database, store: Store) -> None:
    """On every kind of database, whatever language it speaks."""
    terms = tuple(f"HP:000{n:04}" for n in (30, 4, 1000, 200))
    store(
        *(new_photo(name, seed) for seed, name in enumerate(NAMES)),
        new_photo("all", 99, genes=NAMES, hpo=terms, disorders=tuple(map(Disorder, NAMES))),
    )
    with database.reading() as session:
        listed = [one.patient for one in reads.list_patients(session)]
        assert listed == sorted([*NAMES, "all"])
        assert [one.patient for one in reads.list_patients(session, limit=3)] == listed[:3]
        kept = reads.kept_faces(session, NAMES)
        assert [one.patient for one in kept] == sorted(NAMES)
        detail = reads.patient_detail(session, "all")
    assert detail.genes == tuple(sorted(NAMES))
    assert detail.hpo == tuple(sorted(terms))
    assert [code for code, _ in detail.disorders] == sorted(NAMES)


def test_a_time_is_in_utc(database: Database, store: Store) -> None:
    before = datetime.now(UTC)
    store(new_photo("P0", 0))
    with database.reading() as session:
        detail = reads.patient_detail(session, "P0")
    for at in (detail.added_at, detail.photos[0].added_at):
        assert at.tzinfo is UTC
        assert before <= at <= datetime.now(UTC)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**70])
def test_a_number_beyond_64_bits_is_refused(number: int, database: Database) -> None:
    for ask in (
        lambda session: lookups.patient_names_of(session, [number]),
        lambda session: lookups.photo_names_of(session, [1, number]),
        lambda session: tail.count_patients(session, until=number),
        lambda session: session.execute(sa.update(t.Change).values(epoch=number)),
    ):
        with pytest.raises(UsageError, match="64 bits"), database.writing() as session:
            ask(session)
    with database.reading() as session:
        assert tail.read_mark(session, None).epoch == 0
