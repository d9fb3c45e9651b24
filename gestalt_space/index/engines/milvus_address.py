"""Addresses of Milvus: a folder, which Milvus Lite uses, or that of a server."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from gestalt_space.errors import UsageError
from gestalt_space.paths import display_name

_PORTS = "http://HOST:19530, or http://HOST:19530/DATABASE"
_HOST_AND_PORT = re.compile(r"(?![./~])(?:.*@)?((?:\[[^/@]+\]|[^/\\@]+):\d+(?:/[^/]*)?)/?")
"""As other programs name a server; `./NAME` is a folder, whatever its name."""


def is_server(address: str) -> bool:
    """Whether it is that of a server."""
    return "://" in address


def checked_address(address: str) -> str:
    """An address as it may be recorded: folders from the root on, servers without a token. Raises
    `UsageError`, also for HOST:PORT without `http://`."""
    if not is_server(address):
        if found := _HOST_AND_PORT.fullmatch(address):
            server = display_name(found[1].rstrip("/"))
            raise UsageError(
                f"{server} looks like a server, but the address of one begins with http:// or "
                "https://.",
                f"For the server, give http://{server}. For a folder of this name, give ./NAME.",
            )
        return str(Path(address).expanduser().absolute())
    plain, token = split_token(address)
    if token:
        raise UsageError(
            "The address has a token or a password in it, which would be recorded.",
            f"Give {plain} alone, and the token as GESTALT_MILVUS_TOKEN or in the settings file.",
        )
    return plain


def with_token(address: str, token: str | None) -> str:
    """An address of a server with what lets one in; a folder as it is."""
    if not token or not is_server(address):
        return address
    scheme, _, rest = address.partition("://")
    words = ":".join(quote(word, safe="") for word in token.split(":", 1))
    return f"{scheme}://{words}@{rest}"


def split_token(address: str) -> tuple[str, str]:
    """An address of a server without its token, and the token: `USER:PASSWORD`, a key, or nothing.

    Raises `UsageError`, in which the address is not repeated.
    """
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        host = port = ""
    if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise UsageError("This is not an address of a Milvus server.", f"It looks like {_PORTS}.")
    host = f"[{host}]" if ":" in host else host
    words = [unquote(word) for word in (parts.username, parts.password) if word is not None]
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}", ":".join(words)
