"""Selections of patients who do not exist, with disorders planted in their descriptors."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from gestalt_space.cohort.clusters import ClusterPlan
from gestalt_space.cohort.selection import Selection
from gestalt_space.store.people import PatientFacts

QUICK = ClusterPlan(bootstrap=10, samples=59)
DIM = 64


@contextmanager
def full_after(size: int) -> Iterator[None]:
    """As on a disk that is full: no file can be longer than `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def drawn(rng: np.random.Generator, count: int, centre: np.ndarray) -> np.ndarray:
    """`(count, DIM)` unit descriptors around a centre, with noise of length 1."""
    rows = rng.normal(size=(count, DIM)) / np.sqrt(DIM) + centre
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def planted(
    *, disorders: int, each: int, strength: float, undiagnosed: int = 0, seed: int = 0
) -> Selection:
    """Patients with disorders of a strength, in standard deviations of the noise; in order."""
    rng = np.random.default_rng(seed)
    centres = strength * rng.normal(size=(disorders, DIM)) / np.sqrt(DIM)
    rows = [drawn(rng, each, centre) for centre in centres]
    rows.append(drawn(rng, undiagnosed, np.zeros(DIM)))
    told = [(f"OMIM:{100000 + number}",) for number in range(disorders) for _ in range(each)]
    count = len(told) + undiagnosed
    names = tuple(f"P{number:04}" for number in range(count))
    half = np.where(np.arange(count) % 2 == 0, "female", "male")
    return Selection(
        descriptors=np.concatenate(rows),
        photos=np.array([f"{name}.png" for name in names], dtype=np.str_),
        ages=rng.uniform(0, 20, count),
        sites=np.full(count, ""),
        patient_of_row=np.arange(count),
        patients=names,
        people=PatientFacts(
            half,
            np.full(count, ""),
            np.where(np.arange(count) % 4 < 2, "Bonn", "Taipei"),
            np.full(count, ""),
            np.full(count, ""),
        ),
        disorders=(*told, *[()] * undiagnosed),
        genes=((),) * count,
        stored_as=names,
        space="tiny",
        fingerprint="f" * 64,
        slots=1,
        source="all patients",
    )
