"""What an erasure takes out of the database, and what is remembered of it."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.store import audit, copied, erasures, homes, writes
from gestalt_space.store import tables as t
from gestalt_space.store.audit import empty_details_naming
from gestalt_space.store.correcting import merge_patients
from gestalt_space.store.engine import Database
from gestalt_space.store.removals import patient_keys
from gestalt_space.store.undoing import undo
from gestalt_space.types import Disorder
from tests.galleries import encoded_of, new_photo
from tests.store.conftest import Store

HOME = "0" * 36


@pytest.fixture
def filled(database: Database, space_id: int) -> Database:
    photos = [
        new_photo("P17", 1, disorders=(Disorder("rare"),), genes=("NIPBL",), hpo=("HP:0000664",)),
        new_photo("P17", 2, disorders=(Disorder("rare"),), crop=False),
        new_photo("P1", 3, disorders=(Disorder("frequent"),), family="P17's"),
    ]
    with database.writing() as session:
        writes.add_photos(session, photos, space_id=space_id)
    return database


def test_all_that_the_database_has_of_a_patient(filled: Database, space_id: int) -> None:
    with filled.reading() as session:
        traces = erasures.traces_of(session, patient_keys(session, ["P17", "P9"]).values())
    first, second = new_photo("P17", 1), new_photo("P17", 2)
    assert traces.photos == [(one.record.photo, one.sha256) for one in (first, second)]
    vectors = [encoded_of(one).descriptor.tobytes() for one in (first, second)]
    assert traces.vectors == [(space_id, vector) for vector in vectors]
    assert traces.crops == [encoded_of(first).crop]
    assert len(traces.descriptors) == 2
    assert traces.rows == {
        "patient": 1,
        "photo": 2,
        "face": 2,
        "crop": 1,
        "crop_object": 0,
        "descriptor": 2,
        "withheld": 0,
        "phenotype_term": 1,
        "diagnosis": 1,
        "patient_gene": 1,
        "pseudonym": 1,
    }


def test_nobody_has_nothing(filled: Database) -> None:
    with filled.reading() as session:
        traces = erasures.traces_of(session, ())
    assert not any(traces.rows.values())


def test_rows_go_and_the_trail_says_so(filled: Database) -> None:
    with filled.writing() as session:
        keys = patient_keys(session, ["P17"])
        assert erasures.erase_rows(session, keys.values()) == {"disorder": 1, "gene": 1}
    with filled.reading() as session:
        assert patient_keys(session, ["P17", "P1"]).keys() == {"P1"}
        newest = list(audit.events(session))[-1]
        assert (newest.action, newest.detail) == ("erase", {"photos": 2})
        assert len(newest.subjects) == 1
        assert list(audit.trail_problems(session)) == []


def test_details_that_name_somebody_are_emptied(filled: Database) -> None:
    details = [{"from": "P17"}, {"was": [{"P17": 1}]}, {"from": "P170"}, {"told": "P17 and P1"}]
    with filled.writing() as session:
        for detail in details:
            audit.record_event(session, "merge", detail=detail)
        assert empty_details_naming(session, ["P17"]) == 2
    with filled.reading() as session:
        kept = [one.detail for one in audit.events(session) if one.action == "merge"]
        assert kept == [None, None, *details[2:]]
        assert list(audit.trail_problems(session)) == []


def test_where_a_copy_is_stays_known_when_one_who_is_in_it_leaves(filled: Database) -> None:
    """Whoever is erased later was in it, too."""
    paths = ["/out/first", "/out/of-PATIENT-9", "/out/of-P1"]
    with filled.writing() as session:
        keys = patient_keys(session, ["P17", "P1"]).values()
        for path in paths:
            audit.record_event(session, "export", patients=keys, detail={"path": path})
        audit.empty_details(session, patient_keys(session, ["P17"]).values())
        copies = copied.copies_made(session)
        assert [one["path"] for one in copies] == paths
        assert list(audit.trail_problems(session)) == []


def test_who_is_erased_is_left_out_of_the_path_of_a_copy(filled: Database) -> None:
    paths = ["/out/P17-for-lab", "/out/patient-9/2024", "/out/P170", "/out/P1 and p17"]
    with filled.writing() as session:
        for path in paths:
            audit.record_event(session, "export", detail={"path": path, "photos": 1})
        assert copied.leave_out_of_paths(session, ["P17"], ["out"]) == 2
        assert copied.leave_out_of_paths(session, ["PATIENT-9"]) == 1
        assert copied.leave_out_of_paths(session, ["P1"]) == 1
        for name in ("P17", "PATIENT-9", "P1"):
            assert copied.leave_out_of_paths(session, [name]) == 0
        copies = copied.copies_made(session)
    assert [one["path"] for one in copies] == [
        "/out/[...]-for-lab",
        "/out/[...]/2024",
        "/out/P170",
        "/out/[...] and [...]",
    ]
    with filled.reading() as session:
        assert "P17-" not in trail_text(session)
        assert list(audit.trail_problems(session)) == []


@pytest.mark.parametrize(
    ("path", "name", "left"),
    [
        ("/out/PAT-2024-0017x/a", "PAT-2024-0017", "/out/[...]x/a"),
        ("/out/Mu\u0308ller-17/a", "M\u00fcller-17", "/out/[...]/a"),
        ("/out/A/B/c", "A/B", "/out/[...]/c"),
        ("/out/A  B/c", "A B", "/out/[...]/c"),
        ("C:\\out\\P17", "P17", "C:\\out\\[...]"),
        ("/out/P17_b", "P17", "/out/[...]_b"),
        ("/out/1/2", "[...]", "/out/1/2"),
    ],
)
def test_a_path_without_a_name(path: str, name: str, left: str) -> None:
    assert copied.without_names(path, [name]) == left


def test_what_a_gallery_came_from_is_a_copy_as_well(filled: Database) -> None:
    with filled.writing() as session:
        audit.record_event(session, "restore", detail={"path": "/out/first"})
        audit.record_event(session, "import", detail={"path": "/out/second"})
    with filled.reading() as session:
        copies = copied.copies_made(session)
    kinds = [(one["action"], one["path"]) for one in copies]
    assert kinds == [("backup", "/out/first"), ("export", "/out/second")]


def test_hospitals_are_told_that_were_asked_about_somebody(filled: Database) -> None:
    """And none that were asked about others: of each question it is known whom it is about."""
    with filled.writing() as session:
        keys = patient_keys(session, ["P17", "P1"])
        for name, hospital in (("P17", "b (https://b.example)"), ("P1", "c (https://P17.example)")):
            detail = {"hospital": hospital, "probes": 1}
            audit.record_event(session, "ask", patients=[keys[name]], detail=detail)
        audit.record_event(session, "ask", detail={"hospital": "d", "probes": 1})
        assert copied.copies_made(session) == []
        (told,) = copied.CopiesOf.read(session, [keys["P17"]]).copies(session)
        assert (told["action"], told["path"], told["certain"]) == (
            *("ask", "b (https://b.example)"),
            True,
        )
        audit.empty_details(session, keys.values())
        assert copied.leave_out_of_paths(session, ["P17"]) == 1
        (told,) = copied.CopiesOf.read(session, [keys["P1"]]).copies(session)
        assert told["path"] == "c (https://[...].example)"


def test_backups_and_exports_are_told(filled: Database) -> None:
    with filled.writing() as session:
        audit.record_event(session, "export", detail={"path": "/out/first"})
        audit.record_event(session, "backup", detail={"path": "/out/second"})
    with filled.reading() as session:
        copies = copied.copies_made(session)
        assert [(one["action"], one["path"]) for one in copies] == [
            ("export", "/out/first"),
            ("backup", "/out/second"),
        ]


def test_the_removal_log_is_kept_until_every_home_is_clean(filled: Database) -> None:
    with filled.writing() as session:
        homes.register_home(session, HOME, "ward-3:/data")
        keys = patient_keys(session, ["P17"])
        descriptors = erasures.traces_of(session, keys.values()).descriptors
        erasures.erase_rows(session, keys.values())
        plan = {"sequence": erasures.last_change(session), "descriptors": descriptors}
        key = erasures.begin_erasure(session, plan)
    with filled.writing() as session:
        (begun,) = erasures.begun_erasures(session)
        assert (begun.id, begun.plan, begun.actor) == (key, plan, filled.actor)
        assert erasures.unclean_homes(session, plan["sequence"]) == ["ward-3:/data"]
        assert erasures.unclean_homes(session, plan["sequence"], but=HOME) == []
        assert erasures.unclean_homes(session, plan["sequence"] - 1) == []
        erasures.forget_removals(session)
        assert session.scalar(sa.select(sa.func.count()).select_from(t.Removal)) == 2
        session.execute(sa.delete(t.Purge))
        erasures.forget_removals(session)
        assert session.scalar(sa.select(sa.func.count()).select_from(t.Removal)) == 0
        erasures.change_plan(session, key, {"erased": {}})
        notes = session.scalars(sa.select(t.Purge.home_id)).all()
        assert notes == [None], "what was changed is in the database's files alone"
        erasures.end_erasure(session, key)
        assert erasures.begun_erasures(session) == []


def test_texts_of_rows_are_found_by_a_part(filled: Database) -> None:
    with filled.reading() as session:
        found = set(erasures.texts_with(session, "P17"))
    assert ("patient.family", "P17's") in found
    assert ("patient.external_id", "P17") in found
    assert ("photo.name", "P17-2.png") in found
    with filled.reading() as session:
        assert list(erasures.texts_with(session, "%")) == []


def test_every_descriptor_and_crop_is_given(filled: Database, space_id: int) -> None:
    with filled.reading() as session:
        kinds = [space for space, _ in erasures.blobs(session)]
    assert kinds.count(space_id) == 3
    assert kinds.count(None) == 2


def test_an_erasure_takes_copies_of_photos_out_of_the_trail(
    database: Database, store: Store
) -> None:
    """A merge keeps the photo that it dropped, for an undo."""
    store(
        new_photo("P17", 1, sha256="a" * 64),
        new_photo("P18", 2, sha256="a" * 64, place=1),
    )
    with database.writing() as session:
        merge_patients(session, "P17", "P18", keep="P17")
        undo(session)
        assert '"rows"' in trail_text(session)
        erasures.erase_rows(session, patient_keys(session, ["P18"]).values())
        for text in ('"rows"', "P18", "P17"):
            assert text not in trail_text(session)


def trail_text(session: Session) -> str:
    return json.dumps([event.detail for event in audit.events(session)])
