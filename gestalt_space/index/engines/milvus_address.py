"""Addresses of Milvus: a folder, which Milvus Lite uses, or that of a server."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from gestalt_space.errors import UsageError

_PORTS = "http://HOST:19530, or http://HOST:19530/DATABASE"


def is_server(address: str) -> bool:
    """Whether it is that of a server."""
    return "://" in address


def checked_address(address: str) -> str:
    """An address as it may be recorded: folders from the root on, servers without a token. Raises
    `UsageError`."""
    if not is_server(address):
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
