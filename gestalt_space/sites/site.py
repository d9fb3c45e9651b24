"""Which hospitals are asked: their names, addresses and tokens, from the settings."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from gestalt_space.errors import UsageError
from gestalt_space.paths import display_name
from gestalt_space.secret_files import closing_command
from gestalt_space.settings import Settings

_TOKEN = re.compile(r"[\x21-\x7e]{1,500}")
_BLANK = re.compile(r"[\s\x00-\x1f\x7f]")
_EXAMPLE = "Write it like https://gestalt.hospital-b.example."


@dataclass(frozen=True, slots=True)
class Site:
    """Another hospital's service. `address`: without a slash at its end."""

    name: str
    address: str
    token: str = field(repr=False)


def chosen_sites(settings: Settings, wanted: Sequence[str]) -> tuple[Site, ...]:
    """Sites by their names in the settings, or by address, each once. Raises `UsageError` for one
    that is unknown, whose address is unsafe, or that has no token."""
    addresses = {name: checked_address(one.address) for name, one in settings.sites.items()}
    files = {name: one.token_file for name, one in settings.sites.items()}
    names = {address: name for name, address in addresses.items()}
    found: dict[str, Site] = {}
    unnamed = set()
    for text in wanted:
        if text in addresses:
            name, address = text, addresses[text]
        elif "://" in text:
            address = checked_address(text)
            name = names.get(address, address)
        else:
            known = ", ".join(addresses) or "none"
            raise UsageError(
                f"The settings have no site {text!r}.",
                f"Known sites: {known}. Or give its address.",
            )
        file = files.get(name)
        if file is None:
            unnamed.add(name)
        found[name] = Site(
            name, address, _environment_token(settings, name) if file is None else read_token(file)
        )
    if len(unnamed) > 1:
        raise UsageError(
            f"GESTALT_SITE_TOKEN is for one site, not for {' and '.join(sorted(unnamed))}.",
            "Give each of them a `token_file` in the settings.",
        )
    return tuple(found.values())


def checked_address(text: str) -> str:
    """The address of a site. Raises `UsageError` for one that is not encrypted, unless it is on
    this machine, and for one with a name, a password or a query."""
    address = text.rstrip("/")
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError("The address of a site cannot be read.", _EXAMPLE) from error
    if not host or parts.scheme not in ("https", "http") or not address.isascii():
        raise UsageError(f"{display_name(text[:80])!r} is not the address of a site.", _EXAMPLE)
    if _BLANK.search(address):
        raise UsageError("The address of a site has blanks.", _EXAMPLE)
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise UsageError(
            "The address of a site has more than a host, a port and a path.",
            "A token stands in its `token_file` or in GESTALT_SITE_TOKEN.",
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise UsageError(f"The connection to {host} would not be encrypted.", "Use https.")
    return address


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def read_token(file: Path) -> str:
    """The token in a file. Raises `UsageError` where it cannot be read, is none, or where others
    may read it."""
    where = display_name(file)
    try:
        mending = closing_command(file)
        text = file.read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise UsageError(
            f"The token file {where} cannot be read.", "Check `token_file`."
        ) from error
    if mending is not None:
        raise UsageError(f"Others may read the token file {where}.", f"Run `{mending}`.")
    return _checked_token(text, where)


def _environment_token(settings: Settings, name: str) -> str:
    if settings.site_token is None:
        raise UsageError(
            f"There is no token for {name}.",
            "That hospital makes one with `gestalt user token`. Put it into a `token_file`, or "
            "into GESTALT_SITE_TOKEN.",
        )
    return _checked_token(settings.site_token.get_secret_value().strip(), "GESTALT_SITE_TOKEN")


def _checked_token(text: str, where: str) -> str:
    if _TOKEN.fullmatch(text) is None:
        raise UsageError(
            f"{where} has no token.", "Copy the line that `gestalt user token` prints."
        )
    return text
