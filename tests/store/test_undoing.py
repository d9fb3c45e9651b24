"""What an undo takes back, exactly, and what it refuses."""

from __future__ import annotations

import pytest

from gestalt_space.errors import (
    ConsentReturns,
    ConsentWithdrawn,
    NotInGallery,
    PatientConflict,
    UsageError,
)
from gestalt_space.store import correcting, reads, removals, tail, writes
from gestalt_space.store.engine import Database
from gestalt_space.types import Disorder
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


def test_who_gave_the_last_photo_away_goes_and_comes_back(database: Database, two: None) -> None:
    before = dump(database)
    with database.writing() as session:
        done = correcting.move_photo(session, "P2-3.png", of="P2", to="P9")
    assert any("last photo of P2" in note for note in done.notes)
    assert any("P9 is new" in note for note in done.notes)
    with database.reading() as session, pytest.raises(NotInGallery):
        reads.patient_detail(session, "P2")
    undo(database)
    assert dump(database) == before


def test_photos_of_the_same_bytes_are_one_after_a_merge(database: Database, store: Store) -> None:
    store(
        new_photo("P1", 1, sha256="a" * 64),
        new_photo("P2", 2, sha256="a" * 64, place=1, age=3.0),
        new_photo("P2", 3),
    )
    before = dump(database)
    with pytest.raises(PatientConflict, match="shows both of them"):
        merge(database)
    for keep in ("P1", "P2"):
        merge(database, keep)
        merged = dump(database)
        with database.reading() as session:
            photos = reads.patient_detail(session, "P1").photos
        assert sorted(photo.sha256 == "a" * 64 for photo in photos) == [False, True]
        assert [one.age for one in photos if one.sha256 == "a" * 64] == [3.0]
        undo(database)
        assert dump(database) == before
        undo(database, trail(database)[-1].id)
        assert dump(database) == merged
        undo(database)
        assert dump(database) == before


def test_a_removed_photo_leaves_the_trail_that_kept_its_copy(
    database: Database, store: Store
) -> None:
    store(
        new_photo("P1", 1, sha256="a" * 64),
        new_photo("P2", 2, sha256="a" * 64, place=1),
        new_photo("P2", 3),
    )
    merge(database, "P1")
    with database.writing() as session:
        removals.remove_photos(session, ["P1-1.png"])
    assert [one.detail for one in trail(database) if one.action == "merge"] == [None]
    with pytest.raises(PatientConflict, match="removed later"):
        undo(database)


def test_a_second_undo_goes_back_one_more(database: Database, two: None) -> None:
    states = [dump(database)]
    for facts in ({"sex": "male"}, {"disorders": (KABUKI,)}, {"cohort": "C"}):
        set_facts(database, "P1", **facts)
        states.append(dump(database))
    first, second, third = (one.id for one in trail(database)[-3:])
    with pytest.raises(PatientConflict) as refused:
        undo(database, first)
    assert refused.value.message.startswith(f"Event {first} (set of P1, ")
    assert f"by event {third} (set of P1, " in refused.value.message
    assert f"--event {third}" in refused.value.hint
    for event, state in zip((third, second), states[2:0:-1], strict=True):
        assert [one.id for one in undo(database).events] == [event]
        assert dump(database) == state
    last = trail(database)[-1].id
    with pytest.raises(PatientConflict, match=f"already undone, by event {last}"):
        undo(database, second)
    undo(database, last)
    assert dump(database) == states[2]
    for state in states[1::-1]:
        undo(database)
        assert dump(database) == state
    with pytest.raises(NotInGallery, match="There is no correction"):
        undo(database)


def test_an_event_is_undone_by_its_number(database: Database, two: None) -> None:
    set_facts(database, "P1", sex="male")
    of_p1 = trail(database)[-1].id
    set_facts(database, "P2", sex="male")
    undo(database, of_p1)
    assert "sex: female → male" in texts(undo(database, trail(database)[-1].id))
    for number, error in ((1, UsageError), (99, NotInGallery)):
        with pytest.raises(error, match=f"vent {number}"):
            undo(database, number)


def test_disorders_go_with_the_last_who_had_them_whatever_is_undone_first(
    database: Database, two: None
) -> None:
    before = dump(database)
    for patient in ("P1", "P2"):
        set_facts(database, patient, disorders=(Disorder("D-new"),), genes=("GENEX",))
    undo(database, trail(database)[-2].id)
    undo(database)
    after = dump(database)
    assert after["disorder"] == before["disorder"]
    assert after["gene"] == before["gene"]


