"""What errors of the library say to somebody who asks by HTTP: they name options of the command
line, and requests have fields by the same names."""

from __future__ import annotations

import re

from gestalt_space.errors import GestaltError

STARTED_WITH = frozenset({"detector", "device", "home", "landmarks", "precision", "space"})
"""Options that no request has: the service is started with them."""
_COMMANDS = re.compile("(`[^`]*`)")
_OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*[a-z])(?: (?:N|[A-Z]{2,})\b)?")


def in_fields(error: GestaltError) -> GestaltError:
    """An error with fields of requests in place of options. Commands stay: an admin runs them."""
    error.message, error.hint = text_in_fields(error.message), text_in_fields(error.hint)
    return error


def text_in_fields(text: str) -> str:
    """A text with fields of requests in place of options."""
    parts = _COMMANDS.split(text)
    return "".join(part if part.startswith("`") else _OPTION.sub(_field_of, part) for part in parts)


def _field_of(option: re.Match[str]) -> str:
    name = option[1]
    if name in STARTED_WITH:
        return f"`gestalt serve {option[0]}`"
    return f"`{name.replace('-', '_')}`"
