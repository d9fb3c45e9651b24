"""Passwords, tokens and the secrets of logins: made here, and kept as hashes alone.

Passwords are hashed with Argon2id (RFC 9106). Tokens and logins have 256 random bits, for which one
SHA-256 is enough.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from gestalt_space.errors import UsageError

TOKEN_PREFIX = "gestalt_"  # noqa: S105 - no secret, what one begins with
SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 1024
_HASHER = PasswordHasher()
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43
"""A hash that no password has: who is not there costs as much time as who is."""


def hash_password(password: str) -> str:
    """The Argon2id hash of a password. Raises `UsageError` for one that is too short."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise UsageError(
            f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.",
            "Use several words, or let a password manager make one.",
        )
    return _HASHER.hash(password)


def is_password(password: str, hashed: str | None) -> bool:
    """Whether a hash is that of a password. Takes as long for None, which is that of nobody."""
    if len(password) > LONGEST_PASSWORD:
        return False
    try:
        return _HASHER.verify(hashed or _NOBODY, password)
    except (VerifyMismatchError, VerificationError, InvalidHashError):
        return False


def new_token() -> str:
    """A new token for programs; the beginning says what it is, to who finds one."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def new_secret() -> str:
    """The secret of a new login."""
    return secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """The SHA-256 by which a token or a login is known, in hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()


def csrf_of(secret: str) -> str:
    """The token that forms of a login carry: only a page of ours can know it."""
    return hmac.new(secret.encode(), b"csrf", hashlib.sha256).hexdigest()


def is_csrf(given: str, secret: str) -> bool:
    """Whether a form was sent from a page of this login."""
    return hmac.compare_digest(given.encode(), csrf_of(secret).encode())
