"""Users of the service, their tokens and logins, as rows. Secrets come and are kept as hashes: this
room never sees one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.errors import UserError
from gestalt_space.store.audit import record_event
from gestalt_space.store.service_tables import ApiToken, LoginSession, User

Role = Literal["site", "reader", "contributor", "curator", "admin"]
_SEEN_EVERY = timedelta(minutes=1)
"""How exact the times of last use are: a request must not cost a write."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the service. `has_password`: False for one with tokens only."""

    id: int
    name: str
    role: Role
    has_password: bool
    created_at: datetime
    is_disabled: bool


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token, of which the secret is kept nowhere."""

    id: int
    user: str
    name: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


def count_users(session: Session) -> int:
    """How many users there are."""
    return session.scalar(sa.select(sa.func.count()).select_from(User)) or 0


def users(session: Session) -> list[Account]:
    """All users by name."""
    return [_account(row) for row in session.scalars(sa.select(User).order_by(User.name))]


def find_user(session: Session, name: str) -> Account | None:
    """The user of that name."""
    row = session.scalar(sa.select(User).where(User.name == name))
    return None if row is None else _account(row)


def user_named(session: Session, name: str) -> Account:
    """The user of that name. Raises `UserError`."""
    return _account(_row(session, name))


def password_of(session: Session, name: str) -> str | None:
    """The hash of a user's password; None for nobody, and for one without."""
    return session.scalar(sa.select(User.password).where(User.name == name))


def add_user(session: Session, name: str, role: Role, password: str | None) -> Account:
    """Add a user. `password`: its hash. Raises `UserError`."""
    if find_user(session, name) is not None:
        raise UserError(f"There is a user {name} already.", "Run `gestalt user list`.")
    row = User(name=name, role=role, password=password, created_at=datetime.now(UTC))
    session.add(row)
    session.flush()
    record_event(session, "user", detail={"user": name, "changes": [f"added as {role}"]})
    return _account(row)


def set_role(session: Session, name: str, role: Role) -> None:
    """Give a user another role. Raises `UserError`."""
    row = _row(session, name)
    _check_an_admin_stays(session, row, role)
    record_event(session, "user", detail={"user": name, "changes": [f"role {row.role} → {role}"]})
    row.role = role


def set_password(session: Session, name: str, password: str) -> None:
    """Give a user another password, by its hash; their logins end. Raises `UserError`."""
    row = _row(session, name)
    row.password = password
    end_logins(session, row.id)
    record_event(session, "user", detail={"user": name, "changes": ["password changed"]})


def set_disabled(session: Session, name: str, is_disabled: bool) -> None:
    """Let a user in no more, or again; their logins end. Raises `UserError`."""
    row = _row(session, name)
    if is_disabled:
        _check_an_admin_stays(session, row, "reader")
    row.is_disabled = is_disabled
    end_logins(session, row.id)
    change = "disabled" if is_disabled else "enabled"
    record_event(session, "user", detail={"user": name, "changes": [change]})


def remove_user(session: Session, name: str) -> None:
    """Remove a user with their tokens and logins. Raises `UserError`."""
    row = _row(session, name)
    _check_an_admin_stays(session, row, "reader")
    session.delete(row)
    record_event(session, "user", detail={"user": name, "changes": ["removed"]})


def note_guesses(session: Session, name: str, wrong: int) -> None:
    """Tell the trail that somebody gave wrong passwords for a user, before the right one."""
    change = f"{wrong:,} wrong passwords before the right one"
    record_event(session, "user", detail={"user": name, "changes": [change]})


# Tokens


def add_token(
    session: Session, user: str, name: str, digest: str, lifetime: timedelta
) -> TokenRecord:
    """Add a token of a user by its SHA-256. Raises `UserError`."""
    owner = _row(session, user)
    now = datetime.now(UTC)
    row = ApiToken(
        user_id=owner.id, name=name, digest=digest, created_at=now, expires_at=now + lifetime
    )
    session.add(row)
    session.flush()
    record_event(session, "token", detail={"user": user, "changes": [f"token {row.id} added"]})
    return _token(row, user)


def tokens(session: Session, user: str | None = None) -> list[TokenRecord]:
    """The tokens of a user, or of all, the oldest first."""
    query = sa.select(ApiToken, User.name).join(User, User.id == ApiToken.user_id)
    if user is not None:
        query = query.where(User.name == user)
    return [_token(row, name) for row, name in session.execute(query.order_by(ApiToken.id))]


