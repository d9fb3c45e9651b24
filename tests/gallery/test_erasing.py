"""Who is erased is in no byte of any file, whatever went on before; what cannot be done at once is
remembered."""

from __future__ import annotations

import hashlib
import sqlite3
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from gestalt_space.errors import (
    ErasureUnfinished,
    GalleryError,
    NotInGallery,
    OutputError,
    UsageError,
)
from gestalt_space.gallery import sealing
from gestalt_space.gallery.erasure import finishing
from gestalt_space.gallery.lock import ERASING, locked
from gestalt_space.gallery.reader import Reader
from gestalt_space.store import audit, copied, erasures, reads
from gestalt_space.store import tables as t
from gestalt_space.store.purges import pending_purges
from gestalt_space.store.trainings import record_training
from gestalt_space.types import PhotoRecord
from tests.galleries import encoded_of, files_with, new_job
from tests.gallery.erasing import Home, left_of, photo

NAME = "PAT-2024-0017"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sealing, "SEALED_FROM", 4)
    (tmp_path / "home").mkdir(mode=0o700)
    opened = Home(tmp_path / "home", busy_timeout=0.2)
    yield opened
    opened.close()


def others(home: Home, *numbers: int) -> None:
    home.put(*(photo(f"PAT-1999-{n:04}", n) for n in numbers))


def leave_free_pages(home: Home, text: str) -> None:
    """As a program does that deletes and does not overwrite."""
    careless = sqlite3.connect(home.home / "gallery.sqlite3")
    careless.execute("PRAGMA secure_delete = 0")
    careless.execute("CREATE TABLE earlier (a)")
    careless.executemany("INSERT INTO earlier VALUES (?)", [(f"{text} {'-' * 3000}",)] * 50)
    careless.execute("DROP TABLE earlier")
    careless.commit()
    careless.close()


def test_nothing_is_left_after_a_history(home: Home) -> None:
    first, second = photo(NAME, 50, family="FAM-9", age=3.0), photo(NAME, 51)
    others(home, *range(5))
    home.put(first)
    home.seal()
    home.put(second, photo("PAT-1999-0099", 99))
    others(home, *range(5, 12))
    home.seal()
    home.put(replace(photo(NAME, 50, moved=9.0), sha256=first.sha256), update=True)
    with home.database.writing() as session:
        assert copied.copies_made(session) == []
        audit.record_event(session, "backup", detail={"path": "/backups/monday.gestalt"})
        audit.record_event(session, "merge", detail={"from": NAME})
    (home.folder / ".half-written.123").write_bytes(first.sha256.encode() + NAME.encode())
    reader = Reader(home.database, home.folder)
    state = reader.current(home.space)
    assert left_of(home.home, NAME, first, second)

    erased = home.erase(NAME)

    assert left_of(home.home, NAME, first, second) == []
    assert not reader.is_current(state)
    assert reader.current(home.space).photos == 13
    assert "no problem found" in home.check()
    assert erased.rows["photo"] == erased.rows["crop"] == erased.rows["descriptor"] == 2
    assert erased.rows["audit details of others"] == 1
    assert erased.searched.hits == 0
    assert erased.searched.bytes > sum(
        path.stat().st_size for path in home.home.glob("gallery.sqlite3")
    )
    receipt = home.receipt()
    salted = hashlib.sha256(f"{receipt['salt']}:{NAME}".encode()).hexdigest()
    assert receipt["patients"] == [salted]
    assert NAME not in str(receipt)
    (copy,) = receipt["not_reached"]["copies"]
    assert (copy["action"], copy["path"]) == ("backup", "/backups/monday.gestalt")
    with home.database.reading() as session:
        assert erasures.begun_erasures(session) == []
        assert pending_purges(session) == ()
        logged = set(session.scalars(sa.select(t.Removal.descriptor_id)))
        assert len(logged) == 1, "the face that was replaced before; those that were erased are not"
        assert list(audit.trail_problems(session)) == []
        (event,) = (one for one in audit.events(session) if one.action == "erase")
        assert event.detail == {"photos": 2}


@pytest.mark.sqlite_only("its log")
def test_jobs_go_with_what_they_gave(home: Home) -> None:
    others(home, 0)
    home.put(photo(NAME, 50))
    with home.database.writing() as session:
        session.add(new_job("1" * 32, result=f'{{"patients": ["{NAME}"]}}'))
        session.add(new_job("2" * 32, state="running", result=None, request={"patients": [NAME]}))
        session.add(new_job("3" * 32, state="failed", result=None, error={"message": f"No {NAME}"}))
        session.flush()
        session.add(t.JobFile(job_id="1" * 32, name="map.svg", content=NAME.encode()))
    erased = home.erase(NAME)
    assert erased.rows["job"] == 3
    assert left_of(home.home, NAME) == []


