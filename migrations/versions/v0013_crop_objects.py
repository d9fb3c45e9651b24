"""Crops may lie outside the database: where, and which object is whose."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(length: int | None = None) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "crop_place",
        sa.Column("id", KEY, nullable=False),
        sa.Column("url", _text(), nullable=False),
        sa.Column("is_shared", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crop_place")),
        sa.UniqueConstraint("url", name=op.f("uq_crop_place_url")),
    )
    op.create_table(
        "crop_object",
        sa.Column("id", KEY, nullable=False),
        sa.Column("face_id", KEY, nullable=True),
        sa.Column("place_id", KEY, nullable=False),
        sa.Column("name", _text(64), nullable=False),
        sa.Column("key_id", _text(16), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("sha256", _text(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["face_id"],
            ["face.id"],
            name=op.f("fk_crop_object_face_id_face"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["place_id"], ["crop_place.id"], name=op.f("fk_crop_object_place_id_crop_place")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crop_object")),
        sa.UniqueConstraint("face_id", name=op.f("uq_crop_object_face_id")),
        sa.UniqueConstraint("name", name=op.f("uq_crop_object_name")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_crop_object_place_id"), "crop_object", ["place_id"])


def downgrade() -> None:
    op.drop_table("crop_object")
    op.drop_table("crop_place")
