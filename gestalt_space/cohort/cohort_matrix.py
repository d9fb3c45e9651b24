"""The matrix of a cohort: its values, its rows and columns, and what it was computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from gestalt_space import __version__
from gestalt_space.cohort.data_frames import data_frame
from gestalt_space.cohort.matrix import (
    VALUES,
    Matrix,
    Value,
    patient_similarity_matrix,
    rank_matrix,
    ranks_among,
    similarity_matrix,
)
from gestalt_space.cohort.patients import check_same_space, patient_ages, patient_sites
from gestalt_space.cohort.selection import Selection
from gestalt_space.devices import free_memory
from gestalt_space.errors import UsageError
from gestalt_space.progress import Progress, no_progress
from gestalt_space.types import Descriptors

if TYPE_CHECKING:
    import pandas

Unit = Literal["photo", "patient"]
PatientValue = Literal["mean", "nearest"]
Name = TypeVar("Name", bound=str)
UNITS: tuple[Unit, ...] = ("photo", "patient")
PATIENT_VALUES: tuple[PatientValue, ...] = ("mean", "nearest")
DIRECTIONS: Mapping[Value, str] = {
    "similarity": "-1 to 1, higher is closer",
    "distance": "0 to 2, lower is closer",
    "rank": "0 is the closest; -1: the probe's own patient or family; columns are probes",
}


@dataclass(frozen=True)
class CohortMatrix:
    """Values `(n, m)`, float32, or int32 for ranks, with their rows and columns.

    `rows` `(n,)` and `columns` `(m,)`: unique names. `row_facts`, `column_facts`: what is known of
    them, by the name of the fact: texts, several joined by "; ", and ages in years, NaN if unknown.
    `about`: space, selection, counts and so on, as JSON values. `is_within`: whether rows and
    columns are the same set.
    """

    values: NDArray[Any]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    row_facts: Mapping[str, NDArray[Any]]
    column_facts: Mapping[str, NDArray[Any]]
    about: Mapping[str, Any]
    is_within: bool

    def frame(self) -> pandas.DataFrame:
        """The values as a data frame, `about` in its `attrs`."""
        frame = data_frame(self.values, self.columns, self.rows)
        frame.attrs.update(self.about)
        return frame


def measure(
    cohort: Selection,
    against: Selection | None = None,
    *,
    unit: Unit = "photo",
    patient_value: PatientValue = "mean",
    value: Value = "similarity",
    gallery: Selection | None = None,
    with_family: bool = False,
    progress: Progress = no_progress,
) -> CohortMatrix:
    """The matrix of all pairs within a cohort, or between a cohort and another set.

    Patients are compared by the mean of their descriptors, or by their nearest photos. Ranks need
    `gallery`, with all of its photos: the photos of patients outside the cohort are the controls.
    Columns are the probes; their pools contain no relatives, unless `with_family`. Raises
    `UsageError` for fewer than two rows, or more than fit into memory, `SpaceMismatch` for sets of
    two spaces.
    """
    unit, patient_value = parse_unit(unit), parse_patient_value(patient_value)
    value = parse_value(value)
    for other in (against, gallery):
        if other is not None:
            check_same_space(cohort, other)
    if against is None:
        _check_pairs(cohort, unit, value)
    _check_memory(cohort, against, unit, patient_value, value)
    controls: Selection | None = None
    relatives: int | None = None
    if value == "rank":
        if gallery is None:
            raise UsageError("Ranks need controls.", "Give the photos of the gallery.")
        controls = gallery.only(set(gallery.patients).difference(filter(None, cohort.stored_as)))
        sets = (cohort, cohort if against is None else against, controls)
        persons = _owners(sets, gallery, with_family=True)
        owners = persons if with_family else _owners(sets, gallery, with_family=False)
        relatives = _count_relatives(owners, persons)
        values: NDArray[Any] = _ranks(
            cohort, against, controls, owners, unit, patient_value, progress
        )
    else:
        values = _similarities(cohort, against, unit, patient_value)
        if value == "distance":
            np.subtract(1, values, out=values)
    columns = cohort if against is None else against
    about = about_of(
        cohort,
        against,
        unit=unit,
        patient_value=patient_value,
        value=value,
        controls=controls,
        relatives=relatives,
    )
    return CohortMatrix(
        values=values,
        rows=names_of(cohort, unit),
        columns=names_of(columns, unit),
        row_facts=facts_of_rows(cohort, unit),
        column_facts=facts_of_rows(columns, unit),
        about=about,
        is_within=against is None,
    )


def about_of(
    cohort: Selection,
    against: Selection | None = None,
    *,
    unit: Unit,
    patient_value: PatientValue,
    value: Value,
    controls: Selection | None = None,
    relatives: int | None = None,
) -> dict[str, Any]:
    """What a matrix was computed from, as JSON values. `relatives`: pairs of a probe's patient and
    another patient who is excluded from the pool because both are of one family."""
    return {
        "version": 1,
        "value": value,
        "direction": DIRECTIONS[value],
        "unit": unit,
        "patient_value": patient_value if unit == "patient" else None,
        "space": cohort.space,
        "fingerprint": cohort.fingerprint,
        "encoded_in": "; ".join(f"{run or 'not recorded'} ({n})" for run, n in cohort.runs),
        "selection": cohort.source,
        "against": None if against is None else against.source,
        "patients": len(cohort.patients),
        "photos": len(cohort),
        "against_patients": None if against is None else len(against.patients),
        "against_photos": None if against is None else len(against),
        "control_photos": None if controls is None else len(controls),
        "relatives_left_out": relatives,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "made_by": f"gestalt-space {__version__}",
    }


def names_of(selection: Selection, unit: Unit) -> tuple[str, ...]:
    """A name for each row: patients, or photos, preceded by the patient if two have the same
    name."""
    if unit == "patient":
        return selection.patients
    names = tuple(map(str, selection.photos))
    if len(set(names)) == len(names):
        return names
    owners = [selection.patients[place] for place in selection.patient_of_row]
    return tuple(f"{owner}/{name}" for owner, name in zip(owners, names, strict=True))


def facts_of_rows(selection: Selection, unit: Unit) -> dict[str, NDArray[Any]]:
    """What is known of each row; a patient's age is the median over the photos."""
    people = selection.people
    facts: dict[str, NDArray[Any]] = {
        "patient": np.array(selection.patients, np.str_),
        "disorders": _joined(selection.disorders),
        "disorder_names": _joined(
            [tuple(map(selection.title, one)) for one in selection.disorders]
        ),
        "genes": _joined(selection.genes),
        "sex": np.array(people.sex, np.str_),
        "ancestry": np.array(people.ancestry, np.str_),
        "cohort": np.array(people.cohort, np.str_),
        "family": np.array(people.family, np.str_),
    }
    if unit == "photo":
        rows = {name: fact[selection.patient_of_row] for name, fact in facts.items()}
        return {**rows, "site": np.array(selection.sites, np.str_), "age": selection.ages}
    photos = np.bincount(selection.patient_of_row, minlength=len(selection.patients))
    sites = np.array(patient_sites(selection), np.str_)
    return {**facts, "site": sites, "age": patient_ages(selection), "photos": photos}