def test_while_the_log_is_read_it_is_remembered(home: Home) -> None:
    mine = photo(NAME, 50)
    others(home, *range(5))
    home.put(mine)
    home.seal()
    with home.database.reading() as session:
        assert erasures.begun_erasures(session) == []
        with pytest.raises(ErasureUnfinished, match="not every file is clean") as told:
            home.erase(NAME)
        assert "--resume" in told.value.hint
        assert not (home.home.parent / "receipt.json").exists()
    assert left_of(home.folder, NAME, mine) == [], "the index is clean already"
    home.keeper().purge(wait=False)  # as the next opening does
    assert left_of(home.home, NAME, mine) == [], "what is remembered names nobody"
    (begun,) = home.gallery().begun_erasures()
    assert begun.plan["key"]
    (erased,) = home.gallery().resume_erasures()
    assert erased.searched.hits == 0
    assert home.receipt()["erased_rows"]["photo"] == 1
    assert home.gallery().begun_erasures() == []
    assert files_with(home.home, begun.plan["key"].encode()) == []
    assert home.gallery().resume_erasures() == []


def test_it_says_whom_it_waits_for(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gestalt_space.store.sqlite.SILENT", 0.02)
    monkeypatch.setattr("gestalt_space.gallery.lock.SILENT", 0.02)
    home.put(photo(NAME, 50))
    told: list[str] = []
    with locked(home.folder, 1, ERASING), pytest.raises(OutputError, match="Another process"):
        home.erase(NAME, waiting=told.append)
    assert [text.split(".")[0] for text in told] == [
        "Waiting for another process that is erasing patients from the index"
    ]
    told.clear()
    if not home.database.is_sqlite:
        return
    with home.database.reading() as session:
        assert erasures.begun_erasures(session) == []
        with pytest.raises(ErasureUnfinished):
            home.erase(NAME, waiting=told.append)
    assert [text.split(".")[0] for text in told] == [
        "Waiting until no other process reads the database"
    ]
    told.clear()
    home.gallery().resume_erasures(waiting=told.append)
    assert told == []


def test_another_home_has_to_be_cleaned_first(home: Home) -> None:
    others(home, *range(5))
    home.put(photo(NAME, 50))
    home.seal()
    with home.database.writing() as session:
        session.add(t.Home(id="0" * 36, place="ward-3:/data/gestalt"))
    with pytest.raises(ErasureUnfinished, match="ward-3:/data/gestalt"):
        home.erase(NAME)
    with home.database.writing() as session:
        assert session.scalars(sa.select(t.Removal)).all(), "the other home needs it"
        session.execute(sa.delete(t.Purge).where(t.Purge.home_id == "0" * 36))
    (erased,) = home.gallery().resume_erasures(home.home.parent / "other.json")
    assert "ward-3:/data/gestalt" in erased.homes
    assert home.receipt("other.json")["homes"] == list(erased.homes)
    with home.database.reading() as session:
        assert session.scalars(sa.select(t.Removal)).all() == []


def test_an_erasure_no_longer_waits_for_a_home_that_is_forgotten(home: Home) -> None:
    others(home, *range(5))
    home.put(photo(NAME, 50))
    home.seal()
    with home.database.writing() as session:
        session.add(t.Home(id="0" * 36, place="ward-3:/data/gestalt"))
    with pytest.raises(ErasureUnfinished) as told:
        home.erase(NAME)
    assert "index homes --forget" in told.value.hint
    gallery = home.gallery()
    gone, mine = sorted(gallery.homes(), key=lambda one: one.owed, reverse=True)
    assert (gone.place, gone.owed, gone.erasures) == ("ward-3:/data/gestalt", 1, 1)
    assert (mine.id, mine.owed, mine.erasures) == (gallery.own_home(), 0, 0)
    with pytest.raises(UsageError, match="you are using"):
        gallery.forget_home(mine.place)
    with pytest.raises(NotInGallery, match="no home"):
        gallery.forget_home("0000")
    assert gallery.forget_home("00000000") == gone
    (erased,) = gallery.finish_erasures()
    assert erased.homes == (mine.place,)
    (told_of,) = home.receipt()["not_reached"]["homes"]
    assert (told_of["place"], told_of["by"]) == (gone.place, home.database.actor)
    with home.database.reading() as session:
        assert session.scalars(sa.select(t.Removal)).all() == []
        assert session.scalars(sa.select(t.Purge)).all() == []
        assert list(audit.trail_problems(session)) == []


@pytest.mark.parametrize("name", [NAME, "P7"])
def test_a_copy_whose_path_names_the_patient_is_told_without_the_name(
    name: str, home: Home
) -> None:
    home.put(photo(name, 50))
    (home.home / "note").write_text(photo(name, 50).sha256)
    with home.database.writing() as session:
        audit.record_event(session, "export", detail={"path": f"/exports/{name}-for-lab"})
    with pytest.raises(ErasureUnfinished):
        home.erase(name)
    with home.database.writing() as session:
        audit.record_event(session, "backup", detail={"path": f"/late/{name.lower()}"})
    (home.home / "note").unlink()
    home.gallery().resume_erasures()
    copies = home.receipt()["not_reached"]["copies"]
    assert [one["path"] for one in copies] == ["/exports/[...]-for-lab", "/late/[...]"]
    assert left_of(home.home, f"{name}-for-lab") == []
    with home.database.reading() as session:
        assert list(audit.trail_problems(session)) == []


def test_files_that_are_not_the_gallerys_are_told(home: Home) -> None:
    others(home, 1)
    home.put(photo(NAME, 50))
    note, named = home.home / "notes.txt", home.home / f"{NAME}-left.jpg"
    note.write_text(f"{NAME} called on Monday")
    named.write_bytes(b"")
    with pytest.raises(ErasureUnfinished, match="files still contain traces") as told:
        home.erase(NAME)
    assert f"identifier in {note} (1 times)" in told.value.message
    assert f"name of a file in {named}" in told.value.message
    note.unlink()
    named.unlink()
    assert home.gallery().finish_erasures() == [], "else each command would search again"
    assert home.gallery().resume_erasures()[0].searched.hits == 0


@pytest.mark.sqlite_only("its free pages")
def test_free_space_of_the_database_is_cleaned(home: Home) -> None:
    mine = photo(NAME, 50)
    others(home, 1, 2)
    home.put(mine)
    leave_free_pages(home, f"{NAME} {mine.sha256}")
    erased = home.erase(NAME)
    assert erased.compacted
    assert erased.searched.hits == 0
    assert left_of(home.home, NAME, mine) == []


@pytest.mark.sqlite_only("its pages")
def test_what_others_have_as_well_is_theirs(home: Home) -> None:
    mine = photo(NAME, 50)
    same = photo(f"{NAME}1", 50, family=NAME)
    home.put(mine, *(photo(f"PAT-1999-{n:04}", n) for n in range(4)))
    home.put(replace(same, record=replace(same.record, photo=mine.record.photo)))
    home.seal()
    erased = home.erase(NAME)
    assert erased.searched.hits == 0
    told = {one.what for one in erased.searched.others}
    assert told == {"identifier", "photo name", "piece of a descriptor or a crop"}
    assert not erased.compacted
    assert home.receipt()["search"]["in_rows_of_others"]


def test_base64_is_searched_and_what_others_have_in_it_is_theirs(home: Home) -> None:
    home.put(photo(NAME, 50), photo(f"{NAME}1", 51))
    note = home.home / "notes.txt"
    note.write_bytes(b"Basic " + b64encode(f"reader:{NAME}1:it".encode()))
    assert any("notes" in one.path for one in home.erase(NAME).searched.others)
    with pytest.raises(ErasureUnfinished, match=r"identifier in .*notes.txt"):
        home.erase(f"{NAME}1", receipt="second.json")


@pytest.mark.sqlite_only("its free pages")
def test_short_names_are_found_in_rows_and_not_by_chance(home: Home) -> None:
    others(home, *range(5))
    home.put(photo("P7", 50), photo("1", 51), photo("P77", 52))
    home.seal()
    erased = home.erase("P7", "1")
    assert erased.searched.hits == 0
    assert len(home.receipt()["patients"]) == 2
    leave_free_pages(home, "P77p77")
    assert home.erase("P77", receipt="second.json").compacted


def test_who_was_removed_before_is_searched_for(home: Home) -> None:
    others(home, *range(3))
    home.put(photo(NAME, 50))
    home.gallery().remove(patients=[NAME])
    with pytest.raises(NotInGallery, match="no trace"):
        home.erase(NAME)
    home.folder.mkdir(exist_ok=True)
    (home.folder / ".left").write_bytes(NAME.encode())
    erased = home.erase(NAME)
    assert (erased.removed_before, erased.rows["patient"]) == (1, 0)
    assert home.receipt()["removed_before"] == 1
    assert files_with(home.home, NAME.encode()) == []


def test_nobody_is_erased_where_one_is_unknown(home: Home) -> None:
    home.put(photo(NAME, 50))
    with pytest.raises(NotInGallery, match="PAT-nobody"):
        home.erase(NAME, "PAT-nobody")
    with pytest.raises(UsageError, match="No patient to erase"):
        home.gallery().erase([])
    with pytest.raises(UsageError, match="not a list"):
        home.gallery().erase(NAME)
    for place in (home.home / "receipt.json", home.home.parent / "receipt.txt"):
        with pytest.raises(UsageError):
            home.gallery().erase([NAME], place)
    with pytest.raises(OutputError, match="no folder"):
        home.gallery().erase([NAME], home.home.parent / "nowhere" / "receipt.json")
    for odd in ("n" * 256, "nul\0", "half\ud800"):
        place = home.home.parent / odd
        with pytest.raises(OutputError, match="cannot be written"):
            home.gallery().erase([NAME], place.with_name(f"{odd}.json"))
        for copy in (home.gallery().back_up, home.gallery().export):
            with pytest.raises(OutputError, match="cannot be written"):
                copy(place)
    home.home.parent.joinpath("linked").symlink_to(home.home)
    with pytest.raises(UsageError, match="into the home"):
        home.gallery().erase([NAME], home.home.parent / "linked" / "receipt.json")
    with home.database.reading() as session:
        assert NAME in reads.patient_names(session).values()


@pytest.mark.parametrize("named", [True, False])
def test_a_receipt_that_cannot_be_written_is_written_later(
    named: bool, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.put(photo(NAME, 50))

    def full(*_: object) -> None:
        raise OutputError("The disk is full.", "")

    with monkeypatch.context() as patch:
        patch.setattr("gestalt_space.home.write_receipt", full)
        with pytest.raises(OutputError, match="disk is full"):
            home.erase(NAME, name_patients=named)
    assert left_of(home.home, NAME) == []
    (begun,) = home.gallery().begun_erasures()
    assert ("key" in begun.plan) == named, "else nobody can know them any more"
    (erased,) = home.gallery().resume_erasures()
    assert erased.searched.hits == 0
    assert home.receipt()["patients"] == list(erased.patients)
    assert home.receipt().get("names") == ([NAME] if named else None)
    assert left_of(home.home, NAME) == []
    if named:
        assert files_with(home.home, begun.plan["key"].encode()) == []


@pytest.mark.sqlite_only("its free pages")
def test_the_key_of_what_was_remembered_goes_after_a_stop_as_well(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    home.put(photo(NAME, 50))
    with monkeypatch.context() as patch:
        patch.setattr(finishing.ErasureFinisher, "_erased", stopped)
        with pytest.raises(KeyboardInterrupt):
            home.erase(NAME)
    (begun,) = home.gallery().begun_erasures()
    with monkeypatch.context() as patch:
        patch.setattr(finishing.ErasureFinisher, "_forget_mask", stopped)
        with pytest.raises(KeyboardInterrupt):
            home.gallery().resume_erasures()
    leave_free_pages(home, begun.plan["key"])
    assert home.gallery().finish_erasures()
    assert files_with(home.home, begun.plan["key"].encode()) == []


def test_several_receipts_have_places_of_their_own(home: Home) -> None:
    others(home, 1)
    home.put(photo("PAT-A-0001", 50), photo("PAT-B-0001", 51))
    (home.home / "note").write_text("PAT-A-0001 PAT-B-0001")
    for name in ("PAT-A-0001", "PAT-B-0001"):
        with pytest.raises(ErasureUnfinished):
            home.erase(name, receipt=f"{name}.json")
    (home.home / "note").unlink()
    with pytest.raises(UsageError, match="Several"):
        home.gallery().resume_erasures(home.home.parent / "one.json")
    assert len(home.gallery().resume_erasures()) == 2
    assert home.receipt("PAT-A-0001.json")["salt"] != home.receipt("PAT-B-0001.json")["salt"]


def test_one_that_was_stopped_is_finished_by_whoever_opens_next(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **more: object) -> None:
        raise KeyboardInterrupt

    home.put(photo(NAME, 1), photo("P2", 2))
    with monkeypatch.context() as patched:
        patched.setattr(finishing, "search_files", stopped)
        with pytest.raises(KeyboardInterrupt):
            home.erase(NAME)
    assert len(home.gallery().begun_erasures()) == 1
    with locked(home.folder, 1, ERASING):
        assert home.gallery().finish_erasures() == [], "somebody is at it"
    (erased,) = home.gallery().finish_erasures()
    assert erased.searched.hits == 0
    assert home.receipt()["erased_rows"]["photo"] == 1
    assert left_of(home.home, NAME, photo(NAME, 1)) == []
    assert home.gallery().finish_erasures() == []


def test_a_receipt_that_was_handed_over_is_not_written_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by a copy of the gallery, nor over a receipt of somebody else."""

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    home.put(photo(NAME, 1), photo("P2", 2))
    with monkeypatch.context() as patched:
        patched.setattr(finishing.erasures, "end_erasure", stopped)
        with pytest.raises(KeyboardInterrupt):
            home.erase(NAME)
    path = home.home.parent / "receipt.json"
    before = path.stat().st_mtime_ns
    (erased,) = home.gallery().finish_erasures()
    assert path.stat().st_mtime_ns == before
    assert home.receipt()["salt"] == erased.salt
    assert home.gallery().begun_erasures() == []


def test_a_few_letters_are_no_trace_of_somebody(home: Home) -> None:
    others(home, *range(6))
    home.seal()
    for name in ("A", "AB", "12", "P1"):
        with pytest.raises(NotInGallery, match="no trace"):
            home.erase(name)


def test_nothing_of_a_photo_that_had_another_owner_stays_in_the_trail(home: Home) -> None:
    mine = photo(NAME, 50)
    home.put(photo("PAT-1999-0001", 1), photo("PAT-1999-0002", 2))
    home.put(replace(mine, record=replace(mine.record, patient="PAT-1999-0001")))
    told = PhotoRecord("", "PAT-1999-0001", age=4.5, site="clinic of elsewhere")
    gallery = home.gallery()
    gallery.set_facts(told, photo=mine.record.photo)
    gallery.move_photo(mine.record.photo, of="PAT-1999-0001", to=NAME)
    erased = home.erase(NAME)
    assert not erased.searched.others
    assert left_of(home.home, NAME, mine) == []
    assert files_with(home.home, b"clinic of elsewhere") == []
    with pytest.raises(GalleryError):
        home.gallery().undo()


def test_a_copy_that_a_merge_dropped_goes_with_whoever_had_the_photo(home: Home) -> None:
    """`undo` would put it back."""
    first = photo("PAT-1999-0001", 1, sha256="a" * 64)
    second = photo("PAT-1999-0002", 2, sha256="a" * 64, place=1)
    home.put(first, second)
    home.gallery().merge("PAT-1999-0001", "PAT-1999-0002", keep="PAT-1999-0001")
    home.put(photo(NAME, 2, sha256="a" * 64, place=1))
    home.erase(NAME)
    with pytest.raises(GalleryError):
        home.gallery().undo()
    assert files_with(home.home, encoded_of(second).descriptor.tobytes()) == []


def test_a_receipt_lists_the_trainings_that_had_the_patient(home: Home) -> None:
    others(home, 0, 1)
    home.put(photo(NAME, 50))
    other = "PAT-1999-0000"
    with home.database.writing() as session:
        record_training(session, [NAME, other], "/runs/both")
        record_training(session, [NAME], "/runs/both", space="a" * 64)
        record_training(session, [other], "/runs/other")
        record_training(session, [other], "/runs/other", classifier="b" * 64)
        # Of one whose beginning was not noted, only those in the model are known.
        record_training(session, [other], "/runs/older", space="c" * 64)
        # Whoever was held out is in the folder, and not in the model.
        record_training(session, [NAME, other], "/runs/held-out")
        record_training(session, [other], "/runs/held-out", space="d" * 64)
    home.erase(NAME)
    copies = home.receipt()["not_reached"]["copies"]
    assert [(one["path"], one["certain"]) for one in copies] == [
        ("/runs/both", True),
        ("/runs/older", False),
        ("/runs/held-out", True),
    ]


def test_of_who_was_removed_before_it_is_not_known(home: Home) -> None:
    others(home, *range(3))
    home.put(photo(NAME, 50))
    with home.database.writing() as session:
        record_training(session, [NAME], "/runs/one")
    home.gallery().remove(patients=[NAME])
    (home.folder / ".left").write_bytes(NAME.encode())
    home.erase(NAME)
    (copy,) = home.receipt()["not_reached"]["copies"]
    assert (copy["path"], copy["certain"]) == ("/runs/one", False)
