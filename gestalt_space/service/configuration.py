"""How a service is set up: where it listens, whom it trusts, and how much it takes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from gestalt_space.devices import cores
from gestalt_space.sites.site import is_loopback

MEGABYTE = 2**20


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """`host`, `port`: where it listens. `names`: host names that requests may name, beside the
    loopback's. `trusted_proxies`: addresses whose forwarding headers are believed; `root_path`:
    the path under which a proxy has it. `strict_status`: whether GestaltMatcher's addresses answer
    failures with a status of their own, and not 200. `descriptors`: whether replies may have them.
    `backups`: a folder for the backups that admins start; none without it.
    `threads`: requests that read photos at once; `waiting`: those that may wait for them.
    `per_minute`: requests of one token, user or address.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    names: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    root_path: str = ""
    strict_status: bool = False
    descriptors: bool = False
    backups: Path | None = None
    threads: int = 0
    waiting: int = 256
    most_files: int = 32
    most_bytes: int = 256 * MEGABYTE
    per_minute: int = 6000
    login_lifetime: timedelta = timedelta(hours=12)
    login_idle: timedelta = timedelta(minutes=30)
    token_lifetime: timedelta = timedelta(days=365)
    most_failures: int = 5
    lock_out: timedelta = timedelta(minutes=15)

    @property
    def is_public(self) -> bool:
        """Whether other machines can reach it."""
        return not is_loopback(self.host)

    @property
    def working_threads(self) -> int:
        """Threads that work on photos: one more than cores, for one waits for the disk now and
        then. More of them would only take Python's lock from each other: on two cores eight threads
        took a fifth more processor time for a match than three."""
        return self.threads or cores() + 1

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        """The names under which it may be asked: another site that resolves to this machine is not
        among them."""
        own = () if self.host in ("0.0.0.0", "::") else (self.host,)  # noqa: S104 - compared
        return ("localhost", "127.0.0.1", "[::1]", *own, *self.names)