def test_what_was_touched_since_is_not_undone(database: Database, store: Store, two: None) -> None:
    set_facts(database, "P1", sex="male")
    store(new_photo("P1", 9))
    undo(database)  # a photo more is no matter to facts
    with database.writing() as session:
        correcting.move_photo(session, "P1-2.png", of="P1", to="P2")
    store(new_photo("P1", 8))
    with pytest.raises(
        PatientConflict, match=r"changed its patients later, by event 6 \(add of P1"
    ):
        undo(database)


def test_a_removal_is_never_undone(database: Database, two: None) -> None:
    with database.writing() as session:
        removals.remove_patients(session, ["P2"])
    with pytest.raises(NotInGallery) as error:
        undo(database)
    assert error.value.hint == "A removal cannot be undone."
    set_facts(database, "P1", sex="male")
    with database.writing() as session:
        removals.remove_photos(session, ["P1-2.png"])
    with pytest.raises(PatientConflict, match=r"of P1, .* by event 4 \(remove of P1"):
        undo(database)


def test_descriptors_without_consent_are_withheld(
    database: Database, space_id: int, store: Store, two: None
) -> None:
    with database.reading() as session:
        epoch = tail.read_epoch(session)
    before = dump(database)
    set_facts(database, "P1", consent="withdrawn")
    assert withheld(database) == (1, 2)
    with database.reading() as session:
        (space,) = reads.spaces(session)
        assert len(tail.removed_after(session, space, -1)) == 2
        assert tail.read_epoch(session) == epoch + 1
        assert reads.faces_without(session, space_id) == []
        assert reads.faces_without(session, None) == reads.faces_without(session, None)[:1]
        assert reads.kept_faces(session, ["P1"]) == []
        assert reads.counts(session).withdrawn == 1
    (refused,) = store(new_photo("P1", 7))
    assert isinstance(refused.error, ConsentWithdrawn)
    _, second = store(new_photo("P5", 7), new_photo("P5", 8, consent="withdrawn"))
    assert isinstance(second.error, ConsentWithdrawn)
    assert withheld(database) == (2, 2)
    with pytest.raises(ConsentWithdrawn, match="cannot just be cleared"):
        set_facts(database, "P1", emptied=("consent",))
    with database.writing() as session:
        removals.remove_patients(session, ["P5"])
    with pytest.raises(ConsentReturns, match="P1 would be matched again") as asked:
        undo(database)
    assert asked.value.patients == ("P1",)
    with pytest.raises(ConsentReturns):
        undo(database, consent_again=("P2",))
    assert withheld(database) == (1, 2)
    undo(database, consent_again=("P1",))
    assert dump(database) == before


def test_an_undo_that_was_asked_about_takes_back_no_other_one(
    database: Database, two: None
) -> None:
    set_facts(database, "P1", consent="withdrawn")
    with pytest.raises(ConsentReturns) as asked:
        undo(database)
    set_facts(database, "P2", sex="other")
    before = dump(database)
    with pytest.raises(PatientConflict, match="Meanwhile, there was a new event"):
        undo(database, consent_again=("P1",), expected=asked.value.events)
    assert dump(database) == before


@pytest.mark.parametrize("into", ["P1", "P2"])
def test_who_was_merged_with_a_withdrawn_patient_is_not_matched_again_unasked(
    database: Database, two: None, into: str
) -> None:
    set_facts(database, "P1", consent="withdrawn")
    other = "P2" if into == "P1" else "P1"
    with database.writing() as session:
        correcting.merge_patients(session, into, other, keep=into)
    is_back = withheld(database) == (0, 3)
    if not is_back:
        pytest.fail("the merged patient is matched, whose consent is withdrawn")
    with pytest.raises(ConsentReturns) as asked:
        undo(database)
    assert asked.value.patients == ("P2",)
    undo(database, consent_again=("P2",))
    assert withheld(database) == (1, 2)


def test_photos_follow_the_consent_of_whose_they_are(database: Database, two: None) -> None:
    set_facts(database, "P1", consent="withdrawn")
    with database.writing() as session:
        done = correcting.move_photo(session, "P1-1.png", of="P1", to="P8")
    assert "The consent of P8 is withdrawn too, like that of P1." in done.notes
    assert withheld(database) == (1, 2)
    with database.writing() as session:
        correcting.move_photo(session, "P1-1.png", of="P8", to="P2")
    assert withheld(database) == (2, 1)
    set_facts(database, "P1", disorders=(KABUKI,), emptied=("genes", "sex"))
    with database.writing() as session:
        correcting.merge_patients(session, "P2", "P1")
    assert withheld(database) == (0, 3)
    undo(database, consent_again=("P2",))
    assert withheld(database) == (2, 1)


