"""The role `site`: another hospital's service, which asks with descriptors."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
COLUMNS = "id, name, role, password, created_at, is_disabled"
CONSTRAINT = "ck_service_user_role"
EARLIER = "'reader', 'contributor', 'curator', 'admin'"


def upgrade() -> None:
    _allow(f"'site', {EARLIER}")


def downgrade() -> None:
    # An earlier version would take them for people, and let them see patients.
    for name in ("api_token", "login_session"):
        op.execute(
            f"DELETE FROM {name} WHERE user_id IN "  # noqa: S608 - a name of ours
            "(SELECT id FROM service_user WHERE role = 'site')"
        )
    op.execute("DELETE FROM service_user WHERE role = 'site'")
    _allow(EARLIER)


def _allow(roles: str) -> None:
    check = f"role IN ({roles})"
    if op.get_bind().dialect.name == "sqlite":
        _new_table(check)
    else:
        op.drop_constraint(op.f(CONSTRAINT), "service_user", type_="check")
        op.create_check_constraint(op.f(CONSTRAINT), "service_user", check)


def _new_table(check: str) -> None:
    """As SQLite's documentation says ("Making Other Kinds Of Table Schema Changes"): it cannot
    drop a constraint, and dropping a table deletes what refers to it unless foreign keys are off.
    """
    connection = op.get_bind()
    if connection.exec_driver_sql("PRAGMA foreign_keys").scalar():
        raise RuntimeError("Tokens would be deleted: run `gestalt db upgrade`.")
    last_key = connection.exec_driver_sql(
        "SELECT seq FROM sqlite_sequence WHERE name = 'service_user'"
    ).scalar()
    op.create_table(
        "new_user",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_disabled", sa.Boolean(), nullable=False),
        sa.CheckConstraint(check, name=op.f(CONSTRAINT)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_user")),
        sa.UniqueConstraint("name", name=op.f("uq_service_user_name")),
        sqlite_autoincrement=True,
    )
    op.execute(f"INSERT INTO new_user ({COLUMNS}) SELECT {COLUMNS} FROM service_user")  # noqa: S608
    op.drop_table("service_user")
    op.rename_table("new_user", "service_user")
    # Keys are never given twice, those of removed users neither.
    if last_key is not None:
        connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = 'service_user'")
        connection.exec_driver_sql(
            "INSERT INTO sqlite_sequence (name, seq) VALUES ('service_user', ?)", (last_key,)
        )
