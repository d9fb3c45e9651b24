"""Columns of large text tables, read by pyarrow: numbers with decimal points or commas, and texts.

Millions of rows: only the columns that are asked for are parsed, and texts are kept as codes.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import TableDamaged
from gestalt_space.gaze.types import Floats
from gestalt_space.names import normal_name
from gestalt_space.paths import display_name
from gestalt_space.tables.rows import RowReader

SEPARATORS = "\t;,"
NULLS = ["", "NA", "n/a", "N/A", "nan", "NaN", "NULL", "null"]
"""What stands in the place of a number that there is not."""
_LINE_END = re.compile(rb"\r\n|\n|\r")
_ROW = re.compile(r"[Rr]ow #?(\d+)")
_VALUE = re.compile(r"invalid value '([^']*)'")


@dataclass(frozen=True, slots=True)
class Coded:
    """Texts `(n,)` as numbers of `names`, −1 where there is none."""

    codes: NDArray[np.int32]
    names: tuple[str, ...]


@dataclass(frozen=True)
class TextFile:
    """A text table in memory, as UTF-8. `header`: whether the first line has headings; `separator`:
    one character."""

    name: str
    data: bytes
    separator: str
    header: bool = True

    @cached_property
    def first_line(self) -> list[str]:
        """The cells of the first line."""
        line = _first_line(self.data)
        return next(RowReader([line], self.separator), [])

    def read(
        self, numbers: Iterable[int], texts: Iterable[int] = ()
    ) -> tuple[dict[int, Floats], dict[int, Coded]]:
        """Columns by their places, as numbers (NaN where there is none) and as texts. Raises
        `TableDamaged` for a row that is cut off and for a cell that is no number."""
        numbers, texts = [*dict.fromkeys(numbers)], [*dict.fromkeys(texts)]
        try:
            table = self._parsed(numbers, texts, ".")
        except TableDamaged as error:
            # With decimal commas, no cell that has a fraction is a number in the other way.
            if not _VALUE.search(error.message):
                raise
            try:
                table = self._parsed(numbers, texts, ",")
            except TableDamaged:
                raise error from None
        read = {place: _floats(table.column(str(place))) for place in numbers}
        return read, {place: _coded(table.column(str(place))) for place in texts}

    def _parsed(self, numbers: Sequence[int], texts: Sequence[int], decimal: str) -> Any:
        import pyarrow as pa
        import pyarrow.csv

        types: dict[str, Any] = {str(place): pa.float64() for place in numbers}
        types |= {str(place): pa.dictionary(pa.int32(), pa.string()) for place in texts}
        quoted = self.separator != "\t" or self.data[:200].lstrip().startswith(b'"')
        try:
            return pyarrow.csv.read_csv(
                io.BytesIO(self.data),
                read_options=pyarrow.csv.ReadOptions(
                    column_names=[str(place) for place in range(len(self.first_line))],
                    skip_rows=1 if self.header else 0,
                    block_size=1 << 23,
                ),
                parse_options=pyarrow.csv.ParseOptions(
                    delimiter=self.separator, quote_char='"' if quoted else False
                ),
                convert_options=pyarrow.csv.ConvertOptions(
                    include_columns=[*types],
                    column_types=types,
                    null_values=NULLS,
                    quoted_strings_can_be_null=True,
                    decimal_point=decimal,
                ),
            )
        except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, told: str) -> TableDamaged:
        row = _ROW.search(told)
        where = self.name if row is None else f"{self.name}, row {row[1]}"
        if value := _VALUE.search(told):
            return TableDamaged(
                f"{where}: invalid value '{display_name(value[1])[:40]}' in a column of numbers.",
                "Export the file again; numbers have a decimal point or a decimal comma.",
            )
        if "Empty CSV" in told:
            return TableDamaged(f"{self.name} has no rows.", "Export the file again.")
        return TableDamaged(
            f"{where}: the number of cells is not that of the first line.",
            "The file is cut off, or was changed. Export it again.",
        )


def read_text_file(path: Path, *, header: bool = True, separator: str | None = None) -> TextFile:
    """A text table, unzipped where it ends in .gz. Raises `TableDamaged`."""
    name = display_name(path.name)
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "the archive is damaged"
        raise TableDamaged(
            f"{display_name(path)} cannot be read: {reason}.", "Check the path."
        ) from error
    data = _as_utf_8(data, name)
    if not data.strip():
        raise TableDamaged(f"{name} is empty.", "Export the file again.")
    if separator is None:
        separator = max(SEPARATORS, key=_first_line(data).count)
    return TextFile(name, data, separator, header)


def _first_line(data: bytes) -> str:
    return _LINE_END.split(data, maxsplit=1)[0].decode("utf-8")


def _as_utf_8(data: bytes, name: str) -> bytes:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace").encode()
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in data[:1000]:
        raise TableDamaged(
            f"{name} is not a text table.", "Export the recording as TSV or CSV, not as a project."
        )
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace").encode()
    return data


def _floats(column: Any) -> Floats:
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)


def _coded(column: Any) -> Coded:
    import pyarrow as pa

    column = column.unify_dictionaries()
    if not column.num_chunks:
        return Coded(np.zeros(0, np.int32), ())
    names = column.chunk(0).dictionary.to_pylist()
    codes = pa.chunked_array([chunk.indices for chunk in column.chunks], pa.int32())
    filled = np.asarray(codes.fill_null(-1).to_numpy(), np.int32)
    spelled = list(map(normal_name, names))
    unique = tuple(dict.fromkeys(name for name in spelled if name))
    number = {name: code for code, name in enumerate(unique)} | {"": -1}
    # With one more at the end: the code −1 takes it.
    new = np.array([*(number[name] for name in spelled), -1], np.int32)
    return Coded(new[filled], unique)
