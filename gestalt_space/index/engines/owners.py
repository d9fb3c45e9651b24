"""Whose descriptors a collection has: of two galleries, neither may use that of the other; homes
that share one gallery share its collection, and either may remove it."""

from __future__ import annotations

from gestalt_space.errors import EngineUnsuitable

_HINTS = {
    "milvus": "If that gallery still exists, give this one another database or folder of Milvus, "
    "with --address. If it does not, or if this gallery was restored from its backup, run `gestalt "
    "index engine add` with --anew, or `sync` with --anew where this home uses Milvus already: "
    "that deletes what Milvus has there.",
    "pgvector": "The gallery was restored beside the tables of an older one. Run `gestalt index "
    "engine add pgvector --anew`, or `sync pgvector --anew` where this home uses pgvector already: "
    "that deletes what pgvector has.",
}


def of_another_gallery(name: str) -> EngineUnsuitable:
    """The error of an engine, by its name, that has the collection of another gallery."""
    return EngineUnsuitable(f"{name} has the descriptors of another gallery.", _HINTS.get(name, ""))


def removed(name: str) -> EngineUnsuitable:
    """The error of an engine, by its name, that a home uses, and that has nothing of it."""
    return EngineUnsuitable(
        f"{name} has no descriptors of this space any more: another home of this gallery removed "
        "them, or they were lost.",
        f"To fill it again: `gestalt index engine sync {name}`. To stop using it: `gestalt index "
        f"engine remove {name}`. Matches without --index work.",
    )
