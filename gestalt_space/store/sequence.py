"""The number that every change to a gallery's descriptors gets."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.store import tables as t


def count_changes(session: Session, by: int) -> range:
    """The numbers of so many new changes, counted under the writer's lock."""
    last = session.scalars(
        sa.update(t.Change).values(sequence=t.Change.sequence + by).returning(t.Change.sequence)
    ).one()
    return range(last - by + 1, last + 1)
