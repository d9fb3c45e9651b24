"""`gestalt user`: who may use the service, and their tokens. No document has a secret, but the one
in which a new token is shown."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

from gestalt_space.documents.form import Form, filled, time_text
from gestalt_space.store.accounts import Account, TokenRecord
from gestalt_space.tables.table import Column, Table


class UserForm(Form):
    """A user. `has_password`: false for one with tokens only."""

    name: str
    role: Literal["site", "reader", "contributor", "curator", "admin"]
    has_password: bool
    is_disabled: bool
    created_at: str


class UsersDocument(Form):
    """Who may use the service."""

    document: Literal["users"]
    version: Literal[1]
    users: list[UserForm]


class TokenForm(Form):
    """A token, by the number with which it is revoked."""

    number: int
    user: str
    name: str
    created_at: str
    expires_at: str
    last_used_at: str | None
    is_expired: bool


class TokensDocument(Form):
    """Tokens, without what they are."""

    document: Literal["tokens"]
    version: Literal[1]
    tokens: list[TokenForm]


class TokenMadeDocument(Form):
    """A new token, which is shown this once: only its SHA-256 is kept."""

    document: Literal["token-made"]
    version: Literal[1]
    token: str
    about: TokenForm


def users_document(users: Iterable[Account]) -> UsersDocument:
    """Who may use the service."""
    return {"document": "users", "version": 1, "users": list(map(user_form, users))}


def tokens_document(tokens: Iterable[TokenRecord]) -> TokensDocument:
    """Tokens, without what they are."""
    return {"document": "tokens", "version": 1, "tokens": list(map(_token, tokens))}


def token_made_document(token: str, record: TokenRecord) -> TokenMadeDocument:
    """A new token."""
    return {"document": "token-made", "version": 1, "token": token, "about": _token(record)}


def _yes(value: bool) -> str:
    return "yes" if value else ""


def users_table(users: Iterable[Account]) -> Table:
    """A row for each user."""
    columns = (
        Column("name", whole=True),
        Column("role"),
        Column("has_password", "truth", shown=_yes, title="password"),
        Column("is_disabled", "truth", shown=_yes, title="disabled"),
        Column("created_at", title="created"),
    )
    return Table(columns, ([form[c.name] for c in columns] for form in map(user_form, users)))  # type: ignore[literal-required]


def tokens_table(tokens: Iterable[TokenRecord]) -> Table:
    """A row for each token."""
    columns = (
        Column("number", "integer"),
        Column("user", whole=True),
        Column("name"),
        Column("created_at", title="created", least=0),
        Column("expires_at", title="expires"),
        Column("last_used_at", title="last used", least=1),
        Column("is_expired", "truth", shown=_yes, title="expired"),
    )
    return Table(columns, ([form[c.name] for c in columns] for form in map(_token, tokens)))  # type: ignore[literal-required]


def user_form(user: Account) -> UserForm:
    """A user."""
    return filled(UserForm, user, created_at=time_text(user.created_at))


def _token(token: TokenRecord) -> TokenForm:
    used = token.last_used_at
    return filled(
        TokenForm,
        token,
        number=token.id,
        created_at=time_text(token.created_at),
        expires_at=time_text(token.expires_at),
        last_used_at=None if used is None else time_text(used),
        is_expired=token.expires_at <= datetime.now(UTC),
    )