def revoke_token(session: Session, key: int, user: str | None = None) -> None:
    """Delete a token by its number; with `user`, only one of theirs. Raises `UserError`."""
    owner = session.execute(
        sa.select(ApiToken, User.name)
        .join(User, User.id == ApiToken.user_id)
        .where(ApiToken.id == key)
    ).one_or_none()
    if owner is None or user not in (None, owner[1]):
        raise UserError(f"There is no token {key}.", "Run `gestalt user tokens`.")
    session.delete(owner[0])
    record_event(session, "token", detail={"user": owner[1], "changes": [f"token {key} revoked"]})


def owner_of_token(session: Session, digest: str) -> tuple[Account, int, bool] | None:
    """Whose token has that SHA-256, its number, and whether its use should be noted; None for one
    that is not there, has expired, or whose user is disabled."""
    now = datetime.now(UTC)
    found = session.execute(
        sa.select(User, ApiToken)
        .join(ApiToken, ApiToken.user_id == User.id)
        .where(ApiToken.digest == digest, ApiToken.expires_at > now, User.is_disabled.is_(False))
    ).one_or_none()
    if found is None:
        return None
    user, token = found
    stale = token.last_used_at is None or now - token.last_used_at > _SEEN_EVERY
    return _account(user), token.id, stale


def note_use(session: Session, key: int) -> None:
    """Note that a token is used."""
    session.execute(
        sa.update(ApiToken).where(ApiToken.id == key).values(last_used_at=datetime.now(UTC))
    )


# Logins


def begin_login(session: Session, user: str, digest: str, lifetime: timedelta) -> None:
    """Remember a login by the SHA-256 of its secret, and forget those that have expired."""
    now = datetime.now(UTC)
    session.execute(sa.delete(LoginSession).where(LoginSession.expires_at <= now))
    session.add(
        LoginSession(
            digest=digest,
            user_id=_row(session, user).id,
            created_at=now,
            seen_at=now,
            expires_at=now + lifetime,
        )
    )
    record_event(session, "login", detail={"user": user})


def owner_of_login(session: Session, digest: str, idle: timedelta) -> tuple[Account, bool] | None:
    """Who is logged in, and whether it should be noted that they were seen; None where the login
    has ended or nothing was asked for `idle`, or where the clock was set back behind its last
    request: nothing tells how long ago that was."""
    now = datetime.now(UTC)
    found = session.execute(
        sa.select(User, LoginSession)
        .join(LoginSession, LoginSession.user_id == User.id)
        .where(
            LoginSession.digest == digest,
            LoginSession.expires_at > now,
            LoginSession.seen_at > now - idle,
            LoginSession.seen_at <= now + _SEEN_EVERY,
            User.is_disabled.is_(False),
        )
    ).one_or_none()
    if found is None:
        return None
    user, login = found
    return _account(user), now - login.seen_at > _SEEN_EVERY


def note_seen(session: Session, digest: str) -> None:
    """Note that somebody who is logged in has asked for something."""
    session.execute(
        sa.update(LoginSession)
        .where(LoginSession.digest == digest)
        .values(seen_at=datetime.now(UTC))
    )


def end_login(session: Session, digest: str) -> None:
    """End a login."""
    session.execute(sa.delete(LoginSession).where(LoginSession.digest == digest))


def end_logins(session: Session, user: int) -> None:
    """End all logins of a user, by key."""
    session.execute(sa.delete(LoginSession).where(LoginSession.user_id == user))


def forget_secrets(session: Session) -> None:
    """Delete all tokens and logins, as after a restore: one that was revoked since the backup would
    let somebody in again. Users and their passwords stay."""
    for table in (ApiToken, LoginSession):
        session.execute(sa.delete(table))


# Helpers


def _row(session: Session, name: str) -> User:
    row = session.scalar(sa.select(User).where(User.name == name))
    if row is None:
        raise UserError(f"There is no user {name}.", "Run `gestalt user list`.")
    return row


def _check_an_admin_stays(session: Session, row: User, role: Role) -> None:
    """Raise `UserError` where others remain and none of them could manage users."""
    if row.role != "admin" or role == "admin":
        return
    others: Sequence[User] = session.scalars(sa.select(User).where(User.id != row.id)).all()
    if others and not any(one.role == "admin" and not one.is_disabled for one in others):
        raise UserError(f"{row.name} is the only admin.", "Make another user an admin first.")


def _account(row: User) -> Account:
    return Account(
        row.id,
        row.name,
        cast("Role", row.role),
        row.password is not None,
        row.created_at,
        row.is_disabled,
    )


def _token(row: ApiToken, user: str) -> TokenRecord:
    return TokenRecord(row.id, user, row.name, row.created_at, row.expires_at, row.last_used_at)
