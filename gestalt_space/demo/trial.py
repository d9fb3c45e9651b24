"""The demo's trial: a simulated cohort goes into a gallery, and patients who were held back are
matched against it.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gestalt_space.errors import FaceError, UsageError
from gestalt_space.gallery.intake import Intake
from gestalt_space.gallery.intake.tables import read_table
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.gallery.spaces import ActiveSpace
from gestalt_space.gallery.storing import Added
from gestalt_space.home import Gallery
from gestalt_space.match.answer import Match, ProbePhoto
from gestalt_space.match.probe import Probe
from gestalt_space.match.question import Question
from gestalt_space.simulate.cohort import Cohort, SimulatedPatient
from gestalt_space.simulate.cohort_files import PATIENTS_TABLE
from gestalt_space.simulate.disorders import SimulatedDisorder
from gestalt_space.store.lookups import photo_names_of
from gestalt_space.types import Descriptors, PhotoRecord, Pixels

if TYPE_CHECKING:
    from collections.abc import Iterator

TOPS = (1, 5, 10, 30)
ENOUGH_PATIENTS = 3
"""Patients that a disorder needs so that one can be held back: two stay in the gallery at least."""

Show = Callable[[int, int | None], None]
"""Told how much of a stage is done, and of how much."""
Stage = Callable[[str, int], AbstractContextManager[Show]]
"""Opens a stage of the work: its title, and of how many photos it is."""


@dataclass(frozen=True, slots=True)
class EncodedPhoto:
    """A photo with its aligned face `(112, 112, 3)` and its descriptor `(d,)`."""

    record: PhotoRecord
    crop: Pixels
    descriptor: Descriptors


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A photo of a patient who was held back, and its match, with every disorder in the ranking.

    `encoded` is None where no face was found.
    """

    record: PhotoRecord
    encoded: EncodedPhoto | None
    match: Match

    @property
    def rank(self) -> int | None:
        """Where the true disorder stands; None where the photo could not be matched."""
        true = self.record.disorders[0].id
        return next((line.rank for line in self.match.lines if line.id == true), None)


@dataclass(frozen=True, slots=True)
class TopK:
    """For how many probes the true disorder is among the first `k`; `chance`: a draw's share."""

    k: int
    hits: int
    probes: int
    chance: float

    @property
    def share(self) -> float:
        """Of all probes, those without a face among them."""
        return self.hits / self.probes


@dataclass(frozen=True)
class Trial:
    """What was done, and what came of it. Photos are named as in the cohort's table."""

    cohort: Cohort
    space: ActiveSpace
    detector: str
    gallery: tuple[EncodedPhoto, ...]
    failed: int
    """Photos that were to go into the gallery, and gave no face."""
    probes: tuple[HeldBack, ...]

    @property
    def shown(self) -> HeldBack:
        """The probe whose ranking is shown: the first by patient and photo that has a face."""
        return next(probe for probe in self.probes if probe.encoded is not None)

    @property
    def disorder_count(self) -> int:
        """Disorders in the gallery, all of which every ranking ranks."""
        return len({photo.record.disorders[0].id for photo in self.gallery})

    @property
    def patient_count(self) -> int:
        """Patients in the gallery."""
        return len({photo.record.patient for photo in self.gallery})

    @property
    def held_back(self) -> tuple[str, ...]:
        """The patients who are asked about, by identifier."""
        return tuple(sorted({probe.record.patient for probe in self.probes}))

    def top(self) -> list[TopK]:
        """How often the true disorder is among the first of `TOPS`."""
        count = self.disorder_count
        ranks = [probe.rank for probe in self.probes]
        return [
            TopK(
                k=k,
                hits=sum(rank is not None and rank <= k for rank in ranks),
                probes=len(ranks),
                chance=min(1.0, k / count),
            )
            for k in TOPS
        ]

    def disorder(self, id_: str) -> SimulatedDisorder:
        """A disorder as it was planted."""
        return next(disorder for disorder in self.cohort.disorders if disorder.id == id_)

    def patient(self, id_: str) -> SimulatedPatient:
        """A patient as simulated."""
        return next(patient for patient in self.cohort.patients if patient.id == id_)


@contextmanager
def unwatched(title: str, total: int) -> Iterator[Show]:  # noqa: ARG001
    """A stage that nobody watches."""
    yield lambda done, whole: None  # noqa: ARG005


