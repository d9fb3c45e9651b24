"""Encoding runs: what the descriptors of a gallery were made with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import product

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.store import tables as t
from gestalt_space.store.chunks import chunks
from gestalt_space.types import EncodingRun

RunCounts = tuple[tuple[EncodingRun | None, int], ...]
"""Encoding runs and how many descriptors each made, the most first; None: not recorded."""


def add_run(session: Session, run: EncodingRun) -> int:
    """The key of an encoding run, made if it is new."""
    facts = asdict(run)
    known = session.scalar(sa.select(t.EncodingRun.id).filter_by(**facts))
    if known is not None:
        return known
    row = t.EncodingRun(**facts)
    session.add(row)
    session.flush()
    return row.id


def run_counts(session: Session, space_id: int, total: int | None = None) -> RunCounts:
    """What the descriptors of a space were made with. `total`: how many it has, where that is
    known: then those of a single run are not counted."""
    known = _runs(session)
    keys = _run_keys(session, space_id)
    if total is not None and len(keys) == 1:
        return ((None if keys[0] is None else known.get(keys[0]), total),)
    rows = session.execute(
        sa.select(t.Descriptor.run_id, sa.func.count())
        .where(t.Descriptor.space_id == space_id)
        .group_by(t.Descriptor.run_id)
    )
    counted = [(None if key is None else known.get(key), count) for key, count in rows]
    return tuple(sorted(counted, key=lambda pair: (-pair[1], str(pair[0]))))


def _run_keys(session: Session, space_id: int) -> list[int | None]:
    """The keys of the runs that descriptors of a space are of: one step in the index for each,
    where a distinct selection would go through all of it."""
    of_space = t.Descriptor.space_id == space_id
    keys: list[int | None] = []
    unrecorded = sa.select(t.Descriptor.id).where(of_space, t.Descriptor.run_id.is_(None)).limit(1)
    if session.scalar(unrecorded) is not None:
        keys.append(None)
    last = -1
    next_key = sa.select(sa.func.min(t.Descriptor.run_id)).where(of_space)
    while (key := session.scalar(next_key.where(t.Descriptor.run_id > last))) is not None:
        keys.append(key)
        last = key
    return keys


def runs_of_faces(
    session: Session, face_ids: Sequence[int]
) -> dict[tuple[int, int], EncodingRun | None]:
    """What descriptors of faces were made with, withheld ones too, by the keys of face and
    space."""
    known = _runs(session)
    found: dict[tuple[int, int], EncodingRun | None] = {}
    tables: tuple[type[t.Descriptor | t.Withheld], ...] = (t.Descriptor, t.Withheld)
    for some, table in product(chunks(face_ids), tables):
        rows = session.execute(
            sa.select(table.face_id, table.space_id, table.run_id).where(table.face_id.in_(some))
        )
        found |= {
            (face, space): None if key is None else known.get(key) for face, space, key in rows
        }
    return found


def _runs(session: Session) -> dict[int, EncodingRun]:
    return {
        row.id: EncodingRun(row.precision, row.device, row.runtime, row.version)
        for row in session.scalars(sa.select(t.EncodingRun))
    }
