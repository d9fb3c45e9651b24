"""Who may use the service, as admins manage it: from the command line, by HTTP and on the page."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

from gestalt_space.errors import UsageError
from gestalt_space.names import normal_name
from gestalt_space.service.secrets import digest_of, hash_password, new_token
from gestalt_space.store import accounts
from gestalt_space.store.accounts import Account, Role, TokenRecord
from gestalt_space.store.engine import Database

LONGEST_NAME = 100
LONGEST_LIFETIME = timedelta(days=3650)


def parse_role(text: str) -> Role:
    """A role by its name. Raises `UsageError`."""
    for role in get_args(Role):
        if text == role:
            found: Role = role
            return found
    raise UsageError(f"There is no role {text!r}.", f"Roles: {', '.join(get_args(Role))}.")


def add_user(database: Database, name: str, role: Role, password: str | None) -> Account:
    """Add a user; without a password, one who has tokens only. The first one is an admin, who lets
    the others in. Raises `UsageError`, `UserError`."""
    name = _checked(name)
    hashed = None if password is None else hash_password(password)
    with database.writing() as session:
        if role != "admin" and not accounts.count_users(session):
            raise UsageError(
                "The first user has to be an admin: from then on nobody else manages users.",
                "Add one of your own first: `gestalt user add NAME --role admin`.",
            )
        return accounts.add_user(session, name, role, hashed)


def users(database: Database) -> list[Account]:
    """All users by name."""
    with database.reading() as session:
        return accounts.users(session)


def change_user(
    database: Database,
    name: str,
    *,
    role: Role | None = None,
    password: str | None = None,
    disabled: bool | None = None,
) -> Account:
    """Give a user another role or password, or let them in no more. A new password or being
    disabled ends their logins. Raises `UserError`, `UsageError`."""
    name = normal_name(name)
    hashed = None if password is None else hash_password(password)
    with database.writing() as session:
        if role is not None:
            accounts.set_role(session, name, role)
        if hashed is not None:
            accounts.set_password(session, name, hashed)
        if disabled is not None:
            accounts.set_disabled(session, name, disabled)
        return accounts.user_named(session, name)


def remove_user(database: Database, name: str) -> None:
    """Remove a user with their tokens and logins. Raises `UserError`."""
    with database.writing() as session:
        accounts.remove_user(session, normal_name(name))


def add_token(
    database: Database, user: str, name: str, lifetime: timedelta
) -> tuple[str, TokenRecord]:
    """A new token of a user, and what is kept of it: the token itself is shown now and never again.

    Raises `UserError`, `UsageError`.
    """
    if not timedelta() < lifetime <= LONGEST_LIFETIME:
        raise UsageError(
            "A token lasts between a day and ten years.", "Give --days 90, for example."
        )
    token = new_token()
    with database.writing() as session:
        record = accounts.add_token(
            session, normal_name(user), name.strip(), digest_of(token), lifetime
        )
    return token, record


def tokens(database: Database, user: str | None = None) -> list[TokenRecord]:
    """The tokens of a user, or of all."""
    with database.reading() as session:
        return accounts.tokens(session, None if user is None else normal_name(user))


def revoke_token(database: Database, number: int, user: str | None = None) -> None:
    """Make a token useless, by its number; with `user`, only one of theirs. Raises `UserError`."""
    with database.writing() as session:
        accounts.revoke_token(session, number, user)


def _checked(name: str) -> str:
    found = normal_name(name)
    if not found or len(found) > LONGEST_NAME or ":" in found:
        raise UsageError(
            f"{name!r} cannot be the name of a user.",
            f"Give 1 to {LONGEST_NAME} characters without a colon.",
        )
    return found
