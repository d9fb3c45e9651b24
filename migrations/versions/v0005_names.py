"""Names in one spelling: Unicode's normal form C, without blanks around them.

Patients whose names become one stay two: the second is called `NAME (2)`, and a note says so.
Disorders and genes whose names become one are merged. Going back changes nothing, since names in
this form are names to the earlier version as well.
"""

from __future__ import annotations

import unicodedata

import sqlalchemy as sa
from alembic import context, op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

PLAIN = (
    *(("patient", column) for column in ("ancestry", "cohort", "consent")),
    ("photo", "name"),
    ("disorder", "name"),
)
LINKS = {
    "disorder": (("diagnosis", "disorder_id"), ("disorder_gene", "disorder_id")),
    "gene": (("patient_gene", "gene_id"), ("disorder_gene", "gene_id")),
}
OTHER_END = {
    ("diagnosis", "disorder_id"): "patient_id",
    ("disorder_gene", "disorder_id"): "gene_id",
    ("patient_gene", "gene_id"): "patient_id",
    ("disorder_gene", "gene_id"): "disorder_id",
}


def upgrade() -> None:
    notes: list[str] = context.config.attributes.setdefault("notes", [])
    _rename_patients(notes)
    _merge("disorder", "code", notes)
    _merge("gene", "symbol", notes)
    for table, column in PLAIN:
        _spell(table, column)


def downgrade() -> None:
    """Names stay as they are."""


def _normal(text: str) -> str:
    # Written out here: a migration does the same for ever, whatever becomes of the package.
    return unicodedata.normalize("NFC", text).strip() or text


def _rename_patients(notes: list[str]) -> None:
    patient = sa.table("patient", sa.column("id"), sa.column("external_id"))
    connection = op.get_bind()
    stored = connection.execute(sa.select(patient.c.id, patient.c.external_id).order_by("id")).all()
    taken = {name for _, name in stored if name == _normal(name)}
    for key, name in stored:
        if name == _normal(name):
            continue
        new, number = _normal(name), 2
        while new in taken:
            new, number = f"{_normal(name)} ({number})", number + 1
        taken.add(new)
        connection.execute(sa.update(patient).where(patient.c.id == key).values(external_id=new))
        if new != _normal(name):
            notes.append(
                f"Two patients are called {_normal(name)!r}, spelled in two ways: one of them is "
                f"{new!r} now. Look at both with `gestalt index show`. If they are one person, "
                f"remove {new!r} and add those photos again."
            )


def _merge(table: str, column: str, notes: list[str]) -> None:
    """Bring identifiers to their one spelling, and move the links of those that become one to the
    first of them."""
    entry = sa.table(table, sa.column("id"), sa.column(column))
    connection = op.get_bind()
    rows = connection.execute(sa.select(entry.c.id, entry.c[column]).order_by("id")).all()
    first: dict[str, tuple[int, str]] = {}
    for key, name in rows:
        kept, _ = first.setdefault(_normal(name), (key, name))
        if kept != key:
            if table == "disorder":
                _keep_name(key, kept)
            for link, end in LINKS[table]:
                _move(link, end, OTHER_END[link, end], key, kept)
            connection.execute(sa.delete(entry).where(entry.c.id == key))
            notes.append(f"The {table} {_normal(name)!r} was spelled in two ways; it is one now.")
    for name, (key, stored) in first.items():
        if name != stored:
            connection.execute(sa.update(entry).where(entry.c.id == key).values({column: name}))


def _keep_name(old: int, new: int) -> None:
    """Give a disorder the name of another one that goes, where it has none itself."""
    disorder = sa.table("disorder", sa.column("id"), sa.column("name"))
    connection = op.get_bind()
    name = connection.scalar(sa.select(disorder.c.name).where(disorder.c.id == old))
    lacks = sa.and_(disorder.c.id == new, disorder.c.name == "")
    connection.execute(sa.update(disorder).where(lacks).values(name=name))


def _move(link: str, end: str, other: str, old: int, new: int) -> None:
    """Let the rows of a table of links that lead to one row lead to another, each once."""
    table = sa.table(link, sa.column(end), sa.column(other))
    connection = op.get_bind()
    there = sa.select(table.c[other]).where(table.c[end] == new)
    others = connection.scalars(there).all()
    moved = table.c[end] == old
    for key in others:
        connection.execute(sa.delete(table).where(moved, table.c[other] == key))
    connection.execute(sa.update(table).where(moved).values({end: new}))


def _spell(table: str, column: str) -> None:
    place = sa.table(table, sa.column("id"), sa.column(column))
    connection = op.get_bind()
    rows = connection.execute(sa.select(place.c.id, place.c[column])).all()
    changed = [
        {"key": key, "text": _normal(text)}
        for key, text in rows
        if text is not None and text != _normal(text)
    ]
    if changed:
        by_key = sa.update(place).where(place.c.id == sa.bindparam("key"))
        connection.execute(by_key.values({column: sa.bindparam("text")}), changed)
