"""The search engines by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, cast

from gestalt_space.errors import UsageError
from gestalt_space.index.engines import milvus_address
from gestalt_space.index.engines.contract import CollectionPlace, VectorEngine

EngineName = Literal["pgvector", "milvus"]


def _pgvector(place: CollectionPlace) -> VectorEngine:
    from gestalt_space.index.engines.pgvector import PgvectorEngine

    return PgvectorEngine(place)


def _milvus(place: CollectionPlace) -> VectorEngine:
    from gestalt_space.index.engines.milvus import open_milvus

    return open_milvus(place)


OPENERS: Mapping[EngineName, Callable[[CollectionPlace], VectorEngine]] = {
    "pgvector": _pgvector,
    "milvus": _milvus,
}
"""Opens an engine; nothing is asked of it yet. Raises `UsageError` where its package is not
installed, or for an address that is none."""


def recorded_address(name: EngineName, address: str | None) -> str | None:
    """An address as a home may record it: without secrets, and the same from every folder. Raises
    `UsageError`."""
    if address is None or name != "milvus":
        return address
    return milvus_address.checked_address(address)


def parse_engine(text: str) -> EngineName:
    """An engine by its name. Raises `UsageError`."""
    if text in OPENERS:
        return cast(EngineName, text)
    raise UsageError(f"Unknown search engine {text!r}.", f"Choose one of: {', '.join(OPENERS)}.")


def open_engine(name: EngineName, place: CollectionPlace) -> VectorEngine:
    """A collection of an engine. Nothing is asked of it yet. Raises `UsageError`."""
    return OPENERS[name](place)
