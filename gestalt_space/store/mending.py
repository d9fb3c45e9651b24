"""Mends what `soundness` finds where that loses no patient's data: rows that refer to nothing and
what nobody has are deleted, and numbers of changes are given anew."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.store import tables as t
from gestalt_space.store.audit import record_event
from gestalt_space.store.purges import note_purge
from gestalt_space.store.removals import log_removals, remove_unused
from gestalt_space.store.sequence import begin_epoch, count_changes
from gestalt_space.store.soundness import (
    descriptor_numbers,
    links,
    numbers,
    refers_to_nothing,
    repeated_numbers,
)


@dataclass(frozen=True, slots=True)
class Mended:
    """How many `rows` of each table referred to nothing, and are deleted or have an empty reference
    now; how many `disorders` and `genes` nobody had, which are deleted; and how many `numbers` of
    changes were given anew."""

    rows: dict[str, int]
    disorders: int
    genes: int
    numbers: int

    @property
    def nothing(self) -> bool:
        """Whether all was sound."""
        return not (self.rows or self.disorders or self.genes or self.numbers)


def mend(session: Session) -> Mended:
    """Mend what can be mended, in the session's transaction, and note it in the audit trail."""
    numbered = _raise_counter(session)
    rows = _delete_dangling(session)
    disorders, genes = _delete_unused(session)
    numbered += _number_anew(session)
    mended = Mended(rows, disorders, genes, numbered)
    if not mended.nothing:
        unused = disorders + genes
        detail = {"rows": sum(rows.values()), "unused": unused, "numbers": numbered}
        record_event(session, "mend", detail=detail)
    if rows:
        begin_epoch(session)
        note_purge(session)
    return mended


def _delete_dangling(session: Session) -> dict[str, int]:
    counts: dict[str, int] = {}
    for table, column, parent in links():
        wrong = refers_to_nothing(column, parent)
        has = sa.select(sa.literal(1)).select_from(table).where(wrong).limit(1)
        if session.scalar(has) is None:
            continue
        key = next(key for key in column.foreign_keys if key.column is parent)
        if column.nullable and key.ondelete != "CASCADE":
            done = session.execute(sa.update(table).where(wrong).values({column.name: None}))
        else:
            if table is t.Descriptor.__table__ and parent.table is not t.Space.__table__:
                # Indexes that have it shall follow; of a space that is not there, there is none.
                known = sa.select(t.Space.id)
                log_removals(session, sa.and_(wrong, t.Descriptor.space_id.in_(known)))
                session.flush()
            done = session.execute(sa.delete(table).where(wrong))
        count = done.rowcount  # type: ignore[attr-defined]
        counts[table.name] = counts.get(table.name, 0) + count
    return counts


def _delete_unused(session: Session) -> tuple[int, int]:
    """How many disorders and how many genes went."""
    has_patient = sa.select(t.Diagnosis.patient_id).where(t.Diagnosis.disorder_id == t.Disorder.id)
    disorders = session.scalars(sa.select(t.Disorder.id).where(~has_patient.exists())).all()
    held = (
        sa.select(table.c.gene_id).where(table.c.gene_id == t.Gene.id).exists()
        for table in (t.patient_gene, t.disorder_gene)
    )
    genes = session.scalars(sa.select(t.Gene.id).where(*(~one for one in held))).all()
    # Those that only such a disorder had go with it.
    count_genes = sa.select(sa.func.count(t.Gene.id))
    before = session.scalars(count_genes).one()
    remove_unused(session, disorders, genes)
    return len(disorders), before - session.scalars(count_genes).one()


def _raise_counter(session: Session) -> int:
    found = numbers(session)
    if found.last >= found.highest:
        return 0
    session.execute(sa.update(t.Change).values(sequence=found.highest))
    return 1


def _number_anew(session: Session) -> int:
    again = repeated_numbers(*descriptor_numbers(session)).tolist()
    for key, number in zip(again, count_changes(session, len(again)), strict=True):
        session.execute(
            sa.update(t.Descriptor).where(t.Descriptor.id == key).values(sequence=number)
        )
    return len(again)
