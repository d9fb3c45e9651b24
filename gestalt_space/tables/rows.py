"""Rows of CSV and TSV: the one writer and the one reader of the project.

A text that a spreadsheet would take for a formula is written with an apostrophe before it, which is
taken off again on reading.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    _Records: TypeAlias = csv.DictReader[str]
else:
    _Records = csv.DictReader

_FORMULA = re.compile(r"[' ]*[=+\-@\t\r]")
"""What a formula begins with. Apostrophes before it are part of the pattern, so that a text which
has one of its own gets a second, and survives."""


class _Text(Protocol):
    def write(self, text: str, /) -> object: ...


def safe_cell(value: object) -> object:
    """A value as a cell: a text that begins as a formula behind an apostrophe, an empty text for
    None, and anything else, numbers for one, as it is.
    """
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def plain_cell(text: str) -> str:
    """The text of a cell without the apostrophe that `safe_cell` put before it."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text, 1) else text


class RowWriter:
    """Writes rows to a stream of text, whose newlines must not be translated."""

    def __init__(self, stream: _Text, separator: str = ",") -> None:
        self._writer = csv.writer(_Lines(stream), delimiter=separator, lineterminator="\r\n")

    def write(self, cells: Iterable[object]) -> None:
        """Write one row."""
        self._writer.writerow(map(safe_cell, cells))

    def write_all(self, rows: Iterable[Iterable[object]]) -> None:
        """Write rows, each before the next one is asked for."""
        for row in rows:
            self.write(row)


class _Lines:
    """Ends lines as Unix does. Before Python 3.13, `csv` quotes a carriage return in a cell only
    where lines end in one.
    """

    def __init__(self, stream: _Text) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        self._stream.write(line.removesuffix("\r\n") + "\n")


class RowReader(Iterator[list[str]]):
    """The rows of lines of text; `line_num`: how many lines were read. Raises `csv.Error`."""

    def __init__(self, lines: Iterable[str], separator: str = ",", *, strict: bool = False) -> None:
        self._reader = csv.reader(lines, delimiter=separator, strict=strict)

    def __next__(self) -> list[str]:
        return list(map(plain_cell, next(self._reader)))

    @property
    def line_num(self) -> int:
        """How many lines were read."""
        return self._reader.line_num


class RecordReader(_Records):
    """The rows under the names in the first one, as `csv.DictReader` gives them."""

    def __init__(
        self,
        lines: Iterable[str],
        names: Sequence[str] | None = None,
        separator: str = ",",
        *,
        strict: bool = False,
    ) -> None:
        super().__init__((), fieldnames=names)
        self.reader = RowReader(lines, separator, strict=strict)  # type: ignore[assignment]
