"""One question to another hospital's service by HTTP: it goes there alone, within a time, and what
comes back is capped."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from gestalt_space.sites.site import Site

MOST_BYTES = 2**18
"""Of an answer; one of a hundred lines has about 50,000."""
_PIECE = 2**14
PATH = "/api/v1/descriptors/match"


class TooLong(Exception):
    """The answer has more than `MOST_BYTES`."""


class TooLate(Exception):
    """The answer did not come in time."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back: the status, and the body if it is not more than `MOST_BYTES`."""

    status: int
    body: bytes


class Exchange:
    """One question. `run` in one thread; `stop` ends it from another."""

    def __init__(self, site: Site, body: bytes, seconds: float) -> None:
        parts = urlsplit(site.address)
        assert parts.hostname is not None, "addresses are checked"  # noqa: S101
        self._site, self._body, self._path = site, body, f"{parts.path}{PATH}"
        self._until = time.monotonic() + seconds
        if parts.scheme == "https":
            # Checks the certificate and its name, by the system's authorities or SSL_CERT_FILE.
            self._connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                parts.hostname,
                parts.port,
                timeout=seconds,
                context=ssl.create_default_context(),
            )
        else:
            self._connection = http.client.HTTPConnection(
                parts.hostname, parts.port, timeout=seconds
            )

    def run(self) -> HttpAnswer:
        """Send the question, and give the answer; redirects are not followed. Raises `OSError`,
        `http.client.HTTPException`, `TooLong`, `TooLate`."""
        try:
            self._connection.request("POST", self._path, self._body, self._headers())
            answer = self._connection.getresponse()
            body = bytearray()
            while piece := answer.read1(_PIECE):
                body += piece
                if len(body) > MOST_BYTES:
                    raise TooLong
                if time.monotonic() > self._until:
                    raise TooLate
            return HttpAnswer(answer.status, bytes(body))
        finally:
            self._connection.close()

    def stop(self) -> None:
        """End the connection, whatever the other side does."""
        if (open_ := self._connection.sock) is not None:
            with suppress(OSError):
                # Not that of TLS, which would wait for the other side.
                socket.socket.shutdown(open_, socket.SHUT_RDWR)

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._site.token}",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": "gestalt-space",
        }
