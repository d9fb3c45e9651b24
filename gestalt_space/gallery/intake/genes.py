"""Gene symbols as HGNC writes them, and what spreadsheets make of them."""

from __future__ import annotations

import re
from datetime import date, timedelta

from gestalt_space.errors import UsageError
from gestalt_space.gallery.intake.values import (
    COMMAS,
    SEPARATORS,
    ReadValue,
    known_of,
    plain,
    split_list,
)
from gestalt_space.names import normal_name

_SYMBOL = re.compile(r"[A-Z][A-Z0-9]{0,14}(?:-[A-Z0-9]{1,12})*")
"""After HGNC's guidelines (Bruford 2020): capital letters and digits, a hyphen in a few."""
_OPEN_FRAME = re.compile(r"C([0-9]{1,2}|X|Y)ORF([0-9]+)", re.IGNORECASE)
"""Symbols such as C1orf112 are the only ones with small letters."""

_MONTHS = {
    **dict.fromkeys(("mar", "march", "mrz", "mär", "märz", "mars", "marzo"), 3),
    **dict.fromkeys(("sep", "sept", "september", "septembre", "septiembre", "set"), 9),
    **dict.fromkeys(("dec", "december", "dez", "dezember", "déc", "décembre", "dic"), 12),
    **{name: n for n, name in enumerate(("jan", "feb"), start=1)},
    **{name: n for n, name in enumerate(("apr", "may", "jun", "jul", "aug"), start=4)},
    **{name: n for n, name in enumerate(("oct", "nov"), start=10)},
}
_DAY_MONTH = re.compile(r"(?P<day>[0-9]{1,2})[\s.-]+(?P<month>[^\W\d_]+)\.?(?:[\s.-]+[0-9]{2,4})?")
_MONTH_DAY = re.compile(r"(?P<month>[^\W\d_]+)\.?[\s-]+(?P<day>[0-9]{1,2})")
_YEAR_FIRST = re.compile(r"[0-9]{4}[-/.](?P<month>[0-9]{1,2})[-/.](?P<day>[0-9]{1,2})(?:[ T].*)?")
_YEAR_LAST = re.compile(r"(?P<one>[0-9]{1,2})[-/.](?P<two>[0-9]{1,2})[-/.](?:[0-9]{4}|[0-9]{2})")
_NUMBER = re.compile(r"([0-9]+)(?:\.0)?")
_FIRST_SERIAL, _LAST_SERIAL = 36526, 73050
"""1 January 2000 and 31 December 2099 as spreadsheets count days."""
_DAY_ZERO = date(1899, 12, 30)

_FAMILIES = {3: ("MARCHF", "MTARC"), 9: ("SEPTIN",), 12: ("DELEC",)}
"""By month: the symbols since 2020 of genes whose earlier ones spreadsheets read as dates."""
_MEMBERS = {"MARCHF": range(1, 12), "MTARC": range(1, 3), "SEPTIN": range(1, 15), "DELEC": (1,)}


def split_genes(text: str | None) -> list[str]:
    """The known entries of a list of genes: at `;`, `|`, `,` and `/`, since no symbol holds one.

    A date with slashes is kept in one piece, to be refused as such.
    """
    entries = known_of(split_list(text, SEPARATORS + COMMAS))
    return [
        part
        for entry in entries
        for part in ([entry] if _day_of(plain(entry)) else known_of(split_list(entry, "/")))
    ]


def read_gene(text: str) -> ReadValue:
    """A gene symbol in HGNC's casing: `kmt2d` is `KMT2D`, `c1orf112` is `C1orf112`.

    What no symbol looks like is kept, with a note. Raises `UsageError` for a date or a number that
    a spreadsheet made of a symbol, and names the gene that may be meant.
    """
    name, simple = normal_name(" ".join(text.split())), plain(text)
    if day := _day_of(simple):
        raise _made_by_spreadsheet(name, "a date", *day)
    if found := _NUMBER.fullmatch(simple):
        number = int(found[1])
        if _FIRST_SERIAL <= number <= _LAST_SERIAL:
            day_meant = _DAY_ZERO + timedelta(days=number)
            if day_meant.month in _FAMILIES:
                raise _made_by_spreadsheet(name, "a number", day_meant.month, day_meant.day)
        raise UsageError(f"{name!r} is a number, not a gene symbol.", "Write the gene symbol.")
    if found := _OPEN_FRAME.fullmatch(simple):
        return ReadValue(f"C{found[1].upper()}orf{found[2]}")
    if _SYMBOL.fullmatch(simple.upper()):
        return ReadValue(simple.upper())
    return ReadValue(name, f"{name!r} does not look like a gene symbol. It is stored as written.")


def _day_of(text: str) -> tuple[int, int] | None:
    """Month and day of a date as spreadsheets write it; None for what is no date."""
    for pattern in (_DAY_MONTH, _MONTH_DAY):
        found = pattern.fullmatch(text)
        month = _MONTHS.get(found["month"].lower()) if found else None
        if found and month:
            return month, int(found["day"])
    if found := _YEAR_FIRST.fullmatch(text):
        return int(found["month"]), int(found["day"])
    if found := _YEAR_LAST.fullmatch(text):
        # The day stands first in Europe and second in America: the month is the one that has genes.
        one, two = int(found["one"]), int(found["two"])
        return (one, two) if one in _FAMILIES and two not in _FAMILIES else (two, one)
    return None


def _made_by_spreadsheet(text: str, what: str, month: int, day: int) -> UsageError:
    meant = [f"{family}{day}" for family in _FAMILIES.get(month, ()) if day in _MEMBERS[family]]
    hint = "Format the column as text, and write the gene symbol"
    if meant:
        hint += f", perhaps {' or '.join(meant)}"
    return UsageError(
        f"The gene {text!r} is {what}: a spreadsheet has changed the gene symbol.", f"{hint}."
    )
