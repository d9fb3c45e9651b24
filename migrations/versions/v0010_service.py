"""Users of the service, their tokens and logins, and the long work that it was given."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def _text(length: int | None = None) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "service_user",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", _text(), nullable=False),
        sa.Column("role", _text(16), nullable=False),
        sa.Column("password", _text(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("is_disabled", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", TIME, nullable=True),
        sa.CheckConstraint(
            "role IN ('reader', 'contributor', 'curator', 'admin')",
            name=op.f("ck_service_user_role"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_user")),
        sa.UniqueConstraint("name", name=op.f("uq_service_user_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "api_token",
        sa.Column("id", KEY, nullable=False),
        _user("api_token"),
        sa.Column("name", _text(), nullable=False),
        sa.Column("digest", _text(64), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("last_used_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_token_digest")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "login_session",
        sa.Column("digest", _text(64), nullable=False),
        _user("login_session"),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_login_session")),
    )
    for table in ("api_token", "login_session"):
        op.create_index(op.f(f"ix_{table}_user_id"), table, ["user_id"])
    op.create_table(
        "job",
        sa.Column("id", _text(32), nullable=False),
        sa.Column("home_id", _text(), nullable=False),
        sa.Column("actor", _text(), nullable=False),
        sa.Column("kind", _text(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("state", _text(16), nullable=False),
        sa.Column("step", _text(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("whole", sa.Integer(), nullable=False),
        sa.Column("epoch", KEY, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("started_at", TIME, nullable=True),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("result", _text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'done', 'failed', 'cancelled')",
            name=op.f("ck_job_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    op.create_index(op.f("ix_job_home_id"), "job", ["home_id"])
    op.create_table(
        "job_file",
        sa.Column("job_id", _text(32), nullable=False),
        sa.Column("name", _text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["job.id"], name=op.f("fk_job_file_job_id_job"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "name", name=op.f("pk_job_file")),
    )


def downgrade() -> None:
    for table in ("job_file", "job", "login_session", "api_token", "service_user"):
        op.drop_table(table)


def _user(table: str) -> sa.Column[int]:
    return sa.Column(
        "user_id",
        KEY,
        sa.ForeignKey(
            "service_user.id",
            name=op.f(f"fk_{table}_user_id_service_user"),
            ondelete="CASCADE",
        ),
        nullable=False,
    )
