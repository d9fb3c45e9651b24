"""Galleries of two hospitals, whose descriptors are made up."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from gestalt_space.encoders.registry import encoder_spec
from gestalt_space.home import Gallery
from gestalt_space.store import writes
from gestalt_space.store.writes import NewPhoto
from gestalt_space.types import Descriptors, Disorder
from gestalt_space.weights.store import ModelStore
from tests.galleries import make_home, new_photo, open_gallery
from tests.made import unit

SHARED = "research and other hospitals"
DIM = 16
PROBE = unit(np.random.default_rng(99), 1, DIM)[0]


def at(similarity: float, seed: int, probe: Descriptors = PROBE) -> Descriptors:
    """A descriptor `(d,)` of that similarity to a probe."""
    other = unit(np.random.default_rng(seed), 1, len(probe))[0].astype(np.float64)
    other -= (other @ probe) * probe
    other /= np.linalg.norm(other)
    return np.asarray(similarity * probe + np.sqrt(1 - similarity**2) * other, np.float32)


def patient(name: str, disorder: str, similarity: float, seed: int, **facts: object) -> NewPhoto:
    """A patient with one photo of that similarity to `PROBE`, whose consent covers other hospitals
    unless told otherwise."""
    return new_photo(
        name,
        seed,
        disorders=(Disorder(disorder, f"name of {disorder}"),),
        descriptor=at(similarity, seed),
        **{"consent": SHARED, **facts},
    )


def fill(home: Path, store: ModelStore, photos: Iterable[NewPhoto]) -> Path:
    """A home with a gallery of the model `tiny`."""
    make_home(home, store)
    with open_gallery(home) as gallery:
        add_all(gallery, photos)
    return home


def add_all(gallery: Gallery, photos: Iterable[NewPhoto]) -> None:
    """Add photos with their descriptors as they are."""
    gallery.database.make()
    spec = encoder_spec(gallery.space.model)
    with gallery.database.writing() as session:
        space = writes.add_space(
            session,
            model=gallery.space.model.name,
            fingerprint=spec.fingerprint,
            specification=spec.to_json(),
            dim=spec.descriptor_dim,
        )
        stored = writes.add_photos(session, list(photos), space_id=space)
    assert [one.error for one in stored if one.error is not None] == []
