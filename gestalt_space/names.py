"""Names that people give, in their one spelling: patients, cohorts, disorders, photos."""

from __future__ import annotations

import unicodedata
from pathlib import Path


def normal_name(text: str) -> str:
    """A name in Unicode's normal form C, without blanks around it.

    `é` may be one character or two, and looks the same; a Mac writes the second, most others the
    first.
    """
    return unicodedata.normalize("NFC", text).strip()


def likeness(text: str) -> str:
    """What names have in common that a reader takes for one: case and blanks do not count."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def find_file(path: Path) -> Path:
    """The path as written, or in normal form C or D where there is a file of that name; the path
    itself where there is none."""
    for form in (None, "NFC", "NFD"):
        tried = path if form is None else Path(unicodedata.normalize(form, str(path)))
        try:
            if tried.exists():
                return tried
        except (OSError, ValueError):
            return path
    return path
