"""Which gallery a database has: a random identifier, by which engines know whose rows they keep.
Homes that share a database have one; a backup that was restored is a gallery of its own.
"""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.store import tables as t


def gallery_id(session: Session) -> str:
    """The identifier. It stays as long as the database does."""
    return session.scalars(sa.select(t.Change.gallery)).one()


def renew_gallery_id(session: Session) -> None:
    """Give a gallery that was restored an identifier that none has had: the one that the backup is
    of may live on, and from now on they differ."""
    session.execute(sa.update(t.Change).values(gallery=str(uuid.uuid4())))
