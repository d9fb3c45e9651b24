"""The photos of a cohort: of patients of a gallery, or photos that are not stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import compress
from operator import itemgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gestalt_space.encoders.registry import encoder_spec
from gestalt_space.errors import DescriptorError, GestaltError, NotInGallery, UsageError
from gestalt_space.gallery.intake.dialect import decode
from gestalt_space.gallery.intake.disorders import find_disorder
from gestalt_space.gallery.intake.genes import read_gene
from gestalt_space.gallery.intake.values import is_unknown
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.gallery.snapshot import Snapshot
from gestalt_space.home import Gallery
from gestalt_space.index.exact import TOLERANCE
from gestalt_space.names import normal_name
from gestalt_space.progress import Progress, adding_up, no_progress
from gestalt_space.store.people import PatientFacts, family_numbers
from gestalt_space.store.runs import RunCounts
from gestalt_space.types import Descriptors

Texts = NDArray[np.str_]


@dataclass(frozen=True)
class Criteria:
    """The criteria for patients: all must be met; within one criterion, any of its values."""

    cohorts: tuple[str, ...] = ()
    disorders: tuple[str, ...] = ()
    genes: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for values in vars(self).values():
            if isinstance(values, str):
                raise UsageError(f"{values!r} is a single text.", "Give a tuple of names.")

    def __str__(self) -> str:
        parts = (
            ("cohort", self.cohorts),
            ("disorder", self.disorders),
            ("gene", self.genes),
        )
        told = [f"{name} {' or '.join(values)}" for name, values in parts if values]
        if self.patients:
            told.append(f"{len(self.patients):,} named patients")
        return ", ".join(told) or "all patients"


@dataclass(frozen=True, repr=False)
class Selection:
    """The photos of a cohort, sorted by patient identifier, and what is known of them.

    Rows are photos: `descriptors` `(n, d)`; `photos` `(n,)`, names; `ages` `(n,)` in years, NaN if
    unknown; `sites` `(n,)`, where and with what each was taken, empty if unknown; `patient_of_row`
    `(n,)`, places in `patients` `(p,)`. For patients `(p,)`: `people`; `disorders` and `genes`,
    each a tuple of identifiers; `stored_as`, who each is in the gallery, None for photos that it
    does not have. `names`: of disorders, by identifier. `source`: the selection in words. `failed`:
    photos that gave no descriptor, with the reason. `runs`: how the descriptors of the space were
    computed, empty if unknown.
    """

    descriptors: Descriptors
    photos: Texts
    ages: NDArray[np.float64]
    sites: Texts
    patient_of_row: NDArray[np.int64]
    patients: tuple[str, ...]
    people: PatientFacts
    disorders: tuple[tuple[str, ...], ...]
    genes: tuple[tuple[str, ...], ...]
    stored_as: tuple[str | None, ...]
    space: str
    fingerprint: str
    slots: int
    source: str
    names: Mapping[str, str] = field(default_factory=dict)
    failed: tuple[tuple[str, GestaltError], ...] = field(default=())
    runs: RunCounts = ()

    def __len__(self) -> int:
        return len(self.photos)

    def __repr__(self) -> str:
        """One line without descriptors, which are biometric data and too many to read."""
        return (
            f"<Selection: {self.source}; {len(self.patients):,} patients, {len(self):,} photos, in "
            f"the space of {self.space}>"
        )

    def title(self, disorder: str) -> str:
        """The name of a disorder, or of several joined by "+"; the identifier if it has no name of
        its own."""
        return " + ".join(self._titles.get(one, one) for one in disorder.split(" + "))

    @cached_property
    def _titles(self) -> Mapping[str, str]:
        known = Counter(self.names.values())
        return {id_: name for id_, name in self.names.items() if name and known[name] == 1}

    @cached_property
    def row_starts(self) -> NDArray[np.int64]:
        """`(p,)`: the first row of each patient."""
        return np.searchsorted(self.patient_of_row, np.arange(len(self.patients)))

    @cached_property
    def families(self) -> NDArray[np.int64]:
        """`(p,)`: the number of each patient's family, from 0; a patient without a recorded family
        is a family."""
        return family_numbers(self.people.family)

    def without_families(self) -> Selection:
        """The same selection without families."""
        nobody = np.full(len(self.patients), "", dtype=np.str_)
        return replace(self, people=replace(self.people, family=nobody))

    def patient_means(self) -> NDArray[np.float32]:
        """`(p, d)`: the mean of each patient's descriptors, shorter than 1 if photos differ.

        The inner product of two patients is the mean similarity over all pairs of their photos,
        whose expectation does not depend on the number of photos.
        """
        sums = np.add.reduceat(self.descriptors, self.row_starts, axis=0, dtype=np.float64)
        counts = np.bincount(self.patient_of_row, minlength=len(self.patients))
        return np.asarray(sums / counts[:, None], dtype=np.float32)

    def patient_descriptors(self) -> Descriptors:
        """`(p, d)`: the mean of each patient's descriptors, rescaled to unit length. Raises
        `DescriptorError` if the descriptors of a patient cancel each other."""
        means = self.patient_means()
        lengths = np.linalg.norm(means, axis=1, keepdims=True)
        if len(zero := np.flatnonzero(lengths < TOLERANCE)):
            raise DescriptorError(
                f"The photos of {self.patients[zero[0]]} cancel each other out: their mean is "
                "zero.",
                "Check that all of them show the same patient.",
            )
        return np.asarray(means / lengths, dtype=np.float32)

    def only(self, patients: Iterable[str]) -> Selection:
        """The photos of some of the patients, by their names. Raises `NotInGallery` for an unknown
        name, and `UsageError` for a text instead of a list of names."""
        if isinstance(patients, str):
            raise UsageError(
                "A list of patients was expected, but a single text was given.", "Give a list."
            )
        wanted = set(map(str, patients))
        if unknown := sorted(wanted.difference(self.patients)):
            raise NotInGallery(
                f"There is no patient {unknown[0]} among {self.source}.",
                f"Use a name from `patients`, such as {self.patients[0]}."
                if self.patients
                else "The selection is empty.",
            )
        kept = np.array([patient in wanted for patient in self.patients], dtype=bool)
        rows = kept[self.patient_of_row]
        places = np.cumsum(kept) - 1
        facts = self.people
        return replace(
            self,
            descriptors=self.descriptors[rows],
            photos=self.photos[rows],
            ages=self.ages[rows],
            sites=self.sites[rows],
            patient_of_row=places[self.patient_of_row[rows]],
            patients=tuple(compress(self.patients, kept)),
            people=PatientFacts(*(getattr(facts, name.name)[kept] for name in fields(facts))),
            disorders=tuple(compress(self.disorders, kept)),
            genes=tuple(compress(self.genes, kept)),
            stored_as=tuple(compress(self.stored_as, kept)),
            failed=(),
        )


def select(gallery: Gallery, criteria: Criteria) -> Selection:
    """The photos of the gallery's patients who meet the criteria.

    Raises `NotInGallery` for a patient, disorder, gene or cohort that no patient has, or if no
    patient meets all criteria; `UsageError` for an invalid identifier.
    """
    gallery = gallery.pinned()
    snapshot = _snapshot(gallery)
    people, belongings = snapshot.people, snapshot.belongings
    assert people is not None, "details were asked for"  # noqa: S101
    assert belongings is not None, "details were asked for"  # noqa: S101
    kept = np.ones(len(snapshot.patients), dtype=bool)
    kept &= _fits("cohort", criteria.cohorts, [(one,) if one else () for one in people.cohort])
    known = {code: belongings.names.get(code, "") for ids in belongings.disorders for code in ids}
    wanted = tuple(
        one if is_unknown(one) else find_disorder(one, known) for one in criteria.disorders
    )
    criteria = replace(criteria, disorders=wanted)
    symbols = tuple(gene if is_unknown(gene) else read_gene(gene).value for gene in criteria.genes)
    kept &= _fits("disorder", wanted, belongings.disorders)
    kept &= _fits("gene", symbols, belongings.genes)
    kept &= _fits("patient", criteria.patients, [(one,) for one in snapshot.patients], all_=True)
    if not kept.any():
        raise NotInGallery(
            f"No patient fits {criteria}.",
            "Use fewer criteria; `gestalt index list` shows all patients.",
        )
    return _whole(gallery, snapshot, str(criteria)).only(
        patient for patient, keep in zip(snapshot.patients, kept, strict=True) if keep
    )


def select_photos(
    gallery: Gallery, sources: Sequence[PhotoSource], *, progress: Progress = no_progress
) -> Selection:
    """Photos that are not stored, each as a separate patient, in the order of their names.

    Photos without a face are listed in `failed`. Raises `UsageError` if no photo has a face, or if
    two have the same name.
    """
    names = Counter(source.name for source in sources)
    if twice := sorted(name for name, count in names.items() if count > 1):
        raise UsageError(f"{twice[0]} is given twice.", "Give each photo only once.")
    gallery = gallery.pinned()
    more, found, failed = adding_up(progress, len(sources)), [], []
    for batch in gallery.probes(sources):
        for probe in batch:
            more(1)
            if probe.descriptor is not None:
                own = None if probe.own is None else probe.own.identifier
                found.append((probe.name, probe.descriptor, own))
            elif probe.error is not None:
                failed.append((probe.name, probe.error))
    if not found:
        if not failed:
            raise UsageError("No photos were given.", "Name at least one photo.")
        name, error = failed[0]
        others = f" {len(failed) - 1:,} more failed." if len(failed) > 1 else ""
        raise type(error)(f"{name}: {error.message}{others}", error.hint)
    told, descriptors, stored_as = zip(*sorted(found, key=itemgetter(0)), strict=True)
    count = len(told)
    empty = np.full(count, "", dtype=np.str_)
    return Selection(
        descriptors=np.stack(descriptors),
        photos=np.array(told, dtype=np.str_),
        ages=np.full(count, np.nan),
        sites=empty,
        patient_of_row=np.arange(count),
        patients=told,
        people=PatientFacts(empty, empty, empty, empty, empty),
        disorders=((),) * count,
        genes=((),) * count,
        stored_as=stored_as,
        space=gallery.space.model.name,
        fingerprint=gallery.space.fingerprint,
        slots=_slots(gallery),
        source=f"{count} photos",
        failed=tuple(failed),
        runs=((gallery.encoder.run, count),),
    )


def read_patients(path: Path) -> tuple[str, ...]:
    """Patients from a text file, one per line; empty lines and lines that begin with # are skipped.
    Raises `UsageError`."""
    try:
        lines = decode(path.read_bytes(), path.name)[0].splitlines()
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error}.", "The file must have one patient per line, in UTF-8."
        ) from error
    patients = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not patients:
        raise UsageError(
            f"{path.name} lists no patients.", "The file must have one patient per line."
        )
    return tuple(dict.fromkeys(patients))


def _snapshot(gallery: Gallery) -> Snapshot:
    gallery.database.require()
    if gallery.space.stored is None:
        raise NotInGallery(
            f"The gallery has no descriptor in the space of {gallery.space.model.name}.",
            "Add patients: `gestalt index add patients.csv`.",
        )
    return gallery.snapshot(by="patient", details=True)


def _fits(
    what: str, wanted: Sequence[str], told: Sequence[Sequence[str]], *, all_: bool = False
) -> NDArray[np.bool_]:
    """Who has one of the wanted values, or none if "unknown" is wanted. Raises `NotInGallery` for a
    value that no patient has."""
    if not wanted:
        return np.ones(len(told), dtype=bool)
    if "" in wanted:
        raise UsageError(f"The name of a {what} is empty.", "Leave the option out, or give a name.")
    asks_unknown = any(map(is_unknown, wanted))
    wanted = [normal_name(one) for one in wanted if not is_unknown(one)]
    known = {one for ids in told for one in ids}
    if missing := [one for one in wanted if one not in known]:
        raise NotInGallery(
            f"No patient with a descriptor has the {what} {missing[0]}."
            if not all_
            else f"There is no {what} {missing[0]} with a descriptor in the gallery.",
            "`gestalt index list` shows all patients.",
        )
    fits = (any(one in wanted for one in ids) or (asks_unknown and not ids) for ids in told)
    return np.fromiter(fits, dtype=bool, count=len(told))


def _whole(gallery: Gallery, snapshot: Snapshot, source: str) -> Selection:
    assert snapshot.people is not None, "details were asked for"  # noqa: S101
    assert snapshot.photos is not None, "details were asked for"  # noqa: S101
    assert snapshot.belongings is not None, "details were asked for"  # noqa: S101
    order = np.lexsort((snapshot.photos.names, snapshot.patient_of_row))
    return Selection(
        descriptors=snapshot.descriptors[order],
        photos=snapshot.photos.names[order],
        ages=snapshot.photos.ages[order],
        sites=snapshot.photos.sites[order],
        patient_of_row=snapshot.patient_of_row[order],
        patients=snapshot.patients,
        people=snapshot.people,
        disorders=snapshot.belongings.disorders,
        genes=snapshot.belongings.genes,
        stored_as=snapshot.patients,
        space=gallery.space.model.name,
        fingerprint=gallery.space.fingerprint,
        slots=_slots(gallery),
        source=source,
        names=snapshot.belongings.names,
        runs=gallery.runs(),
    )


def _slots(gallery: Gallery) -> int:
    return len(encoder_spec(gallery.space.model).slots)