def hold_back(cohort: Cohort) -> frozenset[str]:
    """One patient, drawn by the cohort's seed, of each disorder with three patients or more.

    Raises `UsageError` where no disorder has that many.
    """
    patients = defaultdict(list)
    for patient in cohort.patients:
        if patient.disorder is not None:
            patients[patient.disorder.id].append(patient.id)
    rng = np.random.default_rng([cohort.plan.seed, 4])
    held = frozenset(
        str(rng.choice(sorted(ids))) for ids in patients.values() if len(ids) >= ENOUGH_PATIENTS
    )
    if not held:
        raise UsageError(
            f"No disorder has {ENOUGH_PATIENTS} patients, so no patient can be held back.",
            f"Use more --patients; the default is {8 * len(cohort.disorders)}.",
        )
    return held


def run_trial(cohort: Cohort, folder: Path, gallery: Gallery, stage: Stage = unwatched) -> Trial:
    """Fill an empty gallery with the cohort of `folder`, and match those who are held back.

    Raises `UsageError` where nobody can be held back, `FaceError` where no face is found.
    """
    held = hold_back(cohort)
    rows = read_table(folder / PATIENTS_TABLE).rows
    kept = [row for row in rows if _record(row).patient not in held]
    tested = [row for row in rows if _record(row).patient in held]
    stored = _fill(gallery, kept, stage)
    probes = _match(gallery, tested, stage)
    if not any(probe.encoded for probe in probes):
        raise _faceless("those held back", gallery)
    return Trial(
        cohort=cohort,
        space=gallery.space,
        detector=gallery.pipeline.detector,
        gallery=stored,
        failed=len(kept) - len(stored),
        probes=probes,
    )


def _fill(gallery: Gallery, rows: Sequence[Intake], stage: Stage) -> tuple[EncodedPhoto, ...]:
    crops: dict[str, Pixels] = {}
    with stage("Filling the gallery", len(rows)) as show:
        done = itertools.count(1)

        def follow(added: Added) -> None:
            if added.face is not None:
                crops[added.photo] = added.face.crop
            show(next(done), len(rows))

        gallery.add(rows, largest=True, progress=follow)
    if not crops:
        raise _faceless("the gallery", gallery)
    descriptors = _stored_descriptors(gallery)
    return tuple(
        EncodedPhoto(_record(row), crops[row.photo], descriptors[row.photo])
        for row in rows
        if row.photo in descriptors
    )


def _stored_descriptors(gallery: Gallery) -> dict[str, Descriptors]:
    """The descriptor `(d,)` of each photo, by the photo's name."""
    snapshot = gallery.snapshot()
    with gallery.database.reading() as session:
        names = photo_names_of(session, snapshot.ids)
    rows = zip(snapshot.ids, snapshot.descriptors, strict=True)
    return {names[int(key)]: descriptor for key, descriptor in rows}


def _match(gallery: Gallery, rows: Sequence[Intake], stage: Stage) -> tuple[HeldBack, ...]:
    """As `Gallery.match` does, with the descriptors kept: they are needed for the figures."""
    view = gallery.view()
    everything = Question(k=view.totals.lines)
    rows = sorted(rows, key=lambda row: (_record(row).patient, row.photo))
    sources = [PhotoSource(row.photo, row.path, largest=True) for row in rows]
    probes: list[HeldBack] = []
    with stage("Matching the patients held back", len(rows)) as show:
        for batch in gallery.pipeline.run(sources):
            for result in batch:
                record = _record(rows[len(probes)])
                encoded = None
                match = Match(record.photo, face=result.face, error=result.error)
                if result.face is not None and result.descriptor is not None:
                    encoded = EncodedPhoto(record, result.face.crop, result.descriptor)
                    photos = (ProbePhoto(record.photo, result.face),)
                    probe = Probe(record.photo, photos, result.descriptor, None)
                    _, (match,) = gallery.answer([probe], everything)
                probes.append(HeldBack(record, encoded, match))
                show(len(probes), len(rows))
    return tuple(probes)


def _record(row: Intake) -> PhotoRecord:
    if row.record is None:
        raise row.error or AssertionError("a row has a record or an error")
    return row.record


def _faceless(whose: str, gallery: Gallery) -> FaceError:
    return FaceError(
        f"The detector {gallery.pipeline.detector} found no face in the photos of {whose}.",
        "Try another --detector.",
    )
