"""Which writes count: as changes of what a match reads, as an epoch, as something to purge."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from gestalt_space.store import removals, tail, writes
from gestalt_space.store import tables as t
from gestalt_space.store.engine import Database
from gestalt_space.store.purges import pending_purges, purge_done
from gestalt_space.store.writes import NewPhoto
from gestalt_space.types import Disorder
from tests import made
from tests.galleries import new_photo
from tests.store.conftest import Store

A, B = Disorder("A"), Disorder("B")
FACTS: dict[str, Any] = {
    "disorders": (A,),
    "genes": ("G",),
    "sex": "female",
    "ancestry": "x",
    "cohort": "c",
    "consent": "yes",
    "family": "F",
}


def told(seed: int = 0, patient: str = "P0", **facts: Any) -> NewPhoto:
    return new_photo(patient, seed, **{"sha256": f"{seed:064x}", **facts})


def numbers(database: Database) -> tuple[dict[str, int], dict[str, int]]:
    """The numbers of patients and of photos."""
    with database.reading() as session:
        return (
            dict(session.execute(sa.select(t.Patient.external_id, t.Patient.sequence)).all()),
            dict(session.execute(sa.select(t.Photo.name, t.Photo.sequence)).all()),
        )


def stand(database: Database) -> tuple[int, int, int]:
    """The last change, the epoch, and how much is to be purged."""
    with database.reading() as session:
        mark = tail.read_mark(session, None)
        return mark.sequence, mark.epoch, len(pending_purges(session))


@pytest.fixture
def correct(database: Database, space_id: int):
    def add(*photos: NewPhoto) -> list[writes.Stored]:
        with database.writing() as session:
            return writes.add_photos(session, photos, space_id=space_id, update=True)

    return add


def test_new_rows_have_the_number_of_their_batch(database: Database, store: Store) -> None:
    store(told(0), told(1, "P1"))
    store(told(2))
    assert numbers(database) == (
        {"P0": 2, "P1": 2},
        {"P0-0.png": 2, "P1-1.png": 2, "P0-2.png": 3},
    )
    assert stand(database) == (3, 0, 0)


def test_what_changes_nothing_has_no_number(database: Database, store: Store, correct) -> None:
    store(told(**FACTS, age=1.0, site="s"))
    before = numbers(database), stand(database)
    store(told(**FACTS, age=1.0, site="s"))
    correct(told(**FACTS))
    store(told(hpo=("HP:1",)))
    store(told(sex="male"))
    assert (numbers(database), stand(database)) == before


@pytest.mark.parametrize("fact", FACTS)
def test_every_fact_of_a_patient_that_a_match_reads_counts(
    database: Database, store: Store, fact: str
) -> None:
    store(told(), told(1, "P1"))
    store(told(**{fact: FACTS[fact]}), told(1, "P1"))
    assert numbers(database) == ({"P0": 3, "P1": 2}, {"P0-0.png": 2, "P1-1.png": 2})
    assert stand(database) == (3, 0, 0)


@pytest.mark.parametrize(
    ("fact", "new"),
    [
        *(("disorders", (B,)), ("genes", ("H",)), ("sex", "male"), ("ancestry", "y")),
        *(("cohort", "d"), ("consent", "no"), ("family", "E")),
    ],
)
def test_a_replaced_fact_counts_and_leaves_something_to_purge(
    database: Database, store: Store, correct, fact: str, new: object
) -> None:
    store(told(**FACTS))
    correct(told(**{fact: new}))
    assert numbers(database)[0] == {"P0": 2}
    assert stand(database) == (2, 0, 1)


@pytest.mark.parametrize(("fact", "new"), [("age", 2.0), ("site", "clinic")])
def test_age_and_site_count_for_the_photo_alone(
    database: Database, store: Store, correct, fact: str, new: object
) -> None:
    store(told(), told(1))
    store(told(**{fact: new}))
    assert numbers(database) == ({"P0": 2}, {"P0-0.png": 3, "P0-1.png": 2})
    correct(told(**{fact: new}), told(1))
    assert stand(database) == (3, 0, 0)


def test_a_replaced_face_begins_an_epoch(database: Database, store: Store, correct) -> None:
    store(told())
    (stored,) = correct(told(place=1))
    assert stored.other_face
    assert stand(database) == (3, 1, 1)


def test_a_replaced_descriptor_begins_an_epoch_and_a_new_one_does_not(
    database: Database, store: Store, space_id: int, rng: np.random.Generator
) -> None:
    store(told())
    first, second = made.unit(rng, 2, 16)
    with database.writing() as session:
        other = writes.add_space(
            session, model="o", fingerprint="e" * 64, specification="{}", dim=16
        )
        writes.put_descriptors(session, {1: first}, space_id=other)
    assert stand(database) == (2, 0, 0)
    with database.writing() as session:
        writes.put_descriptors(session, {1: second}, space_id=other)
    assert stand(database) == (4, 1, 1)


def test_a_removal_begins_an_epoch(database: Database, store: Store) -> None:
    store(told(), told(1, "P1"), told(2, "P1"))
    with database.writing() as session:
        removals.remove_patients(session, ["P0"])
        removals.remove_photos(session, [])
    assert stand(database) == (4, 1, 1)
    with database.writing() as session:
        removals.remove_patients(session, [])
        removals.remove_photos(session, ["P1-1.png"])
    assert stand(database) == (5, 2, 2)


def test_a_removal_that_is_undone_leaves_no_note(database: Database, store: Store) -> None:
    store(told())
    before = stand(database)
    with database.writing() as session:
        removals.remove_patients(session, ["P0"])
        session.rollback()
    assert stand(database) == before


def test_a_purge_that_is_done_leaves_those_that_came_meanwhile(
    database: Database, url: str, store: Store
) -> None:
    store(*(told(n, f"P{n}") for n in range(3)))
    with database.writing() as session:
        removals.remove_patients(session, ["P0"])
    with database.reading() as session:
        seen = pending_purges(session)
    other = Database(url, busy_timeout=5)
    with other.writing() as session:
        removals.remove_patients(session, ["P1"])
    with database.writing() as session:
        purge_done(session, seen)
    with other.reading() as session:
        (left,) = pending_purges(session)
        assert session.get_one(t.Purge, left).sequence == 5
    with other.writing() as session:
        purge_done(session, [left])
    # A key is never given twice: a late word about an old note must not delete a new one.
    with other.writing() as session:
        removals.remove_patients(session, ["P2"])
    with other.reading() as session:
        assert min(pending_purges(session)) > left
    other.close()
