"""A table: its columns with their names, kinds and alignment, and its rows."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any, Literal, TypeAlias

from gestalt_space.tables.rows import RowWriter

if TYPE_CHECKING:
    import pandas

Kind: TypeAlias = Literal["text", "integer", "number", "truth", "time"]
Value: TypeAlias = "str | int | float | bool | datetime | Sequence[str] | None"
LIST = "; "
"""Between the entries of a list in one cell."""
_DTYPES: dict[Kind, str] = {"integer": "Int64", "number": "float64", "truth": "boolean"}


@dataclass(frozen=True)
class Column:
    """A column. `name`: for programs; `title`: for people, the name where it is empty.

    `shown`: how a value is printed, as a format or a function. `aligned`: by its kind where None;
    numbers stand at the right. `whole`: of identifiers, which are never broken. `least`: the lower,
    the sooner the column is left out where a terminal is narrow; never for None. `readers`: people,
    who see it printed, programs, which have it in CSV, records and data frames, or both.
    """

    name: str
    kind: Kind = "text"
    title: str = ""
    shown: str | Callable[[Any], str] = ""
    aligned: Literal["left", "right"] | None = None
    whole: bool = False
    least: int | None = None
    readers: Literal["both", "people", "programs"] = "both"

    @property
    def heading(self) -> str:
        """The title, else the name."""
        return self.title or self.name

    @property
    def is_right(self) -> bool:
        """Whether cells end at one line."""
        if self.aligned is None:
            return self.kind in ("integer", "number")
        return self.aligned == "right"

    def text(self, value: Value) -> str:
        """A value as people read it."""
        if is_missing(value):
            return ""
        if callable(self.shown):
            return self.shown(value)
        if self.shown:
            return format(value, self.shown)
        if self.kind == "integer":
            return f"{value:,}"
        return str(_cell(value))


class Table:
    """Rows under columns; a value that does not exist is None or NaN.

    A column may be given by its name: then its kind is that of its values. A list in one cell is a
    sequence of texts.
    """

    def __init__(self, columns: Iterable[Column | str], rows: Iterable[Iterable[Value]] = ()):
        self.rows: list[tuple[Value, ...]] = [tuple(row) for row in rows]
        self.styles: dict[int, str] = {}
        self.columns: tuple[Column, ...] = tuple(
            column
            if isinstance(column, Column)
            else Column(column, _kind_of([row[place] for row in self.rows]))
            for place, column in enumerate(columns)
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns for programs."""
        return tuple(self.columns[place].name for place in self._places("programs"))

    def texts(self) -> tuple[tuple[Column, ...], list[list[str]]]:
        """The columns for people, and the rows as people read them."""
        places = self._places("people")
        columns = tuple(self.columns[place] for place in places)
        rows = [[self.columns[place].text(row[place]) for place in places] for row in self.rows]
        return columns, rows

    def add_row(self, *values: Value, style: str | None = None) -> None:
        """Add a row with a value for each column; `style`: of Rich, on a terminal."""
        if len(values) != len(self.columns):
            raise ValueError(f"{len(values)} values for {len(self.columns)} columns")
        if style is not None:
            self.styles[len(self.rows)] = style
        self.rows.append(values)

    def write_csv(self, stream: IO[str], separator: str = ",", *, header: bool = True) -> None:
        """Write names, unless without `header`, and rows as CSV: figures with six digits, times in
        UTC, lists with semicolons, nothing where there is no value.
        """
        writer = RowWriter(stream, separator)
        if header:
            writer.write(self.names)
        places = self._places("programs")
        writer.write_all([_cell(row[place]) for place in places] for row in self.rows)

    def csv(self, separator: str = ",") -> bytes:
        """The table as CSV in UTF-8."""
        text = io.StringIO()
        self.write_csv(text, separator)
        return text.getvalue().encode("utf-8", "replace")

    def records(self) -> list[dict[str, Any]]:
        """The rows as plain records, fit for JSON: None where there is no value."""
        places = self._places("programs")
        return [
            {self.columns[place].name: _plain(row[place]) for place in places} for row in self.rows
        ]

    def frame(self) -> pandas.DataFrame:
        """The table as a data frame, whose columns have the types of the kinds."""
        import pandas

        columns: dict[str, pandas.Series[Any]] = {}
        for place in self._places("programs"):
            column = self.columns[place]
            values = [None if is_missing(row[place]) else row[place] for row in self.rows]
            if column.kind == "time":
                columns[column.name] = pandas.Series(values, dtype="datetime64[us, UTC]")
            else:
                dtype = _DTYPES.get(column.kind, "object")
                columns[column.name] = pandas.Series(values, dtype=dtype)
        return pandas.DataFrame(columns)

    def _places(self, reader: Literal["people", "programs"]) -> list[int]:
        return [
            place for place, column in enumerate(self.columns) if column.readers in ("both", reader)
        ]


def is_missing(value: object) -> bool:
    """Whether a value is None or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def _plain(value: Value) -> Any:
    if is_missing(value):
        return None
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, str | int | float):
        return value
    return list(value or ())


def _cell(value: Value) -> str | int | Decimal:
    plain = _plain(value)
    if isinstance(plain, list):
        return LIST.join(plain)
    if isinstance(plain, float):
        return Decimal(f"{plain:.6g}")  # a number, which no writer takes for a text
    return int(plain) if isinstance(plain, bool) else "" if plain is None else plain


def _kind_of(values: Iterable[Value]) -> Kind:
    kinds = {type(value) for value in values if not is_missing(value)}
    if not kinds or kinds - {bool, int, float}:
        return "text"
    if kinds == {bool}:
        return "truth"
    return "integer" if kinds == {int} else "number"
