"""Consent that was withdrawn before a version knew what that means."""

from __future__ import annotations

from importlib.resources import files

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from gestalt_space.store import reads, tail
from gestalt_space.store import tables as t
from gestalt_space.store.engine import Database
from gestalt_space.store.migrating import migrating, upgrade_database
from tests.galleries import encoded_of, new_photo
from tests.store.conftest import Store


def test_an_older_database_withholds_them_from_the_upgrade_on(
    database: Database, url: str, store: Store
) -> None:
    photos = [new_photo("P1", 1), new_photo("P1", 2), new_photo("P2", 3, consent="research")]
    store(*photos)
    config = Config()
    config.set_main_option("script_location", str(files("gestalt_space.migrations")))
    with migrating(database.engine) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0007")
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE patient SET consent = 'Withdrawn.' WHERE id = 1")
    (note,) = upgrade_database(url).notes
    assert note == "Not matched any more, since consent is withdrawn: 1 patient."
    with database.reading() as session:
        (space,) = reads.spaces(session)
        held = session.scalars(sa.select(t.Withheld.vector).order_by(t.Withheld.face_id)).all()
        assert held == [encoded_of(one).descriptor.tobytes() for one in photos[:2]]
        assert len(tail.rows_after(session, space, -1).ids) == 1
        assert len(tail.removed_after(session, space, -1)) == 2
        assert reads.patient_detail(session, "P1").consent == "withdrawn"
        assert reads.patient_detail(session, "P2").consent == "research"
        assert tail.read_epoch(session) == 1
    assert database.problems() == []
