"""Who is of one family, and where and with what a photo was taken."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("patient", sa.Column("family", sa.String(), nullable=True))
    op.add_column("photo", sa.Column("site", sa.String(), nullable=True))


def downgrade() -> None:
    # Not by a table made anew: photos and faces refer to these with ON DELETE CASCADE.
    op.drop_column("photo", "site")
    op.drop_column("patient", "family")
