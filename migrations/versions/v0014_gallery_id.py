"""Each gallery has an identifier of its own, by which engines know whose rows they have."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_TEXT = sa.String(36).with_variant(sa.String(36, collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column(
        "change", sa.Column("gallery", _TEXT, nullable=False, server_default=sa.text("''"))
    )
    change = sa.table("change", sa.column("gallery", _TEXT))
    op.execute(sa.update(change).values(gallery=str(uuid.uuid4())))


def downgrade() -> None:
    op.drop_column("change", "gallery")
