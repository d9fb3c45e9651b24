"""The tables of an export side by side: patients in blocks, each with its rows of all tables, in
memory that does not grow with the export."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gestalt_space.errors import ArchiveDamaged
from gestalt_space.gallery.archives.layout import KEY_LENGTH, SCHEMAS, TABLES
from gestalt_space.gallery.archives.manifest import Archive
from gestalt_space.gallery.archives.parquet import read_batches
from gestalt_space.store.chunks import AT_ONCE

Row = tuple[Any, ...]
ABOUT_PATIENTS = ("diagnoses", "patient_genes", "terms")


class ExportTables:
    """The tables of an export whose files were checked. A context: it closes what it opens."""

    def __init__(self, archive: Archive, vectors: Mapping[str, pa.Schema]) -> None:
        """`vectors`: the schemas of the tables of descriptors, by their names."""
        self._folder = archive.folder / TABLES
        self._rows: Mapping[str, int] = archive.about["rows"]
        self._vectors = vectors
        self._files = ExitStack()
        self._cursors: dict[str, _Cursor] = {}

    def __enter__(self) -> ExportTables:
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def has(self, name: str) -> bool:
        """Whether the export has a table of that name."""
        return name in self._rows

    def count(self, name: str) -> int:
        """How many rows a table has."""
        return int(self._rows.get(name, 0))

    def all_rows(self, name: str) -> list[Row]:
        """All rows of a small table."""
        return list(self._cursor(name).rest())

    def patients(self) -> Iterator[tuple[list[Row], dict[str, list[Row]]]]:
        """Blocks of patients, and their rows in the tables about them.

        Of each block the photos are read (`photos`) before the next one comes. Raises
        `ArchiveDamaged` for rows of nobody, twice the same, or out of their order.
        """
        cursor = self._cursor("patients")
        while some := cursor.next_rows(AT_ONCE):
            names = {row[0] for row in some}
            about = {name: self._rows_until(name, some[-1][:1], names) for name in ABOUT_PATIENTS}
            yield some, about
        for name in ("photos", "faces", *ABOUT_PATIENTS, *self._beside_photos):
            if next(self._cursor(name).rest(), None) is not None:
                raise _damaged(name, "it has rows of missing patients or photos")

    def photos(self, patients: Sequence[Row]) -> Iterator[list[tuple[Row, Row, dict[str, Row]]]]:
        """The photos of a block, some at a time: rows of `photos` and `faces`, and those of crops
        and descriptors by table."""
        names = {row[0] for row in patients}
        cursor = self._cursor("photos")
        while some := cursor.take(patients[-1][:1], most=AT_ONCE):
            _check_named("photos", some, names)
            keys = [row[:2] for row in some]
            faces = self._cursor("faces").take(keys[-1])
            if [row[:2] for row in faces] != keys:
                raise _damaged("faces", "its rows do not match the photos")
            beside: dict[Row, dict[str, Row]] = {key: {} for key in keys}
            for name in self._beside_photos:
                for row in self._cursor(name).take(keys[-1]):
                    if row[:2] not in beside:
                        raise _damaged(name, "it has rows of missing photos")
                    beside[row[:2]][name] = row
            yield [
                (photo, face, beside[key])
                for photo, face, key in zip(some, faces, keys, strict=True)
            ]

    @property
    def _beside_photos(self) -> tuple[str, ...]:
        return (*(("crops",) if self.has("crops") else ()), *self._vectors)

    def _rows_until(self, name: str, last: Row, names: Collection[str]) -> list[Row]:
        rows = self._cursor(name).take(last)
        _check_named(name, rows, names)
        return rows

    def _cursor(self, name: str) -> _Cursor:
        if name not in self._cursors:
            schema = self._vectors[name] if name in self._vectors else SCHEMAS[name]
            rows = _rows(self._folder / f"{name}.parquet", schema, self.count(name))
            self._files.enter_context(closing(rows))
            self._cursors[name] = _Cursor(name, rows, KEY_LENGTH.get(name, 2))
        return self._cursors[name]


class _Cursor:
    """The rows of a table in the order of their keys, which are each another."""

    def __init__(self, name: str, rows: Iterator[Row], key: int) -> None:
        self._name = name
        self._rows = rows
        self._key = key
        self._last: Row | None = None
        self._waiting: Row | None = None

    def take(self, until: Row, most: int | None = None) -> list[Row]:
        """The next rows whose keys begin with no more than `until`."""
        found: list[Row] = []
        while (most is None or len(found) < most) and (row := self._peek()) is not None:
            if row[: len(until)] > until:
                break
            found.append(row)
            self._waiting = None
        return found

    def next_rows(self, most: int) -> list[Row]:
        """So many rows, or those that are left."""
        found: list[Row] = []
        while len(found) < most and (row := self._peek()) is not None:
            found.append(row)
            self._waiting = None
        return found

    def rest(self) -> Iterator[Row]:
        """All that are left."""
        while (row := self._peek()) is not None:
            self._waiting = None
            yield row

    def _peek(self) -> Row | None:
        if self._waiting is None:
            self._waiting = next(self._rows, None)
            if self._waiting is not None:
                key = self._waiting[: self._key]
                if self._last is not None and key <= self._last:
                    raise _damaged(self._name, "a row appears twice or is out of order")
                self._last = key
        return self._waiting


def _rows(path: Path, schema: pa.Schema, count: int) -> Generator[Row, None, None]:
    for batch in read_batches(path, schema, count):
        try:
            columns = list(map(_values, batch.columns))
        except (OverflowError, ValueError) as error:  # a time of no calendar, text that is none
            raise _damaged(path.stem, f"a value is out of its range ({error})") from error
        yield from zip(*columns, strict=True)


def _values(column: pa.Array) -> Sequence[Any]:
    kind = column.type
    if pa.types.is_fixed_size_list(kind) and pa.types.is_float32(kind.value_type):
        numbers = column.flatten().to_numpy(zero_copy_only=False)
        return list(np.ascontiguousarray(numbers, dtype=np.float32).reshape(len(column), -1))
    values: list[Any] = column.to_pylist()
    return values


def _check_named(name: str, rows: Sequence[Row], names: Collection[str]) -> None:
    if any(row[0] not in names for row in rows):
        raise _damaged(name, "it has rows of missing patients")


def _damaged(name: str, reason: str) -> ArchiveDamaged:
    return ArchiveDamaged(
        f"{name}.parquet does not follow the format: {reason}.",
        "Make the export again with `gestalt index export`.",
    )
