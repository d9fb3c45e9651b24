"""The number that every change of what a match reads gets, and the epoch that a removal begins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.store import tables as t
from gestalt_space.store.facts import SINGLE_FACTS

READ_OF_PATIENTS = (*SINGLE_FACTS, "diagnoses", "genes")
READ_OF_PHOTOS = ("age", "site")


def count_changes(session: Session, by: int) -> range:
    """The numbers of so many new changes, counted under the writer's lock."""
    last = session.scalars(
        sa.update(t.Change).values(sequence=t.Change.sequence + by).returning(t.Change.sequence)
    ).one()
    return range(last - by + 1, last + 1)


def number_changes(
    session: Session,
    descriptors: Sequence[t.Descriptor],
    patients: Iterable[t.Patient] = (),
    photos: Iterable[t.Photo] = (),
) -> None:
    """Give new descriptors their numbers, each its own; and the last of these, or one more, to the
    patients and photos that are new or changed in what a match reads.

    Before they are flushed: a row then knows what was changed of it.
    """
    changed = [row for row in patients if _is_changed(row, READ_OF_PATIENTS)]
    corrected = [row for row in photos if _is_changed(row, READ_OF_PHOTOS)]
    if not (descriptors or changed or corrected):
        return
    numbers = count_changes(session, len(descriptors) or 1)
    for descriptor, number in zip(descriptors, numbers, strict=False):
        descriptor.sequence = number
    for patient in changed:
        patient.sequence = numbers[-1]
    for photo in corrected:
        photo.sequence = numbers[-1]


def begin_epoch(session: Session) -> None:
    """Say that an answer from before may show what is there no more."""
    session.execute(sa.update(t.Change).values(epoch=t.Change.epoch + 1))


def _is_changed(row: t.Base, names: Sequence[str]) -> bool:
    state = sa.inspect(row)
    return not state.persistent or any(state.attrs[name].history.has_changes() for name in names)
