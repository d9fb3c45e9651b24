"""What descriptors were made with: precision, device and runtime."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

COUNTED = sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'descriptor'")
COUNT_ON = sa.text("UPDATE sqlite_sequence SET seq = :last WHERE name = 'descriptor'")
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "encoding_run",
        sa.Column("id", KEY, nullable=False),
        sa.Column("precision", sa.String(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("runtime", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_encoding_run")),
        sa.UniqueConstraint(
            "precision", "device", "runtime", "version", name=op.f("uq_encoding_run_precision")
        ),
    )
    # In SQL, since Alembic would make the table anew in SQLite to give the constraint its name.
    number = "INTEGER" if op.get_context().dialect.name == "sqlite" else "BIGINT"
    op.execute(
        f"ALTER TABLE descriptor ADD COLUMN run_id {number} "
        "CONSTRAINT fk_descriptor_run_id_encoding_run REFERENCES encoding_run (id)"
    )
    op.create_index("ix_descriptor_runs", "descriptor", ["space_id", "run_id"])


def downgrade() -> None:
    op.drop_index("ix_descriptor_runs", "descriptor")
    # SQLite drops no column that refers to a table: there, `descriptor`, which no other table
    # refers to, is made anew, and counts its keys on from where it was.
    is_sqlite = op.get_context().dialect.name == "sqlite"
    last = op.get_bind().scalar(COUNTED) if is_sqlite else None
    with op.batch_alter_table("descriptor", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.drop_column("run_id")
    if last is not None:
        op.execute(COUNT_ON.bindparams(last=last))
    op.drop_table("encoding_run")
