"""On PostgreSQL texts are sorted and compared by their bytes, as on SQLite, where nothing changes.

By the order of the server's language the same question would give its lines in another order there.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TEXTS = sa.text(
    "SELECT table_name, column_name, character_maximum_length FROM information_schema.columns "
    "WHERE table_schema = current_schema() AND data_type = 'character varying' "
    "AND table_name = ANY(:tables) ORDER BY table_name, column_name"
)
TABLES = (
    *("audit_event", "audit_subject", "calibration", "change", "diagnosis", "disorder"),
    *("encoding_run", "erasure", "face", "gene", "generation", "home", "patient"),
    *("phenotype_term", "photo", "pseudonym", "purge", "space"),
)


def upgrade() -> None:
    _collate('"C"')


def downgrade() -> None:
    _collate('"default"')


def _collate(order: str) -> None:
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    for table, column, length in connection.execute(TEXTS, {"tables": list(TABLES)}).all():
        size = "" if length is None else f"({length})"
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE VARCHAR{size} COLLATE {order}")
