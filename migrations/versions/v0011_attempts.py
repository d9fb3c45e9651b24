"""Wrong passwords are no longer counted at the user: they would tell who has an account."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("service_user", "failures")
    op.drop_column("service_user", "locked_until")


def downgrade() -> None:
    time = sa.DateTime(timezone=True)
    op.add_column("service_user", sa.Column("locked_until", time, nullable=True))
    op.add_column(
        "service_user", sa.Column("failures", sa.Integer(), server_default="0", nullable=False)
    )
