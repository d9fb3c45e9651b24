"""Tables of photos, one row a photo, as spreadsheets write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gestalt_space.errors import UsageError
from gestalt_space.gallery.intake.dialect import SAVE_AS, SEPARATOR_NAMES, TableLines, read_lines
from gestalt_space.gallery.intake.emptied import mark_emptied
from gestalt_space.gallery.intake.records import COLUMNS, Intake, check_record, make_record
from gestalt_space.names import normal_name
from gestalt_space.paths import display_name, find_file

TEXT_SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".tab"})
SPREADSHEET_SUFFIXES = frozenset({".xlsx", ".xlsm", ".xls", ".ods", ".numbers"})
"""They are refused, with the way out."""
TABLE_SUFFIXES = TEXT_SUFFIXES | SPREADSHEET_SUFFIXES


@dataclass(frozen=True, slots=True)
class IntakeTable:
    """The rows of a table, and its columns that nothing here reads.

    `written`: its separator and its encoding where they are not the usual ones, in words.
    """

    rows: tuple[Intake, ...]
    unread: tuple[str, ...]
    written: str = ""


def read_table(path: Path) -> IntakeTable:
    """Read a table from a file; paths in it are relative to it. See `read_table_bytes`."""
    if path.suffix.lower() in SPREADSHEET_SUFFIXES:
        raise UsageError(f"{path.name} is a spreadsheet file, not a text table.", SAVE_AS)
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"{path} cannot be read: {reason}.", "Check the path.") from error
    return read_table_bytes(data, path.name, path.parent)


def read_table_bytes(data: bytes, name: str, folder: Path) -> IntakeTable:
    """Read a table of photos, one row a photo: separated by `,`, `;`, tabs or `|`, in UTF-8, UTF-16
    or Windows-1252, which are found out.

    `name` stands in messages; paths are relative to `folder`. Lists are separated by `;` or `|`. A
    row that does not fit is kept with its error. Raises `UsageError` for a table that has no rows
    or lacks a column.
    """
    table = read_lines(data, name, COLUMNS)
    rows = table.rows()
    header = [normal_name(cell).lower() for cell in next(rows, (0, []))[1]]
    _check_header(table, header)
    kept = [(line, row) for line, row in rows if any(cell.strip() for cell in row)]
    if not kept:
        raise UsageError(f"{name} has no rows.", "The table must have one row per photo.")
    read = [_row(table, line, header, row, folder) for line, row in kept]
    return IntakeTable(
        _with_emptied(read, header), _unread(header, [row for _, row in kept]), _written(table)
    )


def _with_emptied(rows: Sequence[Intake], header: Sequence[str]) -> tuple[Intake, ...]:
    """The rows with the facts whose cells were emptied. None, where a row cannot be used: that row
    may be the one that has the value."""
    records = [row.record for row in rows if row.record is not None]
    if len(records) < len(rows):
        return tuple(rows)
    marked = zip(rows, mark_emptied(records, header), strict=True)
    return tuple(replace(row, record=record) for row, record in marked)


def _check_header(table: TableLines, header: Sequence[str]) -> None:
    missing = [name for name in ("photo", "patient") if name not in header]
    if missing:
        found = ", ".join(display_name(name[:40]) for name in header[:15] if name) or "nothing"
        separator = SEPARATOR_NAMES.get(table.separator, table.separator)
        raise UsageError(
            f"{table.name} has no column {' and no column '.join(missing)}. Its header in line "
            f"{table.before + 1}, with the separator {separator}, is: {found}.",
            f"The columns can be {', '.join(COLUMNS)}; the first two are required.",
        )
    twice = sorted({name for name in header if header.count(name) > 1 and name in COLUMNS})
    if twice:
        raise UsageError(f"{table.name} has the column {twice[0]} twice.", "Keep only one of them.")


def _row(
    table: TableLines, line: int, header: Sequence[str], row: list[str], folder: Path
) -> Intake:
    cells = {name: cell for name, cell in zip(header, row, strict=False) if name in COLUMNS}
    photo = cells.get("photo", "").strip()
    name = normal_name(photo)
    where = find_file(folder / photo)
    try:
        if any(cell.strip() for cell in row[len(header) :]):
            separator = SEPARATOR_NAMES.get(table.separator, table.separator)
            raise UsageError(
                "The row has more cells than the header.",
                f"Put quotation marks around cells that contain the separator {separator}, or "
                "separate lists by |.",
            )
        told = make_record(cells)
        check_record(told.record)
    except UsageError as error:
        placed = UsageError(f"{table.name}, line {line}: {error.message}", error.hint)
        return Intake(name or f"line {line}", where, None, placed)
    return Intake(name, where, told.record, notes=told.notes)


def _unread(header: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The columns that nothing reads; those without a name only where they hold something."""
    return tuple(
        name or f"number {place}, which has no name"
        for place, name in enumerate(header, start=1)
        if name not in COLUMNS
        and (name or any(cell.strip() for row in rows for cell in row[place - 1 : place]))
    )


def _written(table: TableLines) -> str:
    usual = "\t" if table.name.lower().endswith((".tsv", ".tab")) else ","
    parts = []
    if table.separator != usual:
        parts.append(f"separator {SEPARATOR_NAMES.get(table.separator, table.separator)}")
    if table.encoding != "UTF-8":
        parts.append(table.encoding)
    return ", ".join(parts)
