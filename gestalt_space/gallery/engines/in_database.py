"""What pgvector has in the gallery's own database, whichever home put it there."""

from __future__ import annotations

from sqlalchemy.orm import Session

from gestalt_space.index.engines.pgvector_errors import mapped_errors
from gestalt_space.index.engines.pgvector_schema import collections_of
from gestalt_space.store.gallery_id import gallery_id


def pgvector_tables(session: Session) -> dict[str, str]:
    """The tables with descriptors of this gallery, by the fingerprints of their spaces; none in a
    SQLite file. Raises `EngineError`."""
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        return {}
    with mapped_errors():
        return collections_of(connection, gallery_id(session))
