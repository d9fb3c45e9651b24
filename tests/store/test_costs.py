"""What questions and writes cost: what they ask for and write, however much the gallery holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.store import lookups, reads, removals, tail, writes
from gestalt_space.store.engine import Database
from gestalt_space.types import Disorder
from tests import made
from tests.databases import address_of
from tests.galleries import encoded_of, new_photo
from tests.many import insert_many

pytestmark = pytest.mark.sqlite_only("its machine counts steps and tells plans")

SMALL, LARGE = 200, 20_000
LARGE_TABLES = ("photo", "face", "descriptor", "patient", "diagnosis", "patient_gene", "removal")
Work = Callable[[Session], object]


def filled(home: Path, count: int) -> Database:
    """A gallery of so many photos, two of each patient."""
    database = Database(address_of(home))
    rng = np.random.default_rng(3)
    with database.writing() as session:
        space_id = writes.add_space(
            session, model="tiny", fingerprint="f" * 64, specification="{}", dim=4
        )
        patient_of = np.arange(count) // 2
        insert_many(
            session, patient_of, made.unit(rng, count, 4), space_id=space_id, disorders=count // 20
        )
    return database


@pytest.fixture(scope="module")
def galleries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, Database]]:
    small, large = (filled(tmp_path_factory.mktemp("home"), count) for count in (SMALL, LARGE))
    yield small, large
    small.close()
    large.close()


def space_of(session: Session) -> reads.StoredSpace:
    return reads.spaces(session)[0]


def add_one(session: Session) -> None:
    photo = new_photo("P000003", 7, disorders=(Disorder("D00003"),), dim=4, sex="male")
    (stored,) = writes.add_photos(session, [photo], space_id=1)
    assert stored.error is None
    assert stored.changes == ()


def replace_one(session: Session) -> None:
    """What a patient has gives way to something else: the face of a photo, too."""
    told = {"sha256": f"{9:064x}", "disorders": (Disorder("new"),), "genes": ("new",), "dim": 4}
    photo = new_photo("P000004", 8, place=1, **told)
    (stored,) = writes.add_photos(session, [photo], space_id=1, update=True)
    assert stored.other_face


def remove_patient(session: Session) -> None:
    assert removals.remove_patients(session, ["P000005"]) == removals.Removed(1, 2)


def remove_photos(session: Session) -> None:
    gone = removals.remove_photos(session, ["13.png", f"{14:064x}"])
    assert gone == removals.Removed(1, 2)


def put_one(session: Session) -> None:
    writes.put_descriptors(session, {15: made.unit(np.random.default_rng(1), 1, 4)[0]}, space_id=1)


def look_up(session: Session) -> None:
    assert lookups.find_patient(session, "P000006") == 7
    assert lookups.patients_like(session, ["p000006"]) == ["P000006"]
    assert lookups.disorders_like(session, ["d00002"]) == ["D00002"]
    assert lookups.family_members(session, "F") == []
    assert lookups.titles_of(session, "disorder", [3]) == {3: ("D00002", "")}
    assert lookups.photo_names_of(session, [20]) == {20: "20.png"}
    assert reads.described_photos(session, [20])[20].patient == "P000009"
    assert reads.patient_of_face(session, f"{20:064x}", encoded_of(new_photo("P", 1)).face) is None
    assert reads.stored_face(session, f"{20:064x}", "P000009", until=reads.last_face(session))
    assert reads.faces_without(session, 1, [20]) == []


def read_tail(session: Session) -> None:
    space, last = space_of(session), tail.read_mark(session, None).sequence - 1
    assert len(tail.rows_after(session, space, last).ids) == 1
    assert len(tail.removed_after(session, space, last)) == 0
    tail.corrected_photos_after(session, space, last)
    tail.people_after(session, last + 1)


def read_mark(session: Session) -> None:
    assert tail.read_mark(session, 1).default_space == 1


WORK: tuple[Work, ...] = (
    *(add_one, replace_one, remove_patient, remove_photos, put_one),
    *(look_up, read_mark),
)


def undone(database: Database, work: Work) -> None:
    """Do work, and leave no trace of it."""
    with database.writing() as session:
        work(session)
        session.flush()
        session.rollback()


def steps(database: Database, work: Work) -> int:
    """How many steps SQLite's machine takes for some work."""
    count = 0

    def step() -> None:
        nonlocal count
        count += 1

    def driver(session: Session) -> sqlite3.Connection:
        found = session.connection().connection.driver_connection
        assert isinstance(found, sqlite3.Connection)
        return found

    def counted(session: Session) -> None:
        driver(session).set_progress_handler(step, 1)
        work(session)
        session.flush()
        driver(session).set_progress_handler(None, 1)

    undone(database, counted)
    return count


@pytest.mark.parametrize("work", WORK)
def test_work_takes_as_many_steps_in_a_gallery_a_hundred_times_as_large(
    work: Work, galleries: tuple[Database, Database]
) -> None:
    small, large = (steps(database, work) for database in galleries)
    assert 0 < large <= 1.5 * small


def test_a_scan_takes_more_steps(galleries: tuple[Database, Database]) -> None:
    """That the count sees one."""

    def scan(session: Session) -> None:
        session.execute(sa.text("SELECT count(*) FROM face WHERE score > 2")).one()

    small, large = (steps(database, scan) for database in galleries)
    assert large > 50 * small


@pytest.mark.parametrize("work", [*WORK, read_tail])
def test_no_question_reads_a_whole_table(work: Work, galleries: tuple[Database, Database]) -> None:
    plans: list[tuple[str, str]] = []

    def explain(connection: sa.Connection, _: object, statement: str, values: object, *__: object):
        if statement.split()[0] in ("SELECT", "UPDATE", "DELETE") and isinstance(values, tuple):
            direct = connection.connection.cursor()
            direct.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            plans.extend((row[3], statement) for row in direct.fetchall())
            direct.close()

    database = galleries[1]
    sa.event.listen(database.engine, "before_cursor_execute", explain)
    try:
        undone(database, work)
    finally:
        sa.event.remove(database.engine, "before_cursor_execute", explain)
    whole = [
        (plan, text)
        for plan, text in plans
        if plan.split()[:2] in (["SCAN", name] for name in LARGE_TABLES)
        or plan.endswith("ix_descriptor_changes (space_id=?)")
    ]
    assert whole == []
    assert any(plan.startswith("SEARCH") for plan, _ in plans)
