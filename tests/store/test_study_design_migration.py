"""The migration that brings families and sites, with rows of before it."""

from __future__ import annotations

from importlib.resources import files

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from gestalt_space.store import reads
from gestalt_space.store import tables as t
from gestalt_space.store.engine import Database
from gestalt_space.store.migrating import REVISION, migrating, upgrade_database
from gestalt_space.types import Disorder
from tests.galleries import new_photo
from tests.store.conftest import Store
from tests.store.test_writes import rows, without_trail


def go_back(database: Database) -> None:
    config = Config()
    config.set_main_option("script_location", str(files("gestalt_space.migrations")))
    with migrating(database.engine) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0005")


def test_a_gallery_of_before_keeps_all_and_knows_no_family(
    database: Database, url: str, store: Store
) -> None:
    store(new_photo("P0", 0, disorders=(Disorder("A"),), genes=("G",), hpo=("HP:1",), age=4.0))
    store(new_photo("P1", 1, sex="male"))
    with database.writing() as session:
        # The numbers of these rows' changes go with the migration after; 0 stands for all of them.
        for table in (t.Patient, t.Photo):
            session.execute(sa.update(table).values(sequence=0))
    before = without_trail(rows(database))
    go_back(database)
    with database.engine.connect() as connection:
        found = sa.inspect(connection)
        assert "family" not in {one["name"] for one in found.get_columns("patient")}
        assert "site" not in {one["name"] for one in found.get_columns("photo")}
    assert upgrade_database(url).notes == ()
    assert database.revision() == REVISION
    assert without_trail(rows(database)) == before
    assert database.problems() == []
    store(new_photo("P1", 2, family="F1", site="clinic A"))
    with database.reading() as session:
        detail = reads.patient_detail(session, "P1")
    assert detail.family == "F1"
    assert [photo.site for photo in detail.photos] == [None, "clinic A"]
