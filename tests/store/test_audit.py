"""The audit trail: who, when, what and whom; that a cut or a change of it shows."""

from __future__ import annotations

import ast
import getpass
import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from gestalt_space.errors import NotInGallery
from gestalt_space.store import audit, removals
from gestalt_space.store import tables as t
from gestalt_space.store.actors import this_user
from gestalt_space.store.engine import Database
from gestalt_space.store.migrating import migrating
from gestalt_space.types import Disorder
from tests.galleries import new_photo
from tests.store.conftest import Store
from tests.store.test_writes import rows


def trail(database: Database, patient: str | None = None) -> list[audit.Event]:
    with database.reading() as session:
        return list(audit.events(session, patient=patient))


def problems(database: Database) -> list[str]:
    with database.reading() as session:
        return list(audit.trail_problems(session))


def test_an_event_says_who_when_what_and_whom_by_a_keyed_hash(
    database: Database, store: Store
) -> None:
    before = datetime.now(UTC)
    store(new_photo("SECRET", 0), new_photo("P1", 1))
    (event,) = trail(database)
    assert (event.actor, event.action, event.detail) == (this_user(), "add", {"photos": 2})
    assert before <= event.at <= datetime.now(UTC) + timedelta(seconds=1)
    assert len(event.subjects) == 2
    with database.reading() as session:
        key = session.scalars(
            sa.select(t.Pseudonym.key).join(t.Patient).where(t.Patient.external_id == "SECRET")
        ).one()
    assert hmac.new(key, b"SECRET", hashlib.sha256).hexdigest() in event.subjects
    assert "SECRET" not in repr(event)
    assert trail(database, "SECRET") == [event]
    assert trail(database, "nobody") == []


def test_one_who_is_let_in_by_a_service_is_the_actor(url: str) -> None:
    database = Database(url, actor="dr-a")
    with database.writing() as session:
        audit.record_event(session, "something")
    assert [event.actor for event in trail(database)] == ["dr-a"]
    database.close()


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> str:
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr(getpass, "getuser", unknown)
    assert this_user().startswith("user ")


def test_what_is_refused_or_undone_leaves_no_event(database: Database, store: Store) -> None:
    store(new_photo("P0", 0, sex="female"))
    assert store(new_photo("P0", 1, sex="male"))[0].error is not None

    def remove_two() -> None:
        with database.writing() as session:
            removals.remove_patients(session, ["P0"])
            removals.remove_patients(session, ["nobody"])

    with pytest.raises(NotInGallery):
        remove_two()
    assert [event.action for event in trail(database)] == ["add"]


def test_who_leaves_is_known_to_nobody_after(database: Database, store: Store) -> None:
    store(new_photo("SECRET", 0))
    store(new_photo("SECRET", 0, disorders=(Disorder("RARE-ONE"),)))
    store(new_photo("P1", 1))
    (_, told, _) = trail(database)
    assert told.action == "correct"
    assert "RARE-ONE" in str(told.detail)
    with database.writing() as session:
        removals.remove_patients(session, ["SECRET"])
    events = trail(database)
    assert [event.action for event in events] == ["add", "correct", "add", "remove"]
    assert [event.detail for event in events] == [None, None, {"photos": 1}, {"photos": 1}]
    assert events[0].subjects == events[3].subjects, "that it was one and the same stays"
    found = repr(rows(database))
    assert "SECRET" not in found
    assert "RARE-ONE" not in found
    with database.reading() as session:
        assert len(session.scalars(sa.select(t.Pseudonym.subject)).all()) == 1
    assert problems(database) == []


CHANGES = {
    "actor": ("UPDATE audit_event SET actor = 'other' WHERE id = 2", "event 2 was changed"),
    "action": ("UPDATE audit_event SET action = 'other' WHERE id = 2", "event 2 was changed"),
    "time": (
        "UPDATE audit_event SET at = '2001-01-01 00:00:00.000000' WHERE id = 2",
        "event 2 was changed",
    ),
    "detail": (
        "UPDATE audit_event SET detail = '{\"photos\": 9}' WHERE id = 2",
        "the details of event 2 were changed",
    ),
    "detail put back": (
        "UPDATE audit_event SET salt = NULL WHERE id = 2",
        "the details of event 2 were restored",
    ),
    "subject gone": (
        "DELETE FROM audit_subject WHERE event_id = 2",
        "the patients of event 2 were changed",
    ),
    "cut out": ("DELETE FROM audit_event WHERE id = 2", "event 3 was changed, or one before it"),
    "cut off": ("DELETE FROM audit_event WHERE id = 3", "its end was deleted"),
    "emptied": ("DELETE FROM audit_event", "its end was deleted"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_and_cut_shows(database: Database, store: Store, change: str) -> None:
    for number in range(3):
        store(new_photo(f"P{number}", number))
    assert problems(database) == []
    statement, told = CHANGES[change]
    with database.writing() as session:
        session.execute(sa.text(statement.replace(":", "\\:")))
    assert any(told in problem for problem in problems(database)), problems(database)


def test_the_newest_and_the_head(database: Database, store: Store) -> None:
    for number in range(5):
        store(new_photo(f"P{number}", number))
    with database.reading() as session:
        newest = list(audit.events(session, newest=2))
        end = audit.head(session)
    assert newest == trail(database)[-2:]
    assert end == audit.Head(5, newest[-1].chain)


def test_events_of_before_are_chained_by_the_migration(database: Database, store: Store) -> None:
    config = Config()
    config.set_main_option("script_location", str(files("gestalt_space.migrations")))
    store(new_photo("P0", 0))
    store(new_photo("P0", 1))
    for step, revision in ((command.downgrade, "0007"), (command.upgrade, "head")):
        with migrating(database.engine) as connection:
            config.attributes["connection"] = connection
            step(config, revision)
    assert problems(database) == []
    store(new_photo("P0", 2))
    assert problems(database) == []
    assert [event.actor for event in trail(database)] == ["", "", this_user()]


def test_nothing_but_this_module_writes_the_trail() -> None:
    root = Path(__file__).parents[2]
    sources = [*(root / "gestalt_space").rglob("*.py"), *(root / "cli").rglob("*.py")]
    writers = {"insert", "update", "delete", "merge", "add", "add_all", "AuditEvent"}
    writers |= {"AuditSubject", "bulk_insert_mappings", "bulk_save_objects"}
    found = set()
    trail = re.compile("Audit(Event|Subject)|audit_")
    texts = {path: path.read_text(encoding="utf-8") for path in sources}
    for path, text in texts.items():
        for node in ast.walk(ast.parse(text)) if trail.search(text) else ():
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in writers and trail.search(ast.unparse(node)):
                found.add(path.relative_to(root).as_posix())
    assert found == {"gestalt_space/store/audit.py"}
