"""The database of a backup as Parquet, a file a table: for databases that are no file, and for
restoring into another engine than the one it was made with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.errors import ArchiveDamaged
from gestalt_space.gallery.archives.parquet import new_table, read_batches
from gestalt_space.store import dumps
from gestalt_space.store.columns import Moment

FOLDER = "tables"
_WIDE = {"descriptor": 16_384, "withheld": 16_384, "crop": 65_536}


def write_dump(session: Session, folder: Path) -> dict[str, int]:
    """Write all tables into a folder; how many rows each has. Raises `OSError`."""
    folder.mkdir(mode=0o700)
    counts = {}
    for table in dumps.dumped_tables():
        is_json = _json_places(table)
        schema, widest = _schema(table), _WIDE.get(table.name, 256)
        with new_table(folder / f"{table.name}.parquet", schema, widest=widest) as written:
            for rows in dumps.table_rows(session, table):
                for row in rows:
                    written.write(_as_text(row, is_json))
            counts[table.name] = written.count
    return counts


def read_dump(folder: Path, table: sa.Table, count: int) -> Iterator[Sequence[dumps.Row]]:
    """The rows of a table, some at a time. Raises `ArchiveDamaged`."""
    is_json = _json_places(table)
    path = folder / f"{table.name}.parquet"
    for batch in read_batches(path, _schema(table), count):
        try:
            columns = [column.to_pylist() for column in batch.columns]
            for place in is_json:
                columns[place] = [
                    None if text is None else json.loads(text) for text in columns[place]
                ]
        except (OverflowError, ValueError) as error:
            raise ArchiveDamaged(f"{path.name} has an impossible value: {error}.") from error
        yield list(zip(*columns, strict=True))


def _schema(table: sa.Table) -> pa.Schema:
    return pa.schema(
        [pa.field(one.name, _type(one.type), nullable=bool(one.nullable)) for one in table.columns]
    )


def _type(column: sa.types.TypeEngine[Any]) -> pa.DataType:
    if isinstance(column, sa.Boolean):
        return pa.bool_()
    if isinstance(column, sa.Integer):
        return pa.int64()
    if isinstance(column, sa.Float):
        return pa.float64()
    if isinstance(column, Moment):
        return pa.timestamp("us", tz=str(UTC))
    return pa.binary() if isinstance(column, sa.LargeBinary) else pa.string()


def _json_places(table: sa.Table) -> list[int]:
    return [place for place, one in enumerate(table.columns) if isinstance(one.type, sa.JSON)]


def _as_text(row: dumps.Row, is_json: Sequence[int]) -> Sequence[Any]:
    if not is_json:
        return row
    values = list(row)
    for place in is_json:
        if values[place] is not None:
            values[place] = json.dumps(values[place], ensure_ascii=True, separators=(",", ":"))
    return values
