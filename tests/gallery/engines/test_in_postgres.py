"""pgvector beside a gallery in one database: nothing of the gallery is disturbed by it."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import DatabaseError, ErasureUnfinished
from gestalt_space.gallery.archives.restoring import restore
from gestalt_space.gallery.engines import measuring
from gestalt_space.gallery.erasure.places import places_of
from gestalt_space.gallery.keeper import Keeper
from gestalt_space.home import Gallery
from gestalt_space.match.question import Question
from gestalt_space.settings import load_settings
from gestalt_space.store.engine import Database
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.databases import admin
from tests.galleries import add, make_home, open_gallery, row
from tests.gallery.engines.test_searching import sources
from tests.many import fill_gallery
from tests.servers import Databases


@pytest.fixture
def gallery(
    tmp_path: Path,
    tiny_store: ModelStore,
    vector_databases: Databases,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("GESTALT_DATABASE_URL", vector_databases.of(tmp_path / "home"))
    monkeypatch.setattr(measuring, "MEASURED", 20)
    with open_gallery(make_home(tmp_path / "home", tiny_store)) as one:
        fill_gallery(one, np.arange(60) // 2, made.unit(rng, 60, 16), 10)
        one.add_engine("pgvector")
        yield one


def address_of(gallery: Gallery) -> str:
    return gallery.database.engine.url.render_as_string(hide_password=False)


def test_the_index_is_verified_and_the_tables_are_those_of_the_gallery(gallery: Gallery):
    assert "no problem found" in gallery.check_index()["tiny"]
    with admin(address_of(gallery)).connect() as connection:
        tables = sa_tables(connection)
    assert {"collection"} < tables["gestalt_pgvector"]
    assert not any(name.startswith(("rows_", "collection")) for name in tables["public"])
    # A second opening finds the same version, and nothing to upgrade.
    Database(address_of(gallery), create=False).close()


def database_told(gallery: Gallery) -> str:
    passed = places_of(gallery.settings, gallery.database).passed_over
    (told,) = (one for one in passed if one.startswith("the database files"))
    return told


def test_a_receipt_names_the_tables_of_pgvector_whichever_home_filled_them(
    gallery: Gallery, tmp_path: Path, tiny_store: ModelStore
):
    space = gallery.space.stored
    assert space is not None
    told = (
        "the database files, with the tables of pgvector "
        f"(gestalt_pgvector.rows_{space.fingerprint[:16]}): they are on the server"
    )
    assert database_told(gallery) == told
    with open_gallery(make_home(tmp_path / "other", tiny_store)) as other:
        assert other.engines() == []
        assert database_told(other) == told
    gallery.remove_engine("pgvector", forget=True)
    assert database_told(gallery) == told
    gallery.add_engine("pgvector")
    gallery.remove_engine("pgvector")
    assert database_told(gallery) == "the database files: they are on the server"


def test_tables_that_only_another_home_filled_go_with_a_space_that_is_dropped(
    gallery: Gallery, tmp_path: Path, tiny_store: ModelStore
):
    """Nobody would clean them afterwards: no home looks for a space that is not there."""
    address = address_of(gallery)
    other_home = make_home(tmp_path / "other", tiny_store)
    made.arcface_onnx(tmp_path / "second.onnx", dim=16, seed=2)
    for home in (other_home, gallery.settings.home):
        store = ModelStore(home / "models")
        store.add(tmp_path / "second.onnx", name="second", license_name="made by the tests")
    with open_gallery(other_home, space="second") as other:
        add(other, row(made.photo_file(tmp_path / "n.png", 50), "N", "D00001"))
        other.add_engine("pgvector")
    with admin(address).connect() as connection:
        assert len(sa_tables(connection)["gestalt_pgvector"]) == 3
    gallery.drop_space("second")
    with admin(address).connect() as connection:
        assert len(sa_tables(connection)["gestalt_pgvector"]) == 2


def test_an_erasure_waits_for_the_milvus_of_a_home_that_has_no_index(
    gallery: Gallery, tmp_path: Path, tiny_store: ModelStore
):
    pytest.importorskip("milvus_lite")
    home = make_home(tmp_path / "other", tiny_store)
    with open_gallery(home) as other:
        other.add_engine("milvus")
        assert not list(other.settings.index_dir.glob("*.json"))
    with pytest.raises(ErasureUnfinished, match="another home"):
        gallery.erase_with(["P000003"], lambda *_: None)
    with open_gallery(home) as other:
        (state,) = other.engines()
        assert state.position is not None
        assert state.position.rows == 58
    assert len(gallery.resume_erasures()) == 1


def sa_tables(connection) -> dict[str, set[str]]:
    rows = connection.exec_driver_sql("SELECT schemaname, tablename FROM pg_tables").all()
    found: dict[str, set[str]] = {}
    for schema, table in rows:
        found.setdefault(schema, set()).add(table)
    return found


def test_a_backup_is_of_the_gallery_alone_and_a_restored_home_has_no_engine(
    gallery: Gallery,
    tmp_path: Path,
    tiny_store: ModelStore,
    vector_databases: Databases,
    monkeypatch: pytest.MonkeyPatch,
):
    exact = [match.lines for match in gallery.match(sources(tmp_path), Question())]
    gallery.back_up(tmp_path / "backup")
    other = make_home(tmp_path / "other", tiny_store)
    monkeypatch.setenv("GESTALT_DATABASE_URL", vector_databases.of(other, "empty"))
    restore(tmp_path / "backup", load_settings(other))
    with open_gallery(other) as restored:
        assert restored.engines() == []
        assert [match.lines for match in restored.match(sources(tmp_path), Question())] == exact
        restored.add_engine("pgvector")
        found = restored.match(sources(tmp_path), Question(index="pgvector"))
        assert [match.lines for match in found] == exact


def test_another_machine_that_fills_it_is_waited_for_and_named(
    gallery: Gallery, tmp_path: Path, tiny_store: ModelStore
):
    other = make_home(tmp_path / "other", tiny_store)
    settings = load_settings(other).model_copy(update={"busy_timeout": 0.5})
    space = gallery.space.stored
    assert space is not None
    here = gallery.search_engines.follower(gallery.search_engines.records[0], space)
    with Gallery(settings) as there:
        with here.alone(), pytest.raises(DatabaseError, match="is busy"):
            there.add_engine("pgvector")
        assert there.engines() == []
        assert there.add_engine("pgvector").newer == 0


@pytest.mark.parametrize("erased", [False, True])
@pytest.mark.parametrize("forgotten", [False, True])
def test_who_is_removed_by_a_home_that_does_not_name_the_engine_is_taken_out_of_it(
    gallery: Gallery, tmp_path: Path, tiny_store: ModelStore, *, forgotten: bool, erased: bool
):
    """Another home filled it, or this one was told to forget it: the rows are in the database."""
    address = address_of(gallery)
    if forgotten:
        gallery.remove_engine("pgvector", forget=True)
        home = gallery.settings.home
    else:
        home = make_home(tmp_path / "other", tiny_store)
    with open_gallery(home) as other:
        assert other.engines() == []
        if erased:
            # The index of the home that filled it is that home's to clean.
            with nullcontext() if forgotten else pytest.raises(ErasureUnfinished):
                other.erase_with(["P000003"], lambda *_: None)
        else:
            other.remove(patients=["P000003"])
    with admin(address).connect() as connection:
        (table,) = (name for name in sa_tables(connection)["gestalt_pgvector"] if "rows_" in name)
        count = connection.exec_driver_sql(f"SELECT count(*) FROM gestalt_pgvector.{table}")
        assert count.scalar() == 58


def test_an_opening_that_fails_leaves_no_connection_to_the_server(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
):
    home, address = gallery.settings.home, address_of(gallery)
    gallery.close()
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )

    def interrupted(keeper: Keeper) -> None:
        assert keeper._engines is not None
        keeper._engines.take_out()
        raise KeyboardInterrupt

    monkeypatch.setattr(Keeper, "finish_left", interrupted)
    with admin(address).connect() as connection:
        with pytest.raises(KeyboardInterrupt) as held:
            open_gallery(home)
        left, until = 1, time.monotonic() + 5
        while left and time.monotonic() < until:
            left = connection.exec_driver_sql(query).scalar()
            connection.exec_driver_sql("SELECT pg_stat_clear_snapshot()")
            time.sleep(0.05)
    assert held.value is not None, "what it holds was not collected meanwhile"
    assert left == 0
