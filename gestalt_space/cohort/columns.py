"""The columns by which patients are grouped and coloured: one text per patient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.patients import patient_ages
from gestalt_space.cohort.selection import Selection
from gestalt_space.errors import UsageError
from gestalt_space.match.demographics import age_groups

Column: TypeAlias = Literal["disorder", "gene", "cohort", "sex", "ancestry", "age", "site"]
COLUMNS: tuple[Column, ...] = get_args(Column)


def parse_column(name: str) -> Column:
    """A column by its name. Raises `UsageError`."""
    for column in COLUMNS:
        if name == column:
            return column
    raise UsageError(f"Unknown column {name!r}.", f"Choose one of: {', '.join(COLUMNS)}.")


def column_of(selection: Selection, column: Column) -> NDArray[np.str_]:
    """`(p,)`: each patient's value, an empty text if unknown.

    Several disorders, genes or sites are joined by ` + `; ages are grouped.
    """
    if column == "site":
        return _sites(selection)
    if column == "age":
        return age_groups(patient_ages(selection))
    if column in ("disorder", "gene"):
        told = selection.disorders if column == "disorder" else selection.genes
        texts = [" + ".join(sorted(ids)) for ids in told]
        return np.array(texts, dtype=np.str_).reshape(len(texts))
    texts_of: dict[str, NDArray[np.str_]] = {
        "cohort": selection.people.cohort,
        "sex": selection.people.sex,
        "ancestry": selection.people.ancestry,
    }
    return texts_of[column]


def _sites(selection: Selection) -> NDArray[np.str_]:
    found: list[set[str]] = [set() for _ in selection.patients]
    for patient, site in zip(
        selection.patient_of_row.tolist(), selection.sites.tolist(), strict=True
    ):
        found[patient] |= {site} - {""}
    texts = [" + ".join(sorted(sites)) for sites in found]
    return np.array(texts, dtype=np.str_).reshape(len(texts))


def titles_of(selection: Selection, column: Column) -> NDArray[np.str_]:
    """The values of a column as they are shown: disorders by their names."""
    values = column_of(selection, column)
    if column != "disorder":
        return values
    kinds, of = np.unique(values, return_inverse=True)
    return np.array([selection.title(str(kind)) for kind in kinds], dtype=np.str_)[of]


def titles_in(facts: Mapping[str, NDArray[Any]]) -> NDArray[np.str_]:
    """The titles of the disorders of a matrix's rows or columns, as in `titles_of`."""
    found = []
    for ids, names in zip(facts["disorders"], facts["disorder_names"], strict=True):
        pairs = sorted(zip(str(ids).split("; "), str(names).split("; "), strict=False))
        found.append(" + ".join(name for _, name in pairs))
    return np.array(found, dtype=np.str_)


def known_columns(selection: Selection) -> tuple[Column, ...]:
    """The columns in which at least one value is known."""
    return tuple(column for column in COLUMNS if (column_of(selection, column) != "").any())
