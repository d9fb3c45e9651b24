"""Names that people give, in their one spelling: patients, cohorts, disorders, photos."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from gestalt_space.errors import UsageError

LONGEST_NAME = 1000
"""Characters of a name: no request can ask for one that is longer."""


def normal_name(text: str) -> str:
    """A name in Unicode's normal form C, without blanks around it.

    `é` may be one character or two, and looks the same; a Mac writes the second, most others the
    first.
    """
    return unicodedata.normalize("NFC", text).strip()


def check_names(names: Iterable[str], example: str) -> tuple[str, ...]:
    """Several names. Raises `UsageError` for a text, whose letters would be taken for names."""
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise UsageError(
            f"{names!r} is not a list of names.", f"Give a tuple, such as {example}=({names!r},)."
        )
    return tuple(names)


def likeness(text: str) -> str:
    """What names have in common that a reader takes for one: case and blanks do not count."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
