"""A row about a photo that is in the gallery: what it adds, contradicts and replaces."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from gestalt_space.errors import ConsentWithdrawn, PatientConflict
from gestalt_space.store import reads, writes
from gestalt_space.store import tables as t
from gestalt_space.store.engine import Database
from gestalt_space.store.facts import CommandFacts
from gestalt_space.store.foreseeing import ToldPhoto, foresee
from gestalt_space.store.reads import PatientRecord
from gestalt_space.store.writes import NewPhoto, Stored
from gestalt_space.types import WITHDRAWN, Disorder
from tests.galleries import encoded_of, new_photo
from tests.store.conftest import Store
from tests.store.test_writes import rows

A, B, C = Disorder("A"), Disorder("B"), Disorder("C")
SHA = "a" * 64


def told(seed: int = 0, *, patient: str = "P0", sha256: str = SHA, **facts: Any) -> NewPhoto:
    """A row about the photo of these tests."""
    return new_photo(patient, seed, sha256=sha256, **facts)


def update(database: Database, *photos: NewPhoto, space_id: int = 1) -> list[Stored]:
    with database.writing() as session:
        return writes.add_photos(session, photos, space_id=space_id, update=True)


def detail(database: Database, patient: str = "P0") -> PatientRecord:
    with database.reading() as session:
        return reads.patient_detail(session, patient)


DIFFERENCES = [
    ({"sex": "male"}, {"sex": "female"}, "sex: male → female"),
    ({"ancestry": "one"}, {"ancestry": "two"}, "ancestry: one → two"),
    ({"cohort": "one"}, {"cohort": "two"}, "cohort: one → two"),
    ({"consent": "one"}, {"consent": "two"}, "consent: one → two"),
    ({"family": "F1"}, {"family": "F2"}, "family: F1 → F2"),
    ({"age": 4.0}, {"age": 5.0}, "age: 4y → 5y"),
    ({"site": "A"}, {"site": "B"}, "site: A → B"),
    ({"disorders": (A,)}, {"disorders": (B,)}, "disorder: A → B"),
    ({"disorders": (A, B)}, {"disorders": (B, C)}, "disorder: A; B → B; C"),
    ({"genes": ("G",)}, {"genes": ("H",)}, "gene: G → H"),
    ({"hpo": ("HP:1",)}, {"hpo_absent": ("HP:1",)}, "HPO: HP:1 → !HP:1"),
    ({"sex": "male"}, {"emptied": ("sex",)}, "sex: male → (empty)"),
    ({"family": "F1"}, {"emptied": ("family",)}, "family: F1 → (empty)"),
    ({"age": 4.0}, {"emptied": ("age",)}, "age: 4y → (empty)"),
    ({"site": "A"}, {"emptied": ("site",)}, "site: A → (empty)"),
    ({"disorders": (A,)}, {"emptied": ("disorder",)}, "disorder: A → (empty)"),
    ({"genes": ("G",)}, {"emptied": ("genes",)}, "gene: G → (empty)"),
    ({"hpo": ("HP:1",)}, {"emptied": ("hpo",)}, "HPO: HP:1 → (empty)"),
    ({}, {"place": 1}, "face: 1 of 1 (aligned) → 2 of 2 (aligned)"),
    (
        {},
        {"moved": 2.0, "detector": "landmarks"},
        "landmarks: moved by 8% of the distance between the eyes (aligned → landmarks)",
    ),
    (
        {},
        {"moved": 5.0, "detector": "yunet"},
        "landmarks: moved by 20% of the distance between the eyes (aligned → yunet)",
    ),
]


@pytest.mark.parametrize(("first", "second", "difference"), DIFFERENCES)
def test_a_difference_is_named_and_refused(
    first: dict[str, Any],
    second: dict[str, Any],
    difference: str,
    database: Database,
    store: Store,
) -> None:
    store(told(**first))
    before = rows(database)
    (stored,) = store(told(1, **second))
    assert isinstance(stored.error, PatientConflict)
    assert difference in stored.error.message
    assert "'P0'" in stored.error.message
    assert "--update" in stored.error.hint
    assert rows(database) == before


@pytest.mark.parametrize(("first", "second", "difference"), DIFFERENCES)
def test_with_update_the_row_takes_the_place_of_what_is_there(
    first: dict[str, Any],
    second: dict[str, Any],
    difference: str,
    database: Database,
    store: Store,
) -> None:
    store(told(**first))
    (stored,) = update(database, told(1, **second))
    other_face = difference.startswith(("face", "landmarks"))
    faces = (difference,) if other_face else ()
    assert stored == Stored(updated=True, changes=(difference,), other_face=other_face, faces=faces)
    # What is stored now is what the row says: it does not differ any more.
    assert store(told(1, **second)) == [Stored(already=True)]
    assert update(database, told(1, **second)) == [Stored(already=True)]


def test_nobody_is_told_to_overwrite_a_withdrawal(database: Database, store: Store) -> None:
    store(told(consent="research", sex="male"))
    with database.writing() as session:
        session.execute(sa.update(t.Patient).values(consent=WITHDRAWN))
    (stored,) = store(told(consent="research", sex="female"))
    assert isinstance(stored.error, ConsentWithdrawn)
    assert "--update" not in stored.error.hint
    row = told(consent="research")
    with database.reading() as session:
        (seen,) = foresee(session, [ToldPhoto(row.record, SHA, CommandFacts.of([row.record]))])
    assert isinstance(seen.error, ConsentWithdrawn)


def test_all_that_differs_is_listed(database: Database, store: Store) -> None:
    store(told(sex="male", age=4.0, disorders=(A,)))
    (stored,) = store(told(sex="female", age=5.0, disorders=(B,), place=1))
    assert stored.error is not None
    for part in ("sex: male → female", "disorder: A → B", "age: 4y → 5y", "face: 1 of 1"):
        assert part in stored.error.message


def test_what_is_new_is_added_and_named(database: Database, store: Store) -> None:
    store(told())
    (stored,) = store(
        told(sex="male", age=4.0, disorders=(A,), genes=("G",), hpo=("HP:1",), hpo_absent=("HP:2",))
    )
    assert stored.already
    assert stored.changes == (
        *("added sex male", "added disorder A", "added gene G"),
        *("added HPO HP:1", "added HPO !HP:2", "added age 4y"),
    )
    found = detail(database)
    assert (found.sex, found.disorders, found.genes) == ("male", (("A", ""),), ("G",))
    assert (found.hpo, found.hpo_absent, found.photos[0].age) == (("HP:1",), ("HP:2",), 4.0)


def test_a_second_diagnosis_beside_the_first_is_added(database: Database, store: Store) -> None:
    store(told(disorders=(A,)))
    assert store(told(disorders=(A, B))) == [Stored(already=True, changes=("added disorder B",))]


def test_the_rows_of_a_patient_tell_together(database: Database, store: Store) -> None:
    whole = CommandFacts.of([told(disorders=(A,)).record, told(disorders=(B,)).record])
    first = told(disorders=(A,))
    second = new_photo("P0", 1, disorders=(B,))
    both = [NewPhoto(one.record, one.sha256, one.encoded, whole) for one in (first, second)]
    assert store(*both) == [Stored(), Stored()]
    assert store(*both) == [Stored(already=True)] * 2
    assert update(database, *both) == [Stored(already=True)] * 2
    assert detail(database).disorders == (("A", ""), ("B", ""))


def test_what_a_row_leaves_out_stays_and_is_noted(database: Database, store: Store) -> None:
    store(told(disorders=(A, B), genes=("G", "H")))
    (stored,) = store(told(disorders=(A,), genes=("G",)))
    assert stored.already
    (note,) = stored.notes
    assert "disorder B, gene H" in note
    assert "--update" in note
    (stored,) = update(database, told(disorders=(A,), genes=("G",)))
    assert stored == Stored(updated=True, changes=("removed disorder B", "removed gene H"))
    assert detail(database).disorders == (("A", ""),)
    with database.reading() as session:
        assert (reads.counts(session).disorders, reads.counts(session).genes) == (1, 1)


def test_an_empty_row_contradicts_nothing(database: Database, store: Store) -> None:
    store(told(sex="male", age=4.0, disorders=(A,), genes=("G",), hpo=("HP:1",)))
    before = rows(database)
    assert store(told()) == [Stored(already=True)]
    assert update(database, told()) == [Stored(already=True)]
    assert rows(database) == before


def test_cells_of_a_new_photo_empty_nothing(database: Database, store: Store) -> None:
    store(told(sex="male", disorders=(A,)))
    new = new_photo("P0", 1, emptied=("sex", "disorder"))
    assert update(database, new) == [Stored()]
    assert (detail(database).sex, detail(database).disorders) == ("male", (("A", ""),))


def test_a_new_photo_with_another_diagnosis_is_refused_as_well(
    database: Database, store: Store
) -> None:
    store(told(disorders=(A,)))
    (stored,) = store(new_photo("P0", 1, disorders=(B,)))
    assert isinstance(stored.error, PatientConflict)
    (stored,) = update(database, new_photo("P0", 1, disorders=(B,)))
    assert stored == Stored(changes=("disorder: A → B",))
    assert detail(database).disorders == (("B", ""),)


def test_the_name_of_a_disorder_changes_only_when_asked(database: Database, store: Store) -> None:
    store(told(disorders=(Disorder("A", "first"),)))
    again = told(disorders=(Disorder("A", "second"),))
    (stored,) = store(again)
    assert stored.already
    assert "name of A: first → second" in stored.notes[0]
    assert update(database, again) == [Stored(updated=True, changes=("name of A: first → second",))]
    assert detail(database).disorders == (("A", "second"),)


def test_a_new_photo_with_update_says_what_it_replaced(database: Database, store: Store) -> None:
    store(told(disorders=(Disorder("A", "first"),), sex="male"))
    new = new_photo("P0", 1, disorders=(Disorder("A", "second"),), sex="female")
    (stored,) = update(database, new)
    assert stored.changes == ("sex: male → female", "name of A: first → second")
    assert stored.replaced
    assert not stored.updated
    assert detail(database).disorders == (("A", "second"),)
    (added,) = store(told(age=4.0))
    assert added.changes
    assert not added.replaced


def test_a_corrected_gene_leaves_the_disorder_unless_others_have_both(
    database: Database, store: Store
) -> None:
    store(told(disorders=(A,), genes=("G", "K")))
    store(new_photo("P1", 1, disorders=(A,), genes=("K",)))
    update(database, told(disorders=(A,), genes=("H",)))
    with database.reading() as session:
        disorder = session.scalars(sa.select(t.Disorder)).one()
        assert [gene.symbol for gene in disorder.genes] == ["H", "K"]
        assert reads.counts(session).genes == 2


# Faces


def test_another_face_takes_crop_and_descriptors_with_it(
    database: Database, store: Store, space_id: int
) -> None:
    store(told())
    with database.writing() as session:
        other = writes.add_space(
            session, model="y", fingerprint="e" * 64, specification="{}", dim=16
        )
        writes.put_descriptors(session, {1: encoded_of(told()).descriptor}, space_id=other)
    corrected = told(5, place=1)
    (stored,) = update(database, corrected)
    assert stored.updated
    found = rows(database)
    (descriptor,) = found["descriptor"]
    assert stored.descriptor_id == descriptor[0]
    assert descriptor[4] == encoded_of(corrected).descriptor.tobytes()
    assert [row[1] for row in found["crop"]] == [encoded_of(corrected).crop]
    assert [row[0] for row in found["removal"]] == [1, 2]
    assert max(row[2] for row in found["removal"]) < descriptor[3]
    assert len(found["photo"]) == len(found["face"]) == 1
    assert detail(database).photos[0].faces == 2


@pytest.mark.parametrize("changed", [{}, {"detector": "yunet", "moved": 1.0}])
def test_a_face_that_is_found_again_is_the_same(
    changed: dict[str, Any], database: Database, store: Store
) -> None:
    store(told())
    before = rows(database)
    assert store(told(**changed)) == [Stored(already=True)]
    assert rows(database) == before


def test_two_faces_of_a_photo_may_belong_to_two_patients(database: Database, store: Store) -> None:
    assert store(told(), told(1, patient="P1", place=1)) == [Stored()] * 2
    assert store(told(), told(1, patient="P1", place=1)) == [Stored(already=True)] * 2
    with database.reading() as session:
        assert reads.counts(session).photos == 2
        for patient, place in (("P0", 0), ("P1", 1)):
            face = encoded_of(told(place=place)).face
            assert reads.patient_of_face(session, SHA, face).identifier == patient
        third = encoded_of(told(place=2)).face
        assert reads.patient_of_face(session, SHA, third) is None


@pytest.mark.parametrize("moved", [0.0, 6.0])
@pytest.mark.parametrize("with_update", [False, True])
def test_a_correction_to_a_face_of_somebody_else_is_refused(
    moved: float, with_update: bool, database: Database, store: Store
) -> None:
    store(told(), told(1, patient="P1", place=1))
    before = rows(database)
    wrong = told(1, place=1, moved=moved)
    (stored,) = update(database, wrong) if with_update else store(wrong)
    assert isinstance(stored.error, PatientConflict)
    assert "'P1'" in stored.error.message
    assert rows(database) == before


# A photo twice in one batch


@pytest.mark.parametrize("is_stored", [False, True])
@pytest.mark.parametrize(("first", "second"), [(None, 4.0), (4.0, None), (4.0, 4.0)])
def test_ages_of_a_photo_that_is_given_twice_merge(
    first: float | None, second: float | None, is_stored: bool, database: Database, store: Store
) -> None:
    if is_stored:
        store(told())
    stored = store(told(age=first), told(age=second))
    assert [one.error for one in stored] == [None, None]
    assert [one.already for one in stored] == [is_stored, True]
    assert [photo.age for photo in detail(database).photos] == [4.0]


@pytest.mark.parametrize("is_stored", [False, True])
def test_ages_of_a_photo_that_contradict_each_other_are_refused(
    is_stored: bool, database: Database, store: Store
) -> None:
    if is_stored:
        store(told())
    stored = store(told(age=4.0), told(age=5.0))
    assert stored[0].error is None
    assert isinstance(stored[1].error, PatientConflict)
    assert "age: 4y → 5y" in stored[1].error.message
    assert detail(database).photos[0].age == 4.0


def test_two_rows_of_a_new_photo_do_not_replace_each_other(
    database: Database, store: Store
) -> None:
    stored = update(database, told(age=4.0), told(age=5.0, place=1))
    assert stored[0] == Stored()
    assert isinstance(stored[1].error, PatientConflict)
