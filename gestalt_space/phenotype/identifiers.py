"""HPO identifiers: their one spelling, and their numbers."""

from __future__ import annotations

import re

_WRITTEN = re.compile(
    r"(?:https?://purl\.obolibrary\.org/obo/)?HP[\s:_]*(?P<number>[0-9]{7})", re.IGNORECASE
)


def term_number(text: str) -> int | None:
    """The number of an identifier in any usual spelling: `HP:0000316`, `hp_0000316` and the address
    of the term are 316. None for other texts."""
    found = _WRITTEN.fullmatch(text.strip())
    return int(found["number"]) if found else None


def term_id(number: int) -> str:
    """The identifier of a number: 316 is `HP:0000316`."""
    return f"HP:{number:07}"
