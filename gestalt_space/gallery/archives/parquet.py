"""Parquet files of an archive: written row group by row group, and read without trust."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gestalt_space.atomic_files import open_private
from gestalt_space.errors import ArchiveDamaged

GROUP = 4096
"""Rows of a row group, at the most."""
GROUP_BYTES = 8 * 2**20
"""Of the largest column of a row group, about."""
READ = 1024
"""Rows that are read at once."""


class TableWriter:
    """Writes rows of one schema; whoever made it closes it. `count`: of the rows until now."""

    def __init__(self, stream: Any, schema: pa.Schema, widest: int) -> None:
        self.count = 0
        texts = [field.name for field in schema if pa.types.is_string(field.type)]
        self._writer = pq.ParquetWriter(
            stream, schema, compression="zstd", compression_level=1, use_dictionary=texts
        )
        self._schema = schema
        self._rows: list[Sequence[Any]] = []
        self._most = max(1, min(GROUP, GROUP_BYTES // max(widest, 1)))

    def write(self, row: Sequence[Any]) -> None:
        """Write a row, its values in the order of the schema."""
        self._rows.append(row)
        self.count += 1
        if len(self._rows) >= self._most:
            self._flush()

    def close(self) -> None:
        """Write what is left, and the end of the file."""
        self._flush()
        self._writer.close()

    def abandon(self) -> None:
        """Leave the file as it is: it is thrown away."""
        # Else pyarrow would go on writing to it, whenever Python lets go of the writer.
        self._writer.is_open = False

    def _flush(self) -> None:
        if not self._rows:
            return
        columns = zip(*self._rows, strict=True)
        arrays = [
            _array(values, field.type) for values, field in zip(columns, self._schema, strict=True)
        ]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._rows = []


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Values of a column; vectors of float32 are given as their bytes."""
    if pa.types.is_fixed_size_list(kind) and pa.types.is_float32(kind.value_type):
        numbers = np.frombuffer(b"".join(values), dtype="<f4")
        return pa.FixedSizeListArray.from_arrays(pa.array(numbers), kind.list_size)
    return pa.array(values, type=kind)


@contextmanager
def new_table(path: Path, schema: pa.Schema, *, widest: int = 64) -> Iterator[TableWriter]:
    """A table that is written to a new file, its owner's alone. `widest`: bytes of the
    largest value of a row, about. Raises `OSError`."""
    with open_private(path, "wb") as stream:
        writer = TableWriter(stream, schema, widest)
        try:
            yield writer
            writer.close()
        except BaseException:
            writer.abandon()
            raise


def read_batches(path: Path, schema: pa.Schema, count: int) -> Iterator[pa.RecordBatch]:
    """The rows of a table, some at a time. `count`: how many it is to have.

    Raises `ArchiveDamaged` for a file that is no Parquet, has other columns or another number of
    rows, or lacks a value that must be there.
    """
    name = path.name
    try:
        with pq.ParquetFile(path) as file:
            if not file.schema_arrow.equals(schema):
                raise _damaged(name, "its columns are not those of this version")
            if file.metadata.num_rows != count:
                raise _damaged(name, f"{file.metadata.num_rows:,} rows instead of {count:,}")
            for group in range(file.num_row_groups):
                # One after the other: what was read of a selection is kept until its end.
                for batch in file.iter_batches(batch_size=READ, row_groups=[group]):
                    for field, column in zip(schema, batch.columns, strict=True):
                        if not field.nullable and column.null_count:
                            raise _damaged(name, f"{field.name} is empty in a row")
                    yield batch
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise _damaged(name, str(error).splitlines()[0] if str(error) else "") from error


def _damaged(name: str, reason: str) -> ArchiveDamaged:
    return ArchiveDamaged(
        f"{name} does not follow the format: {reason}.",
        "Check the gallery with `gestalt index verify`, then make the export or backup again.",
    )
