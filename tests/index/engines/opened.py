"""Every engine on a server of its own, for the suites that hold for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gestalt_space.index.engines.contract import VectorEngine
from tests.index.engines.reference import ReferenceEngine, ReferenceServer

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


BENCHES = {"reference": reference_bench}
"""By the names of the engines; each is given an empty folder."""
