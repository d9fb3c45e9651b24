"""The migration that brings numbers of changes, with rows of before it."""

from __future__ import annotations

import unicodedata
from importlib.resources import files

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from gestalt_space.names import likeness
from gestalt_space.store import homes, lookups, removals, tail
from gestalt_space.store import tables as t
from gestalt_space.store.engine import Database
from gestalt_space.store.migrating import REVISION, migrating, upgrade_database
from gestalt_space.types import Disorder
from migrations.versions import v0007_numbers
from tests.galleries import new_photo
from tests.store.conftest import Store
from tests.store.test_writes import rows, without_trail

NAMES = ("Anna  B", "ＡＢＣ", "Straße", unicodedata.normalize("NFD", "Zoé"))

LATER = {
    "patient": {"sequence", "likeness"},
    "disorder": {"likeness"},
    "photo": {"sequence"},
    "change": {"epoch"},
}


def go_back(database: Database) -> None:
    config = Config()
    config.set_main_option("script_location", str(files("gestalt_space.migrations")))
    with migrating(database.engine) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0006")


def test_a_gallery_of_before_keeps_all_and_is_new_to_every_reader(
    database: Database, url: str, store: Store, space_id: int, monkeypatch
) -> None:
    monkeypatch.setattr(v0007_numbers, "AT_ONCE", 3)
    facts = {"disorders": tuple(map(Disorder, NAMES)), "genes": ("G",), "hpo": ("HP:1",)}
    store(*(new_photo(name, n, age=float(n), site="s", **facts) for n, name in enumerate(NAMES)))
    store(new_photo("gone", 9))
    with database.writing() as session:
        removals.remove_patients(session, ["gone"])
        homes.register_home(session, "home", "here")
        homes.record_generation(session, "home", space_id, sequence=6, digest="d" * 64)
    before = without_trail(rows(database))
    assert len(before["purge"]) == 1
    go_back(database)
    with database.engine.connect() as connection:
        found = sa.inspect(connection)
        assert "purge" not in found.get_table_names()
        for table, columns in LATER.items():
            assert columns.isdisjoint(one["name"] for one in found.get_columns(table))
    assert upgrade_database(url).notes == ()
    assert database.revision() == REVISION
    assert database.problems() == []
    with database.writing() as session:
        people = tail.people_after(session, -1)
        assert len(people.keys) == len(NAMES)
        assert people.disorders.shape == (16, 2)
        mark = tail.read_mark(session, space_id, "home")
        assert mark == tail.DatabasePosition(6, 0, space_id, None, None, None), (
            "the index is made anew"
        )
        found = lookups.patients_like(session, ["anna b", "ABC"])
        assert sorted(found) == ["Anna  B", "ＡＢＣ"]
        # What the migration does not bring back, so that all else can be compared.
        for table in (t.Patient, t.Photo):
            assert set(session.scalars(sa.select(table.sequence))) == {0}
            session.execute(sa.update(table).values(sequence=4))
        session.execute(sa.update(t.Change).values(epoch=1))
    after = without_trail(rows(database))
    for table in ("purge", "home", "generation"):
        assert after.pop(table) == []
        assert before.pop(table) != []
    assert after == before


def test_likenesses_are_those_of_the_package(database: Database, store: Store) -> None:
    store(*(new_photo(name, n) for n, name in enumerate(NAMES)))
    with database.reading() as session:
        held = dict(session.execute(sa.select(t.Patient.external_id, t.Patient.likeness)).all())
    assert held == {name: likeness(name) for name in NAMES}
