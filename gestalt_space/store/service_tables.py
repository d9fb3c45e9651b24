"""The tables of the service: who may use it, and the long work that it was given. Nothing in the
gallery refers to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, CheckConstraint, ForeignKey, Integer, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from gestalt_space.store.base import Base
from gestalt_space.store.columns import Key, Moment, Text, text_of

ROLES = ("site", "reader", "contributor", "curator", "admin")
"""Each may do what the ones before it may, but for `site`: another hospital's service, which asks
with descriptors, as nobody else may, and may do nothing else."""
STATES = ("queued", "running", "done", "failed", "cancelled")


class User(Base):
    """Somebody who uses the service. `password`: an Argon2 hash; None for tokens only."""

    __tablename__ = "service_user"
    __table_args__ = (
        CheckConstraint(f"role IN ({', '.join(map(repr, ROLES))})", name="role"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    role: Mapped[str] = mapped_column(text_of(16))
    password: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment)
    is_disabled: Mapped[bool] = mapped_column(Boolean, default=False)


class ApiToken(Base):
    """A token of a user, for programs. `digest`: its SHA-256; the token is kept nowhere."""

    __tablename__ = "api_token"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    user_id: Mapped[int] = mapped_column(
        ForeignKey("service_user.id", ondelete="CASCADE"), index=True
    )
    name: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(text_of(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    last_used_at: Mapped[datetime | None] = mapped_column(Moment)


class LoginSession(Base):
    """A browser in which a user is logged in, by the SHA-256 of the secret in its cookie."""

    __tablename__ = "login_session"

    digest: Mapped[str] = mapped_column(text_of(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(
        ForeignKey("service_user.id", ondelete="CASCADE"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(Moment)
    seen_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)


class Job(Base):
    """Long work that the service was given. `request`: its options; `home_id`: whose service works
    on it; `epoch`: of the gallery when it began. `result`: a document as JSON. An erasure deletes
    what jobs left: it may name anybody."""

    __tablename__ = "job"
    __table_args__ = (CheckConstraint(f"state IN ({', '.join(map(repr, STATES))})", name="state"),)

    id: Mapped[str] = mapped_column(text_of(32), primary_key=True)
    home_id: Mapped[str] = mapped_column(Text, index=True)
    actor: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    request: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(text_of(16))
    step: Mapped[str] = mapped_column(Text, default="")
    done: Mapped[int] = mapped_column(Integer, default=0)
    whole: Mapped[int] = mapped_column(Integer, default=0)
    epoch: Mapped[int | None] = mapped_column(Key)
    created_at: Mapped[datetime] = mapped_column(Moment)
    started_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    result: Mapped[str | None] = mapped_column(Text)


class JobFile(Base):
    """A file that a job made: a figure, a table or a page."""

    __tablename__ = "job_file"

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
