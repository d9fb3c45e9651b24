"""What similarities in a space mean."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "calibration",
        sa.Column("space_id", KEY, nullable=False),
        sa.Column("sequence", KEY, nullable=False),
        sa.Column("descriptors", sa.Integer(), nullable=False),
        sa.Column("diagnoses", sa.Integer(), nullable=False),
        sa.Column("document", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["space_id"],
            ["space.id"],
            name=op.f("fk_calibration_space_id_space"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("space_id", name=op.f("pk_calibration")),
    )


def downgrade() -> None:
    op.drop_table("calibration")
