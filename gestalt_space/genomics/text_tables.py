"""Tables of scores and genes as text: rows with the line on which each begins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gestalt_space.errors import UsageError
from gestalt_space.gallery.intake.dialect import read_lines
from gestalt_space.gallery.intake.values import is_unknown
from gestalt_space.paths import display_name


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table. `name`: of the file; `columns`: as the header has them, but for those that were
    asked for, which have the case of the question. `rows`: line and cells by column.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]


def read_bytes(path: Path) -> bytes:
    """The bytes of a file. Raises `UsageError`."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{display_name(path)} cannot be read: {error.strerror}.", "Check the path."
        ) from error


def read_table(path: Path, required: Sequence[str], known: Sequence[str] = ()) -> TextTable:
    """A table in CSV or TSV. `required`: columns that must be there; `known`: that may be. Case and
    a leading `#` of a column do not count; empty rows are passed over.

    Raises `UsageError` for a missing or doubled column, for a row that is longer than the header,
    and for a table without rows.
    """
    return table_of(read_bytes(path), path.name, required, known)


def table_of(
    data: bytes, name: str, required: Sequence[str], known: Sequence[str] = ()
) -> TextTable:
    """The table that the bytes of a file hold; see `read_table`."""
    spelled = {column.casefold(): column for column in (*required, *known)}
    lines = read_lines(data, name, [*spelled]).rows()
    _, header = next(lines, (0, []))
    columns = [cell.strip().lstrip("#") for cell in header]
    columns = [spelled.get(column.casefold(), column) for column in columns]
    expected = f"The columns must include {', '.join(required)}."
    for column in required:
        if column not in columns:
            raise UsageError(f"{name} has no column {column}.", expected)
    doubled = [column for column in columns if column and columns.count(column) > 1]
    if doubled:
        raise UsageError(f"{name} has the column {doubled[0]} twice.", "Rename or delete one.")
    rows = []
    for line, cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(columns):
            raise UsageError(
                f"{name}, line {line}: {len(cells)} cells under {len(columns)} columns.",
                "Put a cell that has a separator in it into quotation marks.",
            )
        cells = [*cells, *[""] * (len(columns) - len(cells))]
        rows.append((line, {c: cell.strip() for c, cell in zip(columns, cells, strict=True) if c}))
    if not rows:
        raise UsageError(f"{name} has no rows.", expected)
    return TextTable(name, tuple(column for column in columns if column), tuple(rows))


def read_number(text: str, where: str) -> float | None:
    """A finite number; None where the cell says that it is not known. `where`: for the message.

    Raises `UsageError`.
    """
    if text == "." or is_unknown(text):
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(
            f"{where}: {text[:40]!r} is not a number.",
            "Write a number with a decimal point, or leave the cell empty if it is missing.",
        )
    return value
