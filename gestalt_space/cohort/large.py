"""A cohort matrix larger than memory: a `.npy` file, and a JSON file with its rows and columns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gestalt_space.atomic_files import check_new_file, write_atomically
from gestalt_space.cohort.blocks import Number, write_matrix_in_blocks
from gestalt_space.cohort.cohort_matrix import Unit, about_of, facts_of_rows, names_of, rows_of
from gestalt_space.cohort.selection import Selection
from gestalt_space.cohort.tables import about_document, json_of, records, sidecar


def check_large_path(path: Path, *, overwrite: bool = False) -> None:
    """Raise `OutputError` for a `.npy` that is there, or a folder that is not."""
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
    on_rows: Callable[[int, int], None] | None = None,
) -> None:
    """Write all pairs within a cohort block by block, as `blocks.write_matrix_in_blocks` does.

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
    write_matrix_in_blocks(
        rows_of(cohort, unit),
        names,
        path,
        space=cohort.fingerprint,
        distance=distance,
        number=number,
        overwrite=overwrite,
        on_rows=on_rows,
        on_whole=lambda: write_atomically(sidecar(path), told),
    )
