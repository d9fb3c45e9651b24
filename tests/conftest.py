"""Fixtures for all tests. Models are opened once a session; every gallery has a home of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.devices import Precision
from gestalt_space.encoders import precision
from gestalt_space.index import search
from gestalt_space.index.integers import Product, integer_product
from gestalt_space.store import sqlite
from gestalt_space.types import Pixels
from gestalt_space.weights.store import ModelStore
from tests import databases, made, schema, servers
from tests.distributed.nodes import RayNodes, ray_nodes
from tests.object_stores import KEY, Bucket, BucketServer
from tests.prepared import Prepared

SHARED = Path(os.environ.get("GESTALT_SHARED", Path(__file__).parents[2] / "shared"))


MACHINES: dict[str, tuple[Precision, ...]] = {
    "everything": ("float32", "bf16"),
    "float32": ("float32",),
}
"""Which precisions the processor is taken to do by itself, whatever it really does. Exact products
of integers are what `everything` can do besides."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--machine",
        choices=tuple(MACHINES),
        default="everything",
        help="run the tests as on a machine that can do that much",
    )
    parser.addoption(
        "--database",
        choices=("sqlite", "postgresql"),
        default="sqlite",
        help="where galleries keep their rows: a file of each home, or a server",
    )


def pytest_configure(config: pytest.Config) -> None:
    """One server for a run; the workers find it by the environment."""
    if config.getoption("--database") == "postgresql" and not hasattr(config, "workerinput"):
        servers.start_for(config)
    databases.patch_settings()


@pytest.fixture(autouse=True)
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The kind of machine that the tests run on: the option decides, not the hardware."""
    kind = str(request.config.getoption("--machine"))
    monkeypatch.setattr(precision, "processor_precisions", lambda: MACHINES[kind])
    monkeypatch.setattr(search, "integer_product", _no_product if kind == "float32" else _product)
    return kind


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch on one thread, so that a training gives the same figures on every machine."""
    # Here: most tests need no torch.
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _no_product(dim: int) -> None:
    """As on a processor whose products of integers are not exact."""


def _product(dim: int) -> Product:
    return integer_product(dim) or made.whole_products


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    on_server = config.getoption("--database") == "postgresql"
    for item in items:
        only = item.get_closest_marker("sqlite_only")
        if on_server and only is not None:
            item.add_marker(pytest.mark.skip(reason=f"on SQLite only: {only.args[0]}"))
        elif on_server and databases.on_server() is None:
            item.add_marker(pytest.mark.skip(reason=servers.NONE))
        elif not on_server and item.get_closest_marker("postgresql_only"):
            item.add_marker(pytest.mark.skip(reason="needs PostgreSQL: make test-postgres"))
    if not (SHARED / "models").is_dir():
        reason = "the shared models and photos are not here ($GESTALT_SHARED, else ../shared)"
        for item in items:
            if item.get_closest_marker("shared"):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(autouse=True)
def _own_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No test sees the user's settings, home or cache; one cache serves all."""
    for name in list(os.environ):
        if name.startswith("GESTALT_") and not name.startswith(("GESTALT_SHARED", "GESTALT_TEST")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GESTALT_SETTINGS", str(tmp_path / "no-settings.toml"))
    monkeypatch.setenv("GESTALT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GESTALT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True)
def _known_schema(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Migrations run for every database in `tests/store`, elsewhere once in a process."""
    if "store" not in request.path.relative_to(Path(__file__).parent).parts:
        monkeypatch.setattr("alembic.command.upgrade", schema.upgrade)


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No test loses power, so only those of `atomic_files` wait until a file is on the disk. A
    server of PostgreSQL does not wait, either (`servers.FAST`)."""
    if request.path.name != "test_atomic_files.py":
        monkeypatch.setattr(os, "fsync", lambda _: None)
        monkeypatch.setitem(sqlite._WRITING, "synchronous", 0)


@pytest.fixture(autouse=True)
def _own_databases(_own_settings: None) -> Iterator[None]:
    """What a test made on the server goes with it."""
    server = databases.on_server()
    before = () if server is None else tuple(server.made)
    yield
    if server is not None:
        server.drop([name for name in server.made if name not in {*before, *server.kept}])


@pytest.fixture(scope="session")
def shared() -> Path:
    """The shared folder; tests that take it bear the mark `shared`."""
    return SHARED


@pytest.fixture(scope="session")
def wild(shared: Path) -> Path:
    """Photos in the wild."""
    return shared / "data" / "wild"


@pytest.fixture(scope="session")
def tiny_onnx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small ArcFace-style encoder with random weights, 16-d, made by `tests.made`."""
    path = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    made.arcface_onnx(path, dim=16, seed=1)
    return path


@pytest.fixture(scope="session")
def tiny_store(tmp_path_factory: pytest.TempPathFactory, tiny_onnx: Path) -> ModelStore:
    """A store with the model `tiny`: not to be changed by a test."""
    store = ModelStore(tmp_path_factory.mktemp("tiny-models"))
    store.add(tiny_onnx, name="tiny", license_name="made by the tests")
    return store


@pytest.fixture(scope="session")
def real_store(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> ModelStore:
    """A store with the shared models `arcface-mbf` and `yunet`: not to be changed by a test."""
    store = ModelStore(tmp_path_factory.mktemp("real-models"))
    store.add(shared / "models" / "arcface-mbf", name="arcface-mbf", accept_license=True)
    store.add(shared / "models" / "yunet_n.onnx", name="yunet")
    return store


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Fills a folder for the first test that asks for it, and copies it for the others."""
    return Prepared(tmp_path_factory.mktemp("prepared"))


@pytest.fixture(scope="session")
def nodes() -> Iterator[RayNodes]:
    """A Ray cluster of two nodes with a core each. A test may add some, and kills these."""
    with ray_nodes(1, 1) as nodes:
        yield nodes


@pytest.fixture(scope="session")
def s3_server() -> Iterator[BucketServer]:
    """A server of S3 on loopback, started for the first test that asks for it."""
    server = BucketServer()
    yield server
    server.stop()


@pytest.fixture
def bucket(s3_server: BucketServer, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A new bucket, and what a program is told to find it and to encrypt crops."""
    found = s3_server.new_bucket()
    for name, value in found.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GESTALT_CROPS_KEY", KEY)
    return found


@pytest.fixture
def crop() -> Callable[[int], Pixels]:
    """Makes a 112 × 112 picture that differs with its seed: a stand-in for an aligned face."""
    return made.crop


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)
