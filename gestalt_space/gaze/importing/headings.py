"""Headings of columns, whatever the version: `Gaze point X (DACSpx)`, `Gaze point X [DACS px]` and
`GazePointX (ADCSpx)` are one quantity in one unit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gestalt_space.errors import TableDamaged

_UNIT = re.compile(r"\s*[\[(]([^\[\]()]*)[\])]\s*$")
_SHOWN = 40
"""Headings that a message lists."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's heading. `place`: its number from 0; `name`: its letters and digits in lower case,
    without the unit; `unit`: in lower case without blanks, empty where there is none."""

    place: int
    text: str
    name: str
    unit: str


def parse_headings(texts: Sequence[str]) -> tuple[Heading, ...]:
    """The headings of a table."""
    return tuple(_heading(place, text) for place, text in enumerate(texts))


def find_heading(
    headings: Sequence[Heading], names: Sequence[str], units: Sequence[str] | None = None
) -> Heading | None:
    """The first heading with one of these names, the first name first, and one of these units; None
    where there is none. Of several units, the first one is taken. None allows any unit."""
    for name in names:
        named = [one for one in headings if one.name == name]
        if units is None and named:
            return named[0]
        for unit in units or ():
            for one in named:
                if one.unit == unit:
                    return one
    return None


def missing_column(
    file: str, what: str, expected: str, headings: Sequence[Heading]
) -> TableDamaged:
    """That a table lacks a column, with what it has in its place."""
    texts = [one.text.strip() for one in headings if one.text.strip()]
    listed = ", ".join(texts[:_SHOWN])
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return TableDamaged(
        f"{file} has no column for {what} ({expected}).", f"It has these columns: {listed}{more}."
    )


def _heading(place: int, text: str) -> Heading:
    found = _UNIT.search(text)
    unit = "" if found is None else found[1]
    name = text if found is None else text[: found.start()]
    unit = unit.replace("µ", "u").replace("μ", "u").lower()
    unit = {"microseconds": "us", "milliseconds": "ms", "seconds": "s"}.get(unit, unit)
    return Heading(
        place,
        text,
        re.sub(r"[^0-9a-z]", "", name.lower()),
        re.sub(r"[\s_]", "", unit),
    )
