"""`gestalt index engine`, and `gestalt match --index` with an engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.gallery.engines import measuring
from tests import made
from tests.cli.conftest import Command
from tests.galleries import open_gallery
from tests.index.engines.opened import vector_server
from tests.many import fill_gallery
from tests.servers import Databases

ALIGNED = ("--detector", "aligned")


@pytest.fixture(scope="module")
def databases() -> Iterator[Databases]:
    with vector_server() as server:
        one = Databases(server.address, "commands")
        one.prepare()
        yield one


@pytest.fixture
def on_server(
    home: Path,
    databases: Databases,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A home whose gallery is on a server with pgvector."""
    monkeypatch.setenv("GESTALT_DATABASE_URL", databases.of(home))
    monkeypatch.setattr(measuring, "MEASURED", 20)
    with open_gallery(home) as gallery:
        fill_gallery(gallery, np.arange(200) // 2, made.unit(rng, 200, 16), 20)
    return home


def test_an_engine_is_added_used_and_removed(
    on_server: Path, photos: list[Path], gestalt: Command
) -> None:
    match = ("match", photos[0], *ALIGNED)
    missing = gestalt(*match, "--index", "pgvector")
    assert (missing.code, "gestalt index engine add pgvector" in missing.err) == (2, True)
    added = gestalt("index", "engine", "add", "pgvector")
    assert added.code == 0
    assert "pgvector has 200 photos in postgresql://" in added.err
    assert "100.0 % of the 10 nearest photos and 100.0 % of the first 10 disorders" in added.err
    exact, found = (
        gestalt(*match, "--json").document,
        gestalt(*match, "--index", "pgvector", "--json").document,
    )
    assert found["probes"] == exact["probes"]
    told = found["gallery"]["approximate"]
    assert (told["recall_at_10"], told["disorder_recall_at_10"]) == (1.0, 1.0)
    assert (told["measured_on"], told["photos"], told["later_photos"]) == (20, 200, 0)
    assert found["gallery"]["searched_on"] == "pgvector"
    said = gestalt(*match, "--index", "pgvector").out
    assert "pgvector: recall@10 1.00 measured on 20 photos" in said
    (listed,) = gestalt("index", "engine", "list", "--json").document["engines"]
    assert (listed["name"], listed["space"], listed["photos"]) == ("pgvector", "tiny", 200)
    table = gestalt("index", "engine", "list").out
    assert [title in table for title in ("recall@10", "of disorders", "probes")] == [True] * 3
    assert "pgvector" in table
    again = gestalt("index", "engine", "add", "pgvector")
    assert (again.code, "engine sync pgvector" in again.err) == (2, True)
    synced = gestalt("index", "engine", "sync", "pgvector", "--anew", "--json").document
    assert synced["engine"]["photos"] == 200
    gone = gestalt("index", "engine", "remove", "pgvector", "--yes", "--json").document
    assert gone.pop("place").startswith("postgresql://")
    assert gone == {
        "document": "engine-removed",
        "version": 1,
        "name": "pgvector",
        "forgotten": False,
        "left": None,
    }
    assert gestalt("index", "engine", "list", "--json").document["engines"] == []


def test_a_home_on_sqlite_cannot_use_pgvector(
    home: Path, photos: list[Path], gestalt: Command, rng: np.random.Generator
) -> None:
    with open_gallery(home) as gallery:
        if not gallery.database.is_sqlite:
            pytest.skip("the gallery is on a server")
        fill_gallery(gallery, np.arange(4), made.unit(rng, 4, 16), 2)
    refused = gestalt("index", "engine", "add", "pgvector")
    assert refused.code == 2
    assert "this one is a SQLite file" in refused.err
    assert gestalt("index", "engine", "list", "--json").document["engines"] == []
    elsewhere = gestalt("index", "engine", "add", "pgvector", "--address", "postgresql://a:b@c/d")
    assert (elsewhere.code, "Leave out --address" in elsewhere.err) == (2, True)
    assert "a:b" not in elsewhere.err
    unknown = gestalt("index", "engine", "add", "elastic")
    assert (unknown.code, "Choose one of: pgvector" in unknown.err) == (2, True)


def test_milvus_is_added_used_and_removed_without_a_server(
    home: Path,
    photos: list[Path],
    gestalt: Command,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(measuring, "MEASURED", 20)
    with open_gallery(home) as gallery:
        fill_gallery(gallery, np.arange(200) // 2, made.unit(rng, 200, 16), 20)
    match = ("match", photos[0], *ALIGNED)
    refused = gestalt("index", "engine", "add", "milvus", "--address", "http://key@host:19530")
    assert (refused.code, "GESTALT_MILVUS_TOKEN" in refused.err) == (2, True)
    assert "key@" not in refused.err
    no_scheme = gestalt("index", "engine", "add", "milvus", "--address", "127.0.0.1:19530")
    assert (no_scheme.code, "give http://127.0.0.1:19530." in no_scheme.err) == (2, True)
    added = gestalt("index", "engine", "add", "milvus")
    assert added.code == 0
    assert f"milvus has 200 photos in {home / 'milvus'}." in " ".join(added.err.split())
    found = gestalt(*match, "--index", "milvus", "--json").document
    assert found["probes"] == gestalt(*match, "--json").document["probes"]
    assert found["gallery"]["searched_on"] == "milvus"
    (listed,) = gestalt("index", "engine", "list", "--json").document["engines"]
    assert (listed["name"], listed["photos"], listed["address"]) == ("milvus", 200, None)
    assert listed["place"] == str(home / "milvus")
    assert str(home / "milvus") in gestalt("index", "engine", "list").out
    gone = gestalt("index", "engine", "remove", "milvus", "--yes")
    assert gone.code == 0
    assert f"files of Milvus Lite stay in {home / 'milvus'}" in " ".join(gone.err.split())
    assert not list((home / "milvus").rglob("block_*"))
    gestalt("index", "engine", "add", "milvus")
    forgotten = gestalt("index", "engine", "remove", "milvus", "--yes", "--forget")
    assert f"not deleted from {home / 'milvus'}" in " ".join(forgotten.err.split())
    assert list((home / "milvus").rglob("block_*"))
    assert gestalt("index", "engine", "list", "--json").document["engines"] == []


def test_an_empty_gallery_has_nothing_to_fill_it_with(home: Path, gestalt: Command) -> None:
    refused = gestalt("index", "engine", "add", "pgvector")
    assert refused.code != 0
    assert "gestalt index add" in refused.err