def parse_value(text: str) -> Value:
    """A value's name. Raises `UsageError`."""
    return _parse("value", text, VALUES)


def parse_unit(text: str) -> Unit:
    """A unit's name. Raises `UsageError`."""
    return _parse("unit", text, UNITS)


def parse_patient_value(text: str) -> PatientValue:
    """A name of how patients are compared. Raises `UsageError`."""
    return _parse("patient value", text, PATIENT_VALUES)


def rows_of(selection: Selection, unit: Unit) -> Descriptors:
    """A descriptor for each row: the photos', or the patients' means."""
    return selection.descriptors if unit == "photo" else selection.patient_descriptors()


def _parse(what: str, text: str, known: Sequence[Name]) -> Name:
    for one in known:
        if one == text:
            return one
    raise UsageError(f"Unknown {what} {text!r}.", f"Choose one of: {', '.join(known)}.")


def _check_pairs(cohort: Selection, unit: Unit, value: Value) -> None:
    count = len(cohort) if unit == "photo" else len(cohort.patients)
    if count < 2:
        raise UsageError(
            f"{cohort.source} has only one {unit}, so there are no pairs to compare.",
            "Choose more, or a second set with --against-cohort, --against-disorder or "
            "--against-patients.",
        )
    if value == "rank" and len(cohort.patients) < 2:
        raise UsageError(
            f"{cohort.source} has only one patient, and a patient is never ranked against their "
            "own photos.",
            "Choose more patients.",
        )


