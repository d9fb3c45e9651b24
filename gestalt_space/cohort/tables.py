"""Files of cohort matrices: CSV, TSV, NPZ, Parquet and AnnData.

A file appears when it is complete. What a matrix was computed from is in the file if its format has
room for it; for CSV and TSV, which are plain square tables, it is in `FILE.json`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from gestalt_space.atomic_files import appearing, check_new_file, write_atomically
from gestalt_space.cohort.cohort_matrix import CohortMatrix
from gestalt_space.documents.cohorts import MatrixDocument, RowForm, ShownMatrixDocument
from gestalt_space.errors import UsageError
from gestalt_space.tables.rows import RowWriter
from gestalt_space.tables.table import Table

TEXTS = (".csv", ".tsv")
ENDINGS = (*TEXTS, ".npz", ".parquet", ".h5ad")
INDEX_COLUMN = "__index_level_0__"
"""The column of names in Parquet, as pandas calls an index without a name."""
INSTALL_HINT = "pip install 'gestalt-space[cohorts]'"


def check_matrix_path(path: Path, *, overwrite: bool = False) -> None:
    """Raise if no matrix can be written to `path`, before any work is done for it.

    `UsageError` for an ending that is not in `ENDINGS`, or for `.h5ad` without h5py; `OutputError`
    for a file that exists, or a folder that does not.
    """
    check_new_file(path, ENDINGS, overwrite=overwrite)
    if path.suffix.lower() in TEXTS:
        check_new_file(sidecar(path), overwrite=overwrite)
    if path.suffix.lower() == ".h5ad":
        _h5py()


def write_matrix(matrix: CohortMatrix, path: Path | str, *, overwrite: bool = False) -> None:
    """Write a matrix in the format of the ending of `path`. Raises as `check_matrix_path` does.

    CSV, TSV: names as header and first column. NPZ: arrays `values`, `rows`, `columns`, `row_FACT`
    and `column_FACT`, and `about` as JSON. Parquet: a column of names, one for each column, and
    `gestalt` as JSON in the metadata. AnnData: `X`, with the facts in `obs` and `var`, and `about`
    in `uns`. What is not known is missing in AnnData and null in JSON; NPZ has no missing text, and
    holds an empty one.
    """
    path = Path(path)
    check_matrix_path(path, overwrite=overwrite)
    ending = path.suffix.lower()
    with appearing(path) as aside:
        if ending == ".npz":
            _write_npz(matrix, aside)
        elif ending == ".parquet":
            _write_parquet(matrix, aside)
        elif ending == ".h5ad":
            _write_h5ad(matrix, aside)
        else:
            _write_text(matrix, aside, "\t" if ending == ".tsv" else ",")
    if ending in TEXTS:
        write_atomically(sidecar(path), json_of(matrix_document(matrix)).encode())


def matrix_table(matrix: CohortMatrix) -> Table:
    """A square table: names as the first column and as those of the others."""
    rows = zip(matrix.rows, matrix.values.tolist(), strict=True)
    return Table(("", *matrix.columns), ((name, *values) for name, values in rows))


def sidecar(path: Path) -> Path:
    """The file beside a table that describes what it was computed from."""
    return path.with_name(f"{path.name}.json")


def json_of(document: Mapping[str, object]) -> str:
    """A document as JSON text."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def records(names: tuple[str, ...], facts: Mapping[str, NDArray[Any]]) -> list[RowForm]:
    """Names with their facts; unknown facts, NaN or an empty text, are None."""
    told = {
        fact: [None if value != value or value == "" else value for value in values.tolist()]
        for fact, values in facts.items()
    }
    rows = [
        {"name": name, **{fact: values[row] for fact, values in told.items()}}
        for row, name in enumerate(names)
    ]
    return cast("list[RowForm]", rows)


def matrix_document(matrix: CohortMatrix) -> MatrixDocument:
    """What a matrix was computed from, and its rows and columns."""
    columns = None if matrix.is_within else records(matrix.columns, matrix.column_facts)
    return about_document(matrix.about, records(matrix.rows, matrix.row_facts), columns)


def about_document(
    about: Mapping[str, Any], rows: Sequence[RowForm], columns: Sequence[RowForm] | None
) -> MatrixDocument:
    """What a matrix was computed from, with its rows and columns; without columns if they are the
    rows."""
    document: dict[str, Any] = {"document": "matrix", **about, "rows": rows, "columns": columns}
    return cast("MatrixDocument", document)


def shown_matrix_document(matrix: CohortMatrix, *, with_values: bool) -> ShownMatrixDocument:
    """What a matrix was computed from, the names of its rows and columns, and its values."""
    document: dict[str, Any] = {
        "document": "matrix-shown",
        **matrix.about,
        "rows": list(matrix.rows),
        "columns": list(matrix.columns),
    }
    if with_values:
        document["values"] = matrix.values.tolist()
    return cast("ShownMatrixDocument", document)


