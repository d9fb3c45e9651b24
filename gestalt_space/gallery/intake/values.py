"""What a single cell or option says: the one rule of "not known", lists, ages, sex, faces."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from gestalt_space.ages import DAYS_PER_YEAR
from gestalt_space.errors import UsageError
from gestalt_space.names import normal_name
from gestalt_space.types import WITHDRAWN

SEXES = {"female": "female", "f": "female", "male": "male", "m": "male", "other": "other"}
OLDEST = 130.0
SEPARATORS = ";|\N{FULLWIDTH SEMICOLON}\N{FULLWIDTH VERTICAL LINE}"
"""Between the entries of a list."""
COMMAS = ",\N{FULLWIDTH COMMA}\N{IDEOGRAPHIC COMMA}"
"""Between entries as well, where no entry can hold one."""

_UNKNOWN = frozenset(
    {"", "unknown", "not known", "undiagnosed", "na", "n/a", "#na", "#n/a", "nan", "none", "null"}
    | {"missing", "not available", "?", "-", "\N{EN DASH}", "\N{EM DASH}"}
)
_WITHDRAWN = frozenset(
    f"{before}{word}"
    for before in ("", "consent ", "consent was ", "consent: ")
    for word in ("withdrawn", "withdrew", "revoked")
)
_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: " "}
_AGE_UNITS = {"y": 1.0, "m": 1 / 12, "w": 7 / DAYS_PER_YEAR, "d": 1 / DAYS_PER_YEAR}
_AGE_PART = re.compile(
    r"(\d+(?:[.,]\d+)?)\s*"
    r"(?:(y)(?:rs?|ears?)?|(m)(?:os?|onths?)?|(w)(?:ks?|eeks?)?|(d)(?:ays?)?)\s*"
)
_AGE = re.compile(f"(?:{_AGE_PART.pattern})+")
_FACE = re.compile(r"0*[1-9][0-9]{0,3}")


@dataclass(frozen=True, slots=True)
class ReadValue:
    """What a cell was read as, in its one spelling, and what a person should know of it.

    `note` is empty where nothing is worth a remark.
    """

    value: str
    note: str = ""


def is_unknown(text: str | None) -> bool:
    """Whether a text is one of the ways to say that something is not known.

    The one rule for every column, option, import and filter; case and blanks do not count.
    """
    return text is None or " ".join(text.casefold().split()) in _UNKNOWN


def plain(text: str) -> str:
    """A text with full-width letters, digits and signs brought to the usual ones, to be parsed."""
    return normal_name(text.translate(_HALF_WIDTH))


def parse_text(text: str | None) -> str | None:
    """Words of the user's own in their one spelling; None where they say "not known"."""
    return None if text is None or is_unknown(text) else normal_name(text)


def parse_consent(text: str | None) -> str | None:
    """What was consented to, in the user's words; each way to say that the consent was taken back
    is `withdrawn`."""
    told = parse_text(text)
    is_withdrawn = told is not None and plain(told).casefold().strip(".! ") in _WITHDRAWN
    return WITHDRAWN if is_withdrawn else told


def note_on_consent(consent: str | None) -> str:
    """What to say of words that seem to take consent back and are not read so; empty for others."""
    if consent in (None, WITHDRAWN) or not re.search("withdr|revok", consent.casefold()):
        return ""
    told = f"The consent {consent!r} is stored as written."
    return f"{told} Only `withdrawn` takes a patient out of matching."


def split_list(text: str | None, separators: str = SEPARATORS) -> list[str]:
    """The entries of a list in their one spelling, without empty ones."""
    entries = map(normal_name, re.split(f"[{re.escape(separators)}]", text or ""))
    return [entry for entry in entries if entry]


def known_of(entries: Iterable[str]) -> list[str]:
    """The entries that do not say "not known"."""
    return [entry for entry in entries if not is_unknown(entry)]


def parse_age(text: str | None) -> float | None:
    """An age in years: `4`, `4.5`, `4,5`, `4y`, `18m`, `4y6m`, `3 weeks`, `10d`.

    Raises `UsageError`.
    """
    if text is None or is_unknown(text):
        return None
    text = plain(text).lower()
    if _AGE.fullmatch(text):
        years = sum(
            float(number.replace(",", ".")) * _AGE_UNITS["".join(unit)]
            for number, *unit in _AGE_PART.findall(text)
        )
    else:
        try:
            years = float(text.replace(",", "."))
        except ValueError:
            years = math.nan
    return check_age(years, text[:20])


def check_age(years: float, text: str) -> float:
    """The age, if a person can have it. Raises `UsageError`, which quotes the text."""
    if not 0 <= years <= OLDEST:
        raise UsageError(
            f"{text!r} is not an age.",
            "Write years (4 or 4.5), or for example 4y, 18m, 4y6m, 3w, 10d.",
        )
    return years


def parse_sex(text: str | None) -> str | None:
    """`female`, `male`, `other` or None. Raises `UsageError`."""
    if text is None or is_unknown(text):
        return None
    text = plain(text).lower()
    if text not in SEXES:
        raise UsageError(
            f"Unknown sex {text!r}.",
            "Write female, male or other, or leave the value empty.",
        )
    return SEXES[text]


def parse_face(text: str | None) -> int | None:
    """A face's number, from 1. Raises `UsageError`."""
    if text is None or is_unknown(text):
        return None
    text = plain(text)
    if not _FACE.fullmatch(text):
        raise UsageError(
            f"{text[:20]!r} is not the number of a face.", "Give 1 or more; 1 is the largest face."
        )
    return int(text)
