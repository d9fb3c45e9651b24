"""Selections from arrays and data frames, without a gallery: the input of all functions of `cohort`
in a notebook."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gestalt_space.cohort.matrix import sound_descriptors
from gestalt_space.cohort.selection import Selection, Texts
from gestalt_space.errors import UsageError
from gestalt_space.gallery.intake.values import is_unknown, parse_age
from gestalt_space.store.people import PatientFacts
from gestalt_space.types import Descriptors

COLUMNS = (
    *("patient", "photo", "age", "disorder", "gene", "sex", "ancestry", "cohort"),
    *("family", "site"),
)
"""Columns of a data frame that are read."""

SEVERAL = (list, tuple, set, frozenset, np.ndarray)
"""Columns that may have several identifiers in a row."""
Values = Sequence[Any] | ArrayLike | None


def selection_of(
    descriptors: Descriptors,
    patients: Values = None,
    *,
    photos: Values = None,
    ages: Values = None,
    disorders: Values = None,
    genes: Values = None,
    sex: Values = None,
    ancestry: Values = None,
    cohort: Values = None,
    family: Values = None,
    site: Values = None,
    space: str = "these descriptors",
    source: str = "all patients",
) -> Selection:
    """A selection of descriptors `(n, d)` of unit length, one row per photo.

    All other arguments have a value for each row `(n,)`; unknown values are None, NaN or an empty
    text. `patients`: by default another patient for each row. `photos`: names. `ages`: years, or
    texts such as `4y6m`. `disorders` and `genes`: identifiers, or lists of them. `sex`, `ancestry`
    and `cohort`: words. `family`: a name that the patients of a family share. `site`: where and
    with what each photo was taken. Rows may be in any order; the selection sorts them by patient,
    then by name. `space` names the encoder: only sets of one space are compared. Raises
    `DescriptorError`, and `UsageError` if there are too few or too many values, if a value is not a
    name or an age, or if rows contradict each other about a patient.
    """
    rows = sound_descriptors(descriptors)

    def column(what: str, values: Values) -> list[Any]:
        told = [None] * len(rows) if values is None else list(values)  # type: ignore[arg-type]
        if len(told) != len(rows):
            raise UsageError(
                f"There are {len(told):,} {what} for {len(rows):,} descriptors.",
                "Give one for each descriptor.",
            )
        return [None if _is_unknown(value) else value for value in told]

    width = len(str(len(rows)))
    numbers = [f"{row:0{width}}" for row in range(1, len(rows) + 1)]
    told_owners = numbers if patients is None else column("patients", patients)
    if None in told_owners:
        raise UsageError("A photo has no patient.", "Give the patient of each photo.")
    owners = list(map(_name, told_owners))
    named = zip(column("photos", photos), numbers, strict=True)
    names = [number if name is None else _name(name) for name, number in named]
    years = np.array([_years(age) for age in column("ages", ages)], dtype=np.float64)
    sites = ["" if one is None else _name(one) for one in column("sites", site)]
    order = sorted(range(len(rows)), key=lambda row: (owners[row], names[row]))
    people = tuple(sorted(set(owners)))
    place = {patient: number for number, patient in enumerate(people)}

    def fact(what: str, values: Values) -> Texts:
        return np.array(_one_each(what, column(what, values), owners, people), dtype=np.str_)

    return Selection(
        descriptors=rows[order],
        photos=np.array([names[row] for row in order], dtype=np.str_),
        ages=years[order],
        sites=np.array([sites[row] for row in order], dtype=np.str_),
        patient_of_row=np.array([place[owners[row]] for row in order], dtype=np.int64),
        patients=people,
        people=PatientFacts(
            sex=fact("sex", sex),
            ancestry=fact("ancestry", ancestry),
            cohort=fact("cohort", cohort),
            consent=np.full(len(people), "", dtype=np.str_),
            family=fact("family", family),
        ),
        disorders=_all_each(column("disorders", disorders), owners, people),
        genes=_all_each(column("genes", genes), owners, people),
        stored_as=people,
        space=space,
        fingerprint=hashlib.sha256(space.encode()).hexdigest(),
        slots=1,
        source=source,
    )


def selection_of_frame(
    descriptors: Descriptors, frame: Any, *, space: str = "these descriptors"
) -> Selection:
    """A selection from a data frame (of pandas or polars, or a mapping of columns) with one row per
    descriptor.

    The columns `COLUMNS` are read; columns that are missing count as unknown. Raises as
    `selection_of`, and `UsageError` for a frame without patients.
    """
    there = set(getattr(frame, "columns", frame))
    told = {name: list(frame[name]) for name in COLUMNS if name in there}
    if "patient" not in told:
        raise UsageError("The table has no column `patient`.", "Add the patient of each photo.")
    return selection_of(
        descriptors,
        told["patient"],
        photos=told.get("photo"),
        ages=told.get("age"),
        disorders=told.get("disorder"),
        genes=told.get("gene"),
        sex=told.get("sex"),
        ancestry=told.get("ancestry"),
        cohort=told.get("cohort"),
        family=told.get("family"),
        site=told.get("site"),
        space=space,
    )


def _is_unknown(value: Any) -> bool:
    """Whether a value is None, a text for an unknown value, or not equal to itself: NaN, and
    pandas' own missing value."""
    if value is None or isinstance(value, str):
        return is_unknown(value)
    if isinstance(value, SEVERAL):
        return False
    same = value == value
    return not (isinstance(same, bool | np.bool_) and bool(same))


def _years(age: Any) -> float:
    """An age in years, as a number or as `parse_age` reads it."""
    if age is None:
        return math.nan
    told = parse_age(age if isinstance(age, str) else f"{age}")
    return math.nan if told is None else told


def _name(value: Any) -> str:
    """A name, from a text or a number."""
    if not isinstance(value, str | int | float | np.generic) or isinstance(value, bytes):
        raise UsageError(
            f"{value!r} is not a name.", "Give a text or a number for each row, not a list."
        )
    return str(value)


def _one_each(
    what: str, values: Sequence[Any], owners: Sequence[str], people: Sequence[str]
) -> list[str]:
    """The value of each patient, on which all rows must agree."""
    found: dict[str, str] = {}
    for owner, value in zip(owners, values, strict=True):
        if value is not None and found.setdefault(owner, _name(value)) != _name(value):
            raise UsageError(
                f"Patient {owner} has two values for {what}: {found[owner]} and {value}.",
                "Give the same value in all rows of a patient.",
            )
    return [found.get(patient, "") for patient in people]


def _all_each(
    values: Sequence[Any], owners: Sequence[str], people: Sequence[str]
) -> tuple[tuple[str, ...], ...]:
    """All identifiers in the rows of each patient, in order."""
    found: dict[str, set[str]] = {patient: set() for patient in people}
    for owner, value in zip(owners, values, strict=True):
        if value is not None:
            several: Iterable[Any] = value if isinstance(value, SEVERAL) else [value]
            found[owner].update(_name(one) for one in several if not _is_unknown(one))
    return tuple(tuple(sorted(found[patient])) for patient in people)
