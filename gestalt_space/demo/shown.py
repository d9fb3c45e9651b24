"""What the demo's page shows of a trial: nearest patients, a similarity matrix, a map, and faces
with single phenotypes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.projection import lay_out
from gestalt_space.demo.trial import EncodedPhoto, HeldBack, Trial
from gestalt_space.simulate.persons import Persons
from gestalt_space.simulate.phenotypes import show
from gestalt_space.types import Descriptors, Pixels

MATRIX_DISORDERS = 10
MATRIX_PHOTOS = 8
"""Photos of each disorder in the matrix, at most: more, and a photo is less than a pixel high."""
SHOWN_TERMS = (
    *("HP:0000316", "HP:0000664", "HP:0000582"),
    *("HP:0000343", "HP:0000445", "HP:0000154", "HP:0000347"),
)
SHOWN_STRENGTH = 3.0
_SHOWN_PERSON = 11
"""Seed of the person who shows the terms."""


@dataclass(frozen=True)
class Neighbour:
    """The photo of a patient of the gallery that is nearest to a probe."""

    photo: EncodedPhoto
    similarity: float

    @property
    def patient(self) -> str:
        """The identifier."""
        return self.photo.record.patient

    @property
    def disorder(self) -> str:
        """The identifier of the disorder."""
        return self.photo.record.disorders[0].id


@dataclass(frozen=True)
class Matrix:
    """Similarities `(n, n)` of photos, sorted by disorder. `within`, `between`: the means over
    pairs of patients with the same disorder and with different ones; NaN for no such pair."""

    photos: tuple[EncodedPhoto, ...]
    similarities: NDArray[np.float32]
    within: float
    between: float


@dataclass(frozen=True)
class PhotoMap:
    """Places `(n, 2)` of all photos, those in the gallery first. `is_probe` `(n,)`: the one photo
    that the page is about."""

    photos: tuple[EncodedPhoto, ...]
    places: NDArray[np.float64]
    is_probe: NDArray[np.bool_]


def nearest_patients(trial: Trial, probe: HeldBack) -> list[Neighbour]:
    """Every patient of the gallery by their nearest photo, the nearest first."""
    assert probe.encoded is not None, "the probe that is shown has a face"  # noqa: S101
    similarities = _stack(trial.gallery) @ probe.encoded.descriptor
    nearest: dict[str, Neighbour] = {}
    for row in np.argsort(-similarities, kind="stable"):
        photo = trial.gallery[row]
        nearest.setdefault(photo.record.patient, Neighbour(photo, float(similarities[row])))
    return list(nearest.values())


def sample_matrix(trial: Trial) -> Matrix:
    """The matrix of some photos of the largest disorders in the gallery."""
    photos = [photo for id_ in largest_disorders(trial) for photo in _some(trial, id_)]
    ids = disorders_of(photos)
    patients = np.array([photo.record.patient for photo in photos])
    descriptors = _stack(photos)
    similarities = descriptors @ descriptors.T
    others = patients[:, None] != patients
    same = ids[:, None] == ids
    within, between = (_mean(similarities[others & which]) for which in (same, ~same))
    return Matrix(tuple(photos), similarities, within, between)


def photo_map(trial: Trial) -> PhotoMap:
    """All photos that have a face, laid out by t-SNE."""
    probes = [probe.encoded for probe in trial.probes if probe.encoded is not None]
    photos = (*trial.gallery, *probes)
    places = lay_out(_stack(photos), seed=trial.cohort.plan.seed).astype(np.float64)
    return PhotoMap(photos, places, np.array([one is trial.shown.encoded for one in photos]))


def faces_with_terms(persons: Persons) -> list[tuple[str | None, Pixels]]:
    """One face without any term, None, and with each of `SHOWN_TERMS`."""
    person = persons.sample(np.random.default_rng(_SHOWN_PERSON), sex="female", age_years=9)
    portrait = persons.portrait(person, np.random.default_rng(_SHOWN_PERSON))
    faces: list[tuple[str | None, Pixels]] = [(None, portrait.pixels)]
    faces += [(term, show(portrait, {term: SHOWN_STRENGTH}).pixels) for term in SHOWN_TERMS]
    return faces


def disorders_of(photos: Iterable[EncodedPhoto]) -> NDArray[np.str_]:
    """`(n,)`: the identifier of each photo's disorder."""
    return np.array([photo.record.disorders[0].id for photo in photos], dtype=np.str_)


def largest_disorders(trial: Trial, count: int = MATRIX_DISORDERS) -> list[str]:
    """Disorders with the most photos in the gallery, ties by identifier."""
    sizes: dict[str, int] = {}
    for photo in trial.gallery:
        id_ = photo.record.disorders[0].id
        sizes[id_] = sizes.get(id_, 0) + 1
    return sorted(sizes, key=lambda id_: (-sizes[id_], id_))[:count]


def _some(trial: Trial, disorder: str) -> list[EncodedPhoto]:
    theirs = [photo for photo in trial.gallery if photo.record.disorders[0].id == disorder]
    theirs.sort(key=lambda photo: (photo.record.patient, photo.record.photo))
    return theirs[:MATRIX_PHOTOS]


def _stack(photos: Sequence[EncodedPhoto]) -> Descriptors:
    return np.stack([photo.descriptor for photo in photos])


def _mean(values: NDArray[np.float32]) -> float:
    return float(values.mean()) if len(values) else float("nan")
