"""A photo may show several patients: it is in the gallery once for each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
CONSTRAINT = "uq_photo_sha256"
COLUMNS = "id, patient_id, sha256, name, age, width, height, added_at"


def upgrade() -> None:
    _make_unique("sha256", "patient_id")


def downgrade() -> None:
    # Fails where a photo is there for two patients: one of them has to be removed first.
    _make_unique("sha256")


def _make_unique(*columns: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        _new_table(columns)
    else:
        op.drop_constraint(CONSTRAINT, "photo", type_="unique")
        op.create_unique_constraint(CONSTRAINT, "photo", list(columns))


def _new_table(columns: tuple[str, ...]) -> None:
    """As SQLite's documentation says ("Making Other Kinds Of Table Schema Changes"): it cannot
    drop a constraint, and dropping a table deletes what refers to it unless foreign keys are off.
    """
    connection = op.get_bind()
    if connection.exec_driver_sql("PRAGMA foreign_keys").scalar():
        raise RuntimeError("Faces would be deleted: run `gestalt db upgrade`.")
    last_key = connection.exec_driver_sql(
        "SELECT seq FROM sqlite_sequence WHERE name = 'photo'"
    ).scalar()
    op.create_table(
        "new_photo",
        sa.Column("id", KEY, nullable=False),
        sa.Column("patient_id", KEY, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("age", sa.Float(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"],
            ["patient.id"],
            name=op.f("fk_photo_patient_id_patient"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo")),
        sa.UniqueConstraint(*columns, name=op.f(CONSTRAINT)),
        sqlite_autoincrement=True,
    )
    op.execute(f"INSERT INTO new_photo ({COLUMNS}) SELECT {COLUMNS} FROM photo")  # noqa: S608
    op.drop_table("photo")
    op.rename_table("new_photo", "photo")
    op.create_index(op.f("ix_photo_patient_id"), "photo", ["patient_id"], unique=False)
    # Keys are never given twice, those of removed photos neither.
    if last_key is not None:
        connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = 'photo'")
        connection.exec_driver_sql(
            "INSERT INTO sqlite_sequence (name, seq) VALUES ('photo', ?)", (last_key,)
        )
