"""The identifier of a gallery."""

from __future__ import annotations

from contextlib import closing

import pytest
import sqlalchemy as sa
from alembic.config import Config

from gestalt_space.store.engine import Database
from gestalt_space.store.gallery_id import gallery_id, renew_gallery_id
from gestalt_space.store.migrating import REVISION, upgrade, upgrade_database
from tests.galleries import new_photo
from tests.store.conftest import Store
from tests.store.test_migrating import all_rows, migrate


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


@pytest.mark.usefixtures("two")
def test_a_filled_gallery_of_before_gets_one_and_keeps_it(
    database: Database, url: str, store: Store, alembic: Config
):
    migrate(database, alembic, "0013")
    before = all_rows(database.engine)
    assert len(before["descriptor"]) == 3
    assert "gallery" not in before["change"][0]
    assert upgrade_database(url).notes == ()
    assert database.revision() == REVISION
    after = all_rows(database.engine)
    given = after["change"][0].pop("gallery")
    assert len(given) == 36
    assert after == before
    assert database.problems() == []
    # Who upgrades again, opens it or adds to it finds the same.
    upgrade_database(url)
    store(new_photo("P3", 4))
    with closing(Database(url)) as again:
        assert told(again) == given
