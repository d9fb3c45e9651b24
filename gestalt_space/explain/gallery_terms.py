"""A photo, a patient or a disorder of a gallery as HPO terms."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.selection import Criteria, Selection, select
from gestalt_space.devices import cores
from gestalt_space.explain.space_probe import encode_faces
from gestalt_space.explain.term_faces import FacesPlan
from gestalt_space.explain.term_likeness import TermLikeness, TermScale, check_patients
from gestalt_space.faces.registry import detector_factory
from gestalt_space.home import Gallery
from gestalt_space.phenotype.kept_arrays import Arrays, kept
from gestalt_space.progress import Progress, no_progress
from gestalt_space.simulate.phenotypes import TERMS
from gestalt_space.weights.store import BUILTIN

PLAN = FacesPlan()
"""The people who give the directions: all of them, measured or not."""

_PACKAGE = Path(__file__).parents[1]
_SOURCES = (
    _PACKAGE / "weights" / "builtin" / "persons.safetensors",
    *sorted((_PACKAGE / "simulate").glob("*.py")),
    *(Path(__file__).with_name(f"{module}.py") for module in ("term_faces", "term_effects")),
)
"""What decides the faces: a direction made from others is made anew."""


@dataclass(frozen=True, slots=True)
class LookedLike:
    """`terms`: the one that it looks like most first. `patients`: how many of the gallery it was
    compared with; `left_out`: how many were left out, since it is about them or their family."""

    terms: tuple[TermLikeness, ...]
    patients: int
    left_out: int


def directions_of(gallery: Gallery, progress: Progress = no_progress) -> NDArray[np.float64]:
    """`(t, d)`: how each simulated term moves a face in the gallery's space. They are kept in the
    cache: they take a minute to make. Faces are found by the built-in detector, which is fast."""
    encoder = gallery.encoder

    def make() -> NDArray[np.float64]:
        _, factory = detector_factory(gallery.models, BUILTIN)
        (faces,) = encode_faces(PLAN, factory(cores()), [encoder], progress=progress)
        return faces.directions()

    made_with = f"{encoder.spec.fingerprint} {encoder.run.precision} {PLAN}"
    kind = f"directions-{sha256(made_with.encode()).hexdigest()[:16]}"
    folder = gallery.settings.cache / "terms"
    return kept(folder, kind, _SOURCES, make, _pack, _unpack)


def terms_of_descriptor(
    gallery: Gallery,
    descriptor: NDArray[np.floating],
    left_out: Collection[str] = (),
    progress: Progress = no_progress,
) -> LookedLike:
    """The terms of a descriptor `(d,)`, compared with the patients of the gallery but for some and
    their families. Raises `UsageError` where too few are left."""
    everybody = select(gallery, Criteria())
    return _looked_like(gallery, everybody, descriptor, left_out, progress)


def terms_of_disorder(
    gallery: Gallery, disorder: str, progress: Progress = no_progress
) -> LookedLike:
    """The terms of the mean of a disorder's patients, compared with the gallery's others.

    Raises `NotInGallery` for a disorder without patients, `UsageError` where too few are left.
    """
    own = select(gallery, Criteria(disorders=(disorder,)))
    mean = own.patient_means().mean(axis=0)
    everybody = select(gallery, Criteria())
    return _looked_like(gallery, everybody, mean, own.patients, progress)


def _looked_like(
    gallery: Gallery,
    everybody: Selection,
    descriptor: NDArray[np.floating],
    left_out: Collection[str],
    progress: Progress,
) -> LookedLike:
    about = np.isin(everybody.patients, list(left_out))
    kin = np.isin(everybody.families, everybody.families[about])
    others = everybody.patient_means()[~kin]
    check_patients(len(others))
    scale = TermScale(others, directions_of(gallery, progress), tuple(TERMS))
    return LookedLike(scale.likeness(descriptor), int((~kin).sum()), int(kin.sum()))


def _pack(directions: NDArray[np.float64]) -> Arrays:
    return {"directions": directions}


def _unpack(arrays: Arrays) -> NDArray[np.float64]:
    return np.asarray(arrays["directions"], np.float64)