def _check_memory(
    cohort: Selection,
    against: Selection | None,
    unit: Unit,
    patient_value: PatientValue,
    value: Value,
) -> None:
    """Raise `UsageError` for a matrix that does not fit into memory."""
    sets = (cohort, cohort if against is None else against)
    by_photo = unit == "photo" or patient_value == "nearest"
    rows, columns = (len(one) if by_photo else len(one.patients) for one in sets)
    # Ranks are made of similarities.
    need, free = rows * columns * (8 if value == "rank" else 4), free_memory()
    if free is not None and need > free:
        raise UsageError(
            f"Similarities of {rows:,} × {columns:,} need {need / 1e9:,.1f} GB of memory, and "
            f"{free / 1e9:,.1f} GB are free.",
            "Choose fewer patients. An .npy or .zarr file of similarities or distances needs next "
            "to no memory.",
        )


def _similarities(
    cohort: Selection, against: Selection | None, unit: Unit, patient_value: PatientValue
) -> Matrix:
    if unit == "patient" and patient_value == "nearest":
        photos = similarity_matrix(
            cohort.descriptors, None if against is None else against.descriptors
        )
        return patient_similarity_matrix(
            photos, cohort.row_starts, None if against is None else against.row_starts
        )
    return similarity_matrix(
        rows_of(cohort, unit), None if against is None else rows_of(against, unit)
    )


Owners = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Of the cohort, the probes and the controls: a number `(p,)` for each patient's family."""


def _owners(
    sets: tuple[Selection, Selection, Selection], gallery: Selection, *, with_family: bool
) -> Owners:
    """By the family's name in the gallery or the set, else the patient's: in the gallery, or of a
    photo that it does not have."""
    known = dict(zip(gallery.patients, gallery.people.family.tolist(), strict=True))
    numbers: dict[tuple[str, str], int] = {}

    def of(selection: Selection) -> NDArray[np.int64]:
        told = zip(
            selection.stored_as, selection.patients, selection.people.family.tolist(), strict=True
        )
        keys = []
        for stored, name, family in told:
            family = "" if with_family else known.get(stored or "", "") or family
            alone = ("photo", name) if stored is None else ("patient", stored)
            keys.append(("family", family) if family else alone)
        return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)

    cohort, probes, controls = map(of, sets)
    return cohort, probes, controls


def _count_relatives(families: Owners, persons: Owners) -> int:
    """Pairs of a probe's patient and another patient of the pool who are of one family."""
    pool, probes = (
        np.unique(
            [np.concatenate([of[place] for place in places]) for of in (persons, families)], axis=1
        )
        for places in ((0, 2), (1,))
    )
    sizes = np.bincount(pool[1], minlength=int(probes[1].max(initial=0)) + 1)
    return int(sizes[probes[1]].sum() - np.isin(probes[0], pool[0]).sum())


def _ranks(
    cohort: Selection,
    against: Selection | None,
    controls: Selection,
    owners: Owners,
    unit: Unit,
    patient_value: PatientValue,
    progress: Progress,
) -> NDArray[np.int32]:
    sets = (cohort, cohort if against is None else against, controls)
    ours, probe_owners, theirs = (
        of[selection.patient_of_row] if unit == "photo" else of
        for of, selection in zip(owners, sets, strict=True)
    )
    if unit == "patient" and patient_value == "nearest":
        probes = cohort if against is None else against
        to_cohort = _similarities(probes, None if against is None else cohort, unit, "nearest")
        to_controls = (
            _similarities(probes, controls, unit, "nearest")
            if len(controls)
            else np.empty((len(probes.patients), 0), np.float32)
        )
        return ranks_among(to_cohort, to_controls, probe_owners, ours, theirs).T
    empty = cohort.descriptors[:0]
    return rank_matrix(
        rows_of(cohort, unit),
        rows_of(controls, unit) if len(controls) else empty,
        ours,
        theirs,
        probes=None if against is None else rows_of(against, unit),
        probe_owners=None if against is None else probe_owners,
        progress=progress,
    )


def _joined(ids: Sequence[tuple[str, ...]]) -> NDArray[np.str_]:
    return np.array(["; ".join(one) for one in ids], np.str_)
