"""The calibration of each space, and the older databases that have no table for it."""

from __future__ import annotations

import dataclasses
from importlib.resources import files
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from gestalt_space.errors import DatabaseError
from gestalt_space.store import reads, writes
from gestalt_space.store import tables as t
from gestalt_space.store.calibrations import (
    StoredCalibration,
    save_calibration,
    stored_calibration,
)
from gestalt_space.store.engine import Database
from gestalt_space.store.migrating import REVISION, migrating, upgrade_database
from gestalt_space.store.reads import StoredSpace
from gestalt_space.types import Disorder
from tests.galleries import new_photo
from tests.store.conftest import Store

FIRST = StoredCalibration('{"a": 1}', sequence=3, descriptors=20, diagnoses=18)
LATER = StoredCalibration('{"a": 2}', sequence=9, descriptors=30, diagnoses=31)


@pytest.fixture
def space(database: Database, space_id: int) -> StoredSpace:
    with database.reading() as session:
        return next(one for one in reads.spaces(session) if one.id == space_id)


def test_a_space_has_none_until_one_is_saved(database: Database, space: StoredSpace) -> None:
    with database.reading() as session:
        assert stored_calibration(session, space) is None


def test_the_last_one_that_was_saved_is_kept(database: Database, space: StoredSpace) -> None:
    for calibration in (FIRST, LATER):
        with database.writing() as session:
            assert save_calibration(session, space, calibration)
        with database.reading() as session:
            assert stored_calibration(session, space) == calibration


def test_one_that_knows_less_does_not_overwrite_a_later_one(
    database: Database, url: str, space: StoredSpace
) -> None:
    """Two processes: the one that began first ends last."""
    other = Database(url, busy_timeout=5)
    with other.writing() as session:
        assert save_calibration(session, space, LATER)
    again = dataclasses.replace(LATER, document='{"a": 3}')
    with database.writing() as session:
        assert not save_calibration(session, space, FIRST)
    with other.reading() as session:
        assert stored_calibration(session, space) == LATER
    with database.writing() as session:
        assert save_calibration(session, space, again)
    with other.reading() as session:
        assert stored_calibration(session, space) == again
    other.close()


def test_every_space_has_its_own(database: Database, space: StoredSpace) -> None:
    with database.writing() as session:
        writes.add_space(session, model="b", fingerprint="e" * 64, specification="{}", dim=16)
        first, second = reads.spaces(session)
        save_calibration(session, first, FIRST)
        save_calibration(session, second, LATER)
    with database.reading() as session:
        assert stored_calibration(session, first) == FIRST
        assert stored_calibration(session, second) == LATER


def test_it_goes_with_its_space(database: Database, space: StoredSpace) -> None:
    with database.writing() as session:
        save_calibration(session, space, FIRST)
    with database.writing() as session:
        session.execute(sa.delete(t.Space).where(t.Space.id == space.id))
    with database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(t.Calibration)) == 0


def test_a_database_of_before_keeps_its_rows(database: Database, url: str, store: Store) -> None:
    """From the first migration to the newest one, with rows in every table that has any."""
    store(new_photo("P0", 0, disorders=(Disorder("A"),), genes=("G",), hpo=("HP:0000001",)))
    config = Config()
    config.set_main_option("script_location", str(files("gestalt_space.migrations")))
    with migrating(database.engine) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
    before = rows(database)
    with pytest.raises(DatabaseError, match="0001") as caught:
        Database(url)
    assert "gestalt db upgrade" in caught.value.hint

    upgrade_database(url)

    assert database.revision() == REVISION
    new = rows(database, "calibration", "encoding_run", "purge")
    assert [len(held) for held in new.values()] == [1, 1, 1], "the names of their columns alone"
    # Each table in the columns that it had.
    before.pop("alembic_version")
    after = {name: rows(database, name, columns=of[0])[name] for name, of in before.items()}
    assert after == before
    assert database.problems() == []


def rows(
    database: Database, *tables: str, columns: tuple[str, ...] | None = None
) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of every table or of some, below the names of their columns."""
    with database.engine.connect() as connection:
        found = {}
        for name in tables or sa.inspect(connection).get_table_names():
            listed = ", ".join(f'"{one}"' for one in columns) if columns else "*"
            held = connection.exec_driver_sql(f'SELECT {listed} FROM "{name}"')
            found[name] = [tuple(held.keys()), *sorted(map(tuple, held), key=repr)]
        return found
