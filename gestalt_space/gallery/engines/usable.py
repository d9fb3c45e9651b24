"""Whether what a collection says of itself lets it be used for a space of a gallery."""

from __future__ import annotations

from sqlalchemy.orm import Session

from gestalt_space.errors import EngineUnsuitable
from gestalt_space.index.engines.contract import NOTHING, EnginePosition
from gestalt_space.index.engines.owners import of_another_gallery, removed
from gestalt_space.store import tail
from gestalt_space.store.gallery_id import gallery_id
from gestalt_space.store.reads import StoredSpace


def usable_position(
    session: Session, space: StoredSpace, name: str, position: EnginePosition | None
) -> EnginePosition:
    """The position of an engine, by its name, once it was filled to its end with descriptors of
    this gallery and space, and follows a state that the database had. Raises
    `EngineUnsuitable`."""
    sync = f"Run `gestalt index engine sync {name}`, or leave out --index."
    if position is None:
        raise removed(name)
    if position.gallery != gallery_id(session):
        raise of_another_gallery(name)
    if position.sequence == NOTHING:
        raise EngineUnsuitable(
            f"{name} was not filled with the descriptors of this space to the end.", sync
        )
    if position.space != space.fingerprint or position.dim != space.dim:
        raise EngineUnsuitable(
            f"{name} has descriptors of another space.",
            f"Run `gestalt index engine sync {name} --anew`, or leave out --index.",
        )
    mark = tail.read_mark(session, space.id)
    if position.sequence > mark.sequence or position.epoch > mark.epoch:
        raise EngineUnsuitable(
            f"{name} knows later changes than the database has: an older copy of the database was "
            "put in its place.",
            sync,
        )
    return position