def test_a_face_that_somebody_else_has_by_now_is_not_put_back(
    database: Database, store: Store
) -> None:
    store(new_photo("P1", 1, sha256="a" * 64), new_photo("P2", 2, sha256="a" * 64, place=1))
    merge(database, keep="P1")
    assert len(photos_of(database, "P1")) == 1, "one row of the same bytes stays"
    store(new_photo("P3", 2, sha256="a" * 64, place=1))
    before = dump(database)
    with pytest.raises(PatientConflict, match="'P3'"):
        undo(database)
    assert dump(database) == before


def test_genes_of_a_disorder_that_others_took_over_go_with_who_had_them(
    database: Database, store: Store
) -> None:
    store(new_photo("P1", 1), new_photo("P2", 2))
    set_facts(database, "P1", disorders=(Disorder("D-new"),), genes=("GENEX",))
    store(new_photo("P3", 3, disorders=(Disorder("D-new"),)))
    undo(database)
    found = dump(database)
    assert found["disorder_gene"] == found["gene"] == []
    assert [row[1] for row in found["disorder"]] == ["D-new"]


def test_what_an_add_changed_in_patients_who_were_there_is_undone_as_one(
    database: Database, space_id: int, store: Store, two: None
) -> None:
    before = dump(database)
    batches = [
        [
            new_photo("P1", 1, disorders=(KABUKI,), genes=("KMT2D",), sex="male", age=5.0),
            new_photo("P1", 2, disorders=(KABUKI,), genes=("KMT2D",), hpo=("HP:0000002",)),
            new_photo("P2", 3, disorders=(CDLS,), consent="withdrawn"),
        ],
        [new_photo("P1", 1, cohort="C"), new_photo("P3", 9, disorders=(Disorder("D9"),))],
    ]
    for rows in batches:
        with database.writing() as session:
            writes.add_photos(session, rows, space_id=space_id, update=True, command="c")
    changed = [one for one in trail(database) if one.action == "correct"]
    assert [len((one.detail or {})["changes"]) for one in changed] == [7, 4, 1]
    assert "sex: female → male" in str(changed[0].detail)
    with pytest.raises(ConsentReturns, match=r"2 more of the same command.*: P2 would be"):
        undo(database)
    undone = undo(database, consent_again=("P2",))
    assert [one.id for one in undone.events] == [one.id for one in reversed(changed)]
    assert "P1: cohort: C → (empty)" in texts(undone)
    with database.writing() as session:
        removals.remove_patients(session, ["P3"])
    assert dump(database) == before
    (again,) = [
        one.id for one in trail(database) if (one.detail or {}).get("undone") == changed[1].id
    ]
    undo(database, again)
    assert withheld(database) == (2, 1)


def test_a_face_that_was_replaced_is_not_undone(
    database: Database, space_id: int, two: None
) -> None:
    row = new_photo("P1", 1, sex="male", place=1)
    with database.writing() as session:
        writes.add_photos(session, [row], space_id=space_id, update=True, command="c")
    undone = undo(database)
    assert texts(undone) == ("sex: male → female",)
    assert "was not restored" in " ".join(undone.notes)
    with database.writing() as session:
        writes.add_photos(
            session, [new_photo("P1", 1)], space_id=space_id, update=True, command="d"
        )
    with pytest.raises(PatientConflict, match="replaced a face"):
        undo(database, trail(database)[-1].id)
    with pytest.raises(NotInGallery):
        undo(database)


def test_who_was_removed_hides_no_correction_of_others(database: Database, two: None) -> None:
    set_facts(database, "P1", sex="male")
    set_facts(database, "P2", sex="male")
    of_p1, of_p2 = (one.id for one in trail(database)[-2:])
    with database.writing() as session:
        removals.remove_patients(session, ["P2"])
    with pytest.raises(PatientConflict) as refused:
        undo(database)
    assert f"Event {of_p2} (set of someone who left, " in refused.value.message
    assert f"--event {of_p1}" in refused.value.hint
    assert texts(undo(database, of_p1)) == ("sex: male → female",)
