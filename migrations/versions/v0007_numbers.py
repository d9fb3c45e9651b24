"""What a match reads has the number of its last change, and rows are found by an index.

Patients and photos get the number of their last change, the gallery a count of its removals and a
list of removals whose bytes may still be on the disk. Names are kept as a reader sees them, too.
Either way the index on disk is forgotten, and is made anew: a version that knows no such numbers
may have changed rows that it has.
"""

from __future__ import annotations

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INDEXES = (
    ("ix_patient_changes", "patient", ("sequence", "id")),
    ("ix_patient_family", "patient", ("family",)),
    ("ix_patient_likeness", "patient", ("likeness",)),
    ("ix_photo_changes", "photo", ("sequence", "id")),
    ("ix_photo_name", "photo", ("name",)),
    ("ix_disorder_likeness", "disorder", ("likeness",)),
    ("ix_diagnosis_disorder_id", "diagnosis", ("disorder_id",)),
    ("ix_patient_gene_gene_id", "patient_gene", ("gene_id",)),
    ("ix_disorder_gene_gene_id", "disorder_gene", ("gene_id",)),
)
NUMBERS = (("patient", "sequence"), ("photo", "sequence"), ("change", "epoch"))
LIKENESSES = (("patient", "external_id"), ("disorder", "code"))
GENERATION = sa.table("generation")
AT_ONCE = 10_000


def upgrade() -> None:
    for table, column in NUMBERS:
        op.add_column(table, sa.Column(column, KEY, nullable=False, server_default="0"))
    for table, name in LIKENESSES:
        op.add_column(table, sa.Column("likeness", sa.String(), nullable=False, server_default=""))
        _fill_likeness(table, name)
    op.create_table(
        "purge",
        sa.Column("id", KEY, nullable=False),
        sa.Column("sequence", KEY, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purge")),
        sqlite_autoincrement=True,
    )
    for index, table, columns in INDEXES:
        op.create_index(op.f(index), table, list(columns), unique=False)
    op.execute(sa.delete(GENERATION))


def downgrade() -> None:
    op.execute(sa.delete(GENERATION))
    for index, table, _ in reversed(INDEXES):
        op.drop_index(op.f(index), table_name=table)
    op.drop_table("purge")
    # Not by a table made anew: photos and faces refer to these with ON DELETE CASCADE.
    for table, _ in reversed(LIKENESSES):
        op.drop_column(table, "likeness")
    for table, column in reversed(NUMBERS):
        op.drop_column(table, column)


def _fill_likeness(table: str, name: str) -> None:
    entry = sa.table(table, sa.column("id"), sa.column(name), sa.column("likeness"))
    connection = op.get_bind()
    by_key = sa.update(entry).where(entry.c.id == sa.bindparam("key"))
    filled = by_key.values(likeness=sa.bindparam("text"))
    query = sa.select(entry.c.id, entry.c[name]).order_by(entry.c.id).limit(AT_ONCE)
    last = -1
    while rows := connection.execute(query.where(entry.c.id > last)).all():
        connection.execute(filled, [{"key": key, "text": _likeness(text)} for key, text in rows])
        last = rows[-1][0]


def _likeness(text: str) -> str:
    # Written out here: a migration does the same for ever, whatever becomes of the package.
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
