"""The identifier of a gallery."""

from __future__ import annotations

from contextlib import closing

import sqlalchemy as sa

from gestalt_space.store.engine import Database
from gestalt_space.store.gallery_id import gallery_id, renew_gallery_id
from gestalt_space.store.migrating import upgrade
from tests.store.conftest import Store


def told(database: Database) -> str:
    with database.reading() as session:
        return gallery_id(session)


def test_it_stays_while_the_gallery_changes(database: Database, store: Store, two: None):
    before = told(database)
    assert len(before) == 36
    address = database.engine.url.render_as_string(hide_password=False)
    with closing(Database(address)) as again:
        assert told(again) == before


def test_a_renewed_one_was_never_there(database: Database):
    before = told(database)
    with database.writing() as session:
        renew_gallery_id(session)
    assert told(database) != before
    assert len(told(database)) == 36


def test_databases_that_are_made_differ(tmp_path):
    found = set()
    for name in ("a", "b"):
        engine = sa.create_engine(f"sqlite:///{tmp_path / name}")
        upgrade(engine)
        with engine.connect() as connection:
            found.add(connection.exec_driver_sql("SELECT gallery FROM change").scalar())
        engine.dispose()
    assert len(found) == 2
    assert all(len(one) == 36 for one in found)