def _write_text(matrix: CohortMatrix, aside: Path, separator: str) -> None:
    with aside.open("w", encoding="utf-8", newline="") as stream:
        writer = RowWriter(stream, separator)
        writer.write(["", *matrix.columns])
        for name, row in zip(matrix.rows, matrix.values, strict=True):
            # A float32 is written with the fewest digits that give it back.
            writer.write([name, *row])


def _write_npz(matrix: CohortMatrix, aside: Path) -> None:
    facts = {
        f"{side}_{name}": values
        for side, told in (("row", matrix.row_facts), ("column", matrix.column_facts))
        for name, values in told.items()
    }
    with aside.open("wb") as stream:
        arrays: dict[str, Any] = {**facts}
        np.savez(
            stream,
            values=matrix.values,
            rows=np.array(matrix.rows, np.str_),
            columns=np.array(matrix.columns, np.str_),
            about=np.array(json.dumps(matrix.about)),
            **arrays,
        )


def _write_parquet(matrix: CohortMatrix, aside: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    columns = np.ascontiguousarray(matrix.values.T)
    table = pyarrow.table(
        [pyarrow.array(matrix.rows, pyarrow.string()), *map(pyarrow.array, columns)],
        names=[INDEX_COLUMN, *matrix.columns],
    )
    index = {
        "name": None,
        "field_name": INDEX_COLUMN,
        "pandas_type": "unicode",
        "numpy_type": "object",
        "metadata": None,
    }
    for_pandas = {"index_columns": [INDEX_COLUMN], "column_indexes": [], "columns": [index]}
    metadata = {"gestalt": json.dumps(matrix_document(matrix)), "pandas": json.dumps(for_pandas)}
    with aside.open("wb") as stream:
        pyarrow.parquet.write_table(table.replace_schema_metadata(metadata), stream)


def _write_h5ad(matrix: CohortMatrix, aside: Path) -> None:
    """AnnData's format on disk, version 0.1.0, as its documentation describes it.

    Made in memory first: where the disk fills, HDF5 (1.14, 2.0) takes the process down.
    """
    h5py = _h5py()
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        _encoded(file, "anndata", "0.1.0")
        _encoded(file.create_dataset("X", data=matrix.values), "array")
        _write_facts(file.create_group("obs"), matrix.rows, matrix.row_facts)
        _write_facts(file.create_group("var"), matrix.columns, matrix.column_facts)
        for name in ("layers", "obsm", "obsp", "varm", "varp"):
            _encoded(file.create_group(name), "dict", "0.1.0")
        uns = file.create_group("uns")
        _encoded(uns, "dict", "0.1.0")
        for name, value in matrix.about.items():
            if value is not None:
                kind = "string" if isinstance(value, str) else "numeric-scalar"
                _encoded(uns.create_dataset(name, data=value), kind)
    aside.write_bytes(stream.getbuffer())


def _write_facts(group: Any, names: tuple[str, ...], facts: Mapping[str, NDArray[Any]]) -> None:
    _encoded(group, "dataframe")
    group.attrs["_index"] = "_index"
    _write_texts(group, "_index", np.array(names, np.str_))
    # An attribute that is an empty list has no type of its own, and a table always has columns.
    group.attrs["column-order"] = list(facts)
    for name, values in facts.items():
        _write_fact(group, name, values)


def _write_fact(group: Any, name: str, values: NDArray[Any]) -> None:
    """A fact as a column. Texts are categories, so that an unknown one, the empty text, can be
    missing (code -1); for numbers it is NaN."""
    if values.dtype.kind != "U":
        _encoded(group.create_dataset(name, data=values), "array")
        return
    categories = np.unique(values[values != ""])
    codes = np.searchsorted(categories, values).astype(np.int32)
    codes[values == ""] = -1
    column = group.create_group(name)
    _encoded(column, "categorical")
    column.attrs["ordered"] = False
    _write_texts(column, "categories", categories)
    _encoded(column.create_dataset("codes", data=codes), "array")


def _write_texts(group: Any, name: str, values: NDArray[Any]) -> None:
    text = _h5py().string_dtype()
    _encoded(group.create_dataset(name, data=values.astype(object), dtype=text), "string-array")


def _encoded(item: Any, kind: str, version: str = "0.2.0") -> None:
    item.attrs["encoding-type"] = kind
    item.attrs["encoding-version"] = version


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise UsageError("An .h5ad file needs h5py, which is not installed.", INSTALL_HINT) from (
            error
        )
    return h5py
