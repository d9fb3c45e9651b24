"""A cohort matrix larger than memory: a `.npy` file or a `.zarr` folder, and a JSON file with its
rows and columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gestalt_space.atomic_files import check_new_file, write_atomically
from gestalt_space.cohort.blocks import NUMBERS, Number, write_matrix_in_blocks
from gestalt_space.cohort.chunked_matrix import (
    CHUNKED,
    check_chunks_path,
    write_matrix_in_chunks,
)
from gestalt_space.cohort.cohort_matrix import Unit, about_of, facts_of_rows, names_of, rows_of
from gestalt_space.cohort.selection import Selection
from gestalt_space.cohort.tables import about_document, json_of, records, sidecar
from gestalt_space.cohort.workers import THREADS, Workers
from gestalt_space.errors import UsageError
from gestalt_space.progress import Progress, no_progress

LARGE = (".npy", CHUNKED)
"""Endings of matrices larger than memory."""


def parse_number(text: str) -> Number:
    """A kind of numbers. Raises `UsageError`."""
    for one in NUMBERS:
        if one == text:
            return one
    raise UsageError(f"Unknown numbers {text!r}.", f"Choose one of: {', '.join(NUMBERS)}.")


def check_large_path(path: Path, *, overwrite: bool = False) -> None:
    """Raise `OutputError` for a matrix that is there, or a folder that is not; `UsageError` for
    `.zarr` without Zarr."""
    if path.suffix.lower() == CHUNKED:
        check_chunks_path(path, overwrite=overwrite)
    else:
        check_new_file(path, overwrite=overwrite)
    if not path.with_name(f"{path.name}.part").exists():  # of one that is gone on with, it may be
        check_new_file(sidecar(path), overwrite=overwrite)


def write_large_matrix(
    cohort: Selection,
    path: Path,
    *,
    unit: Unit = "photo",
    distance: bool = False,
    number: Number = "float32",
    overwrite: bool = False,
    workers: Workers = THREADS,
    progress: Progress = no_progress,
) -> None:
    """Write all pairs within a cohort block by block, to `.npy` as `blocks.write_matrix_in_blocks`
    does, or to `.zarr` as `chunked_matrix.write_matrix_in_chunks` does, by `workers`.

    The same call continues after an interruption. `FILE.json` has the names and facts of the rows.
    """
    names = names_of(cohort, unit)
    about = about_of(
        cohort,
        unit=unit,
        patient_value="mean",
        value="distance" if distance else "similarity",
    )
    rows = records(names, facts_of_rows(cohort, unit))
    told = json_of(about_document(about, rows, None)).encode()
    options: dict[str, Any] = {
        "space": cohort.fingerprint,
        "distance": distance,
        "number": number,
        "overwrite": overwrite,
        "on_whole": lambda: write_atomically(sidecar(path), told),
    }
    if path.suffix.lower() == CHUNKED:
        attributes = {**about, "rows": sidecar(path).name}
        write_matrix_in_chunks(
            *(rows_of(cohort, unit), names, path),
            attributes=attributes,
            workers=workers,
            on_tiles=progress,
            **options,
        )
    else:
        write_matrix_in_blocks(rows_of(cohort, unit), names, path, on_rows=progress, **options)
