"""What was drawn or written of a cohort, as documents for programs."""

from __future__ import annotations

from gestalt_space.cohort.composite import Composite
from gestalt_space.cohort.mapping import CohortMap
from gestalt_space.cohort.selection import Selection
from gestalt_space.documents.cohorts import CompositeDocument, LargeMatrixDocument, MapDocument


def composite_document(selection: Selection, made: Composite, output: str) -> CompositeDocument:
    """An average face that was written to `output`."""
    return {
        "document": "composite",
        "version": 1,
        "selection": selection.source,
        "families": made.families,
        "patients": made.patients,
        "photos": made.photos,
        "without_crop": made.without,
        "sharpened": made.sharpened,
        "output": output,
    }


def map_document(selection: Selection, made: CohortMap, placed: int, output: str) -> MapDocument:
    """A map that was drawn to `output`; `placed`: how many patients were placed on it later."""
    return {
        "document": "map",
        "version": 1,
        "space": {"name": made.space, "fingerprint": made.fingerprint},
        "selection": selection.source,
        "patients": len(made.patients),
        "placed": placed,
        "method": made.told,
        "output": output,
    }


def large_matrix_document(output: str, rows: int) -> LargeMatrixDocument:
    """A matrix that was written to `output` block by block."""
    return {"document": "matrix-file", "version": 1, "output": output, "rows": rows}
