"""Corrections in the database: what they change, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.errors import NotInGallery, PatientConflict, UsageError
from gestalt_space.store import correcting, reads, removals, tail, writes
from gestalt_space.store.engine import Database
from tests import schema
from tests.galleries import new_photo
from tests.store.conftest import Store
from tests.store.corrected import (
    CDLS,
    KABUKI,
    dump,
    merge,
    photos_of,
    set_facts,
    texts,
    trail,
    undo,
    withheld,
)


@pytest.fixture(autouse=True)
def _known_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Migrations run once for all tests here."""
    monkeypatch.setattr("alembic.command.upgrade", schema.upgrade)


def test_what_is_set_takes_the_place_of_what_was(database: Database, two: None) -> None:
    done = set_facts(database, "P1", sex="male", disorders=(KABUKI,), genes=("KMT2D",))
    assert set(texts(done)) == {
        "sex: female → male",
        "disorder: Cornelia de Lange (OMIM:122470) → Kabuki (OMIM:147920)",
        "gene: NIPBL → KMT2D",
        "genes of OMIM:147920: (empty) → KMT2D",
    }
    event = trail(database)[-1]
    assert event.action == "set"
    assert event.detail is not None
    assert event.detail["before"]["patients"]["P1"]["sex"] == "female"
    assert event.detail["after"]["patients"]["P1"]["sex"] == "male"
    with database.reading() as session:
        assert reads.counts(session).disorders == 1


def test_nothing_is_told_where_nothing_changed(database: Database, two: None) -> None:
    before, events = dump(database), len(trail(database))
    assert set_facts(database, "P1", sex="female", disorders=(CDLS,)).changes == ()
    assert (dump(database), len(trail(database))) == (before, events)
    with pytest.raises(NotInGallery, match="no correction to undo"):
        undo(database)


def test_facts_of_a_photo_are_set_and_emptied(database: Database, two: None) -> None:
    done = set_facts(database, "P1", "P1-1.png", age=5.0, site="ward")
    assert texts(done) == ("age at P1-1.png: 4y → 5y", "site of P1-1.png: (empty) → ward")
    done = set_facts(database, "P1", "P1-1.png", emptied=("age", "sex"))
    assert texts(done) == ("sex: female → (empty)", "age at P1-1.png: 5y → (empty)")
    with pytest.raises(NotInGallery, match="P1"):
        set_facts(database, "P1", "P2-3.png", age=5.0)


def test_a_moved_photo_takes_its_descriptor_along_under_a_new_key(
    database: Database, space_id: int, two: None
) -> None:
    with database.reading() as session:
        (space,) = reads.spaces(session)
        before = tail.rows_after(session, space, -1)
        mark = tail.read_mark(session, space_id)
    with database.writing() as session:
        correcting.move_photo(session, "P1-2.png", of="P1", to="P2")
    assert photos_of(database, "P2") == ["P1-2.png", "P2-3.png"]
    with database.reading() as session:
        gone = tail.removed_after(session, space, mark.sequence)
        new = tail.rows_after(session, space, mark.sequence)
        assert tail.read_epoch(session) > mark.epoch
    (key,) = gone
    assert key in before.ids
    old = before.vectors[list(before.ids).index(key)]
    assert np.array_equal(new.vectors, old[None])


def test_a_photo_is_not_moved_beside_its_own_bytes(database: Database, store: Store) -> None:
    store(
        new_photo("P1", 1, sha256="a" * 64),
        new_photo("P2", 2, sha256="a" * 64, place=1),
    )
    before = dump(database)
    with database.writing() as session, pytest.raises(PatientConflict, match="has this photo"):
        correcting.move_photo(session, "P1-1.png", of="P1", to="P2")
    assert dump(database) == before


def test_patients_who_contradict_each_other_are_merged_only_where_one_is_kept(
    database: Database, two: None
) -> None:
    set_facts(database, "P2", sex="male", cohort="C")
    before = dump(database)
    with pytest.raises(PatientConflict, match=r"sex: female \(P1\), male \(P2\).*disorder"):
        merge(database)
    assert dump(database) == before
    for keep, sex, disorder in (("P1", "female", CDLS), ("P2", "male", KABUKI)):
        merge(database, keep)
        with database.reading() as session:
            one = reads.patient_detail(session, "P1")
            assert reads.counts(session).disorders == 1
        assert (one.sex, one.cohort, one.disorders) == (sex, "C", ((disorder.id, disorder.name),))
        assert len(one.photos) == 3
        undo(database)
        assert dump(database) == before


def test_merging_and_splitting_gives_what_was(database: Database, store: Store) -> None:
    store(new_photo("P1", 1, sex="male"), new_photo("P2", 2, sex="male"))
    before = dump(database)
    merge(database)
    assert photos_of(database, "P1") == ["P1-1.png", "P2-2.png"]
    with database.writing() as session:
        done = correcting.split_patient(session, "P1", ["P2-2.png"], "P2")
    assert any("--family" in note for note in done.notes)
    after = dump(database)
    for tables in (before, after):  # P2 is somebody new, with a key of their own
        tables["patient"] = [row[1:-1] for row in tables["patient"]]
        tables["photo"] = [row[2:] for row in tables["photo"]]
    assert after == before


def test_whoever_removes_the_merged_patient_empties_what_was_told_of_both(
    database: Database, store: Store
) -> None:
    store(new_photo("P1", 1), new_photo("P2", 2, ancestry="Finnish"))
    merge(database)
    with database.writing() as session:
        removals.remove_patients(session, ["P1"])
    assert [one.detail for one in trail(database)[:-1]] == [None] * (len(trail(database)) - 1)


def test_a_split_leaves_nobody_without_a_photo(database: Database, two: None) -> None:
    with database.writing() as session:
        with pytest.raises(PatientConflict, match="no photo left"):
            correcting.split_patient(session, "P1", ["P1-1.png", "P1-2.png"], "P3")
        with pytest.raises(PatientConflict, match="already"):
            correcting.split_patient(session, "P1", ["P1-1.png"], "P2")
        with pytest.raises(UsageError, match="twice"):
            correcting.split_patient(session, "P1", ["P1-1.png"], "P1")


@pytest.mark.parametrize("word", ["research", None])
def test_consent_that_is_given_again_brings_them_back(
    database: Database, space_id: int, two: None, word: str | None
) -> None:
    set_facts(database, "P1", consent="withdrawn")
    row = new_photo("P1", 1, consent=word, emptied=() if word else ("consent",))
    with database.writing() as session:
        writes.add_photos(session, [row], space_id=space_id, update=True)
    assert withheld(database) == ((3, 0) if word else (1, 2))


def test_a_row_may_withdraw_consent_of_a_photo_that_is_there(
    database: Database, store: Store, two: None
) -> None:
    (done,) = store(new_photo("P1", 1, consent="withdrawn"))
    assert texts(done) == ("added consent withdrawn",)
    assert withheld(database) == (1, 2)
