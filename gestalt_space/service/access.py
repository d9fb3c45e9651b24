"""Who asks: a request's credentials, checked against the users of the database.

Without users everybody on this machine may do everything, as with the command line. As soon as
there is a user, or other machines can reach the service, each request has to say who asks.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets as random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from gestalt_space.errors import GalleryMissing, GestaltError, NotAllowed, NotAuthenticated
from gestalt_space.service import secrets
from gestalt_space.service.attempts import Attempts
from gestalt_space.service.configuration import ServiceOptions
from gestalt_space.store import accounts
from gestalt_space.store.accounts import Role
from gestalt_space.store.engine import Database
from gestalt_space.store.service_tables import ROLES

_REMEMBERED = 300.0
"""Seconds for which a password that was right is not hashed again: a program sends it each time."""
_MOST_REMEMBERED = 1024


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `name` stands in the audit trail; `key`: by which requests are counted; `by`: how
    they showed who they are; `login`: the secret of a login, empty for others."""

    name: str
    role: Role
    key: str
    by: Literal["this machine", "token", "password", "login"]
    login: str = ""

    def require_site(self) -> None:
        """Raise `NotAllowed` for everybody who is not another hospital's service."""
        if self.role != "site":
            raise NotAllowed(
                f"Only another hospital asks with a descriptor; {self.name} is {self.role}.",
                "Ask with a photo. For another hospital: `gestalt user add NAME --role site "
                "--tokens-only`.",
            )

    def require(self, role: Role) -> None:
        """Raise `NotAllowed` where the role is lower than that."""
        if ROLES.index(self.role) < ROLES.index(role):
            raise NotAllowed(
                f"This needs the role {role}; {self.name} is {self.role}.",
                "Ask an admin: `gestalt user set NAME --role …`.",
            )


class Access:
    """The users of a database, and whether a request is one of theirs. Threads share it."""

    def __init__(self, database: Database, options: ServiceOptions) -> None:
        self._database = database
        self._options = options
        self._attempts = Attempts(options.most_failures, options.lock_out)
        self._key = random.token_bytes(32)
        self._right: dict[bytes, tuple[float, str]] = {}
        self._lock = threading.Lock()

    def is_open(self) -> bool:
        """Whether nobody has to say who asks."""
        return not self._options.is_public and self.count() == 0

    def count(self) -> int:
        """How many users there are; none where there is no gallery yet."""
        try:
            with self._database.reading() as session:
                return accounts.count_users(session)
        except GalleryMissing:
            return 0

    def anybody(self) -> Principal:
        """Who asks on a machine that has no users. Raises `NotAuthenticated` where it has."""
        if not self.is_open():
            raise NotAuthenticated(
                "Say who asks.",
                "Log in, or send `Authorization: Bearer TOKEN`. An admin makes a token with "
                "`gestalt user token NAME`.",
            )
        return Principal(self._database.actor, "admin", "this machine", "this machine")

    def by_token(self, token: str) -> Principal:
        """Whose token it is. Raises `NotAuthenticated`."""
        with self._database.reading() as session:
            found = accounts.owner_of_token(session, secrets.digest_of(token))
        if found is None:
            raise NotAuthenticated(
                "The token is unknown, revoked or expired.", "Ask an admin for a new one."
            )
        account, key, stale = found
        if stale:
            # A database that cannot be written does not keep out who only reads.
            with suppress(GestaltError), self._database.writing() as session:
                accounts.note_use(session, key)
        return Principal(account.name, account.role, f"token {key}", "token")

    def by_password(self, name: str, password: str, client: str) -> Principal:
        """The user of that name and password. Slow on purpose, unless the same was right a moment
        ago. `client`: from where. Raises `NotAuthenticated`, and `TooManyRequests` after too many
        wrong ones: for a name that nobody has as for any other, and after as long."""
        with self._attempts.attempt(name, client):
            with self._database.reading() as session:
                account = accounts.find_user(session, name)
                hashed = accounts.password_of(session, name)
            is_right = self._is_right(name, password, hashed)
            if not is_right or account is None or account.is_disabled:
                self._attempts.failed(name, client)
                raise NotAuthenticated("The name or the password is wrong.", "Check both.")
            wrong = self._attempts.succeeded(name, client)
        if wrong >= self._options.most_failures:
            with self._database.acting_for(name).writing() as session:
                accounts.note_guesses(session, name, wrong)
        return Principal(account.name, account.role, f"user {account.id}", "password")

    def log_in(self, name: str, password: str, client: str) -> str:
        """The secret of a new login of a user. Raises as `by_password` does."""
        principal = self.by_password(name, password, client)
        secret = secrets.new_secret()
        with self._database.acting_for(principal.name).writing() as session:
            accounts.begin_login(
                session, principal.name, secrets.digest_of(secret), self._options.login_lifetime
            )
        return secret

    def by_login(self, secret: str) -> Principal:
        """Who is logged in with a secret. Raises `NotAuthenticated`."""
        digest = secrets.digest_of(secret)
        with self._database.reading() as session:
            found = accounts.owner_of_login(session, digest, self._options.login_idle)
        if found is None:
            raise NotAuthenticated("The login has ended.", "Log in again.")
        account, stale = found
        if stale:
            with suppress(GestaltError), self._database.writing() as session:
                accounts.note_seen(session, digest)
        return Principal(account.name, account.role, f"user {account.id}", "login", secret)

    def log_out(self, secret: str) -> None:
        """End a login."""
        with self._database.writing() as session:
            accounts.end_login(session, secrets.digest_of(secret))

    def _is_right(
        self,
        name: str,
        password: str,
        hashed: str | None,
        now: Callable[[], float] = time.monotonic,
    ) -> bool:
        """Whether a password is that of a hash. What was right is remembered for a while by a keyed
        hash of name and password, for as long as the stored one stays what it was."""
        given = hmac.new(self._key, f"{name}\0{password}".encode(), hashlib.sha256).digest()
        with self._lock:
            until, known = self._right.get(given, (0.0, ""))
        if hashed is not None and known == hashed and now() < until:
            return True
        if not secrets.is_password(password, hashed):
            return False
        with self._lock:
            if len(self._right) >= _MOST_REMEMBERED:
                self._right.clear()
            self._right[given] = (now() + _REMEMBERED, hashed or "")
        return True
