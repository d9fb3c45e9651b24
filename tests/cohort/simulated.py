"""Selections of patients who do not exist: descriptors around the centres of disorders, to which
what is the person's own and what is the photo's own is added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gestalt_space.cohort.selection import Selection
from gestalt_space.store.people import PatientFacts


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def simulated(
    rng: np.random.Generator,
    disorders: Sequence[str],
    *,
    shift: float = 0.0,
    strength: float = 1.0,
    centres: int = 7,
    dim: int = 32,
    photos: int = 3,
    prefix: str = "P",
    **facts: Sequence[object],
) -> Selection:
    """A patient for each of `disorders`, an empty text for none, with one to `photos` photos.

    `strength`: how far the centres of disorders lie from the middle of all faces; `shift`: how far
    this group's faces lie from there, along one direction. The directions are those of the seed
    `centres`. A person's own part has the length 1, a photo's own 0.7. `facts`: sex, ancestry,
    cohort, family, site, and ages, one for each patient.
    """
    common = np.random.default_rng(centres)
    middle, direction = unit(common.standard_normal((2, dim)))
    places = {name: unit(common.standard_normal(dim)) for name in sorted({*disorders} - {""})}
    names = tuple(f"{prefix}{number:04d}" for number in range(len(disorders)))
    means = np.stack([places.get(one, np.zeros(dim)) for one in disorders]) * strength
    means = means + middle + shift * direction + unit(rng.standard_normal(means.shape))
    owner = np.repeat(np.arange(len(names)), rng.integers(1, photos + 1, len(names)))
    rows = means[owner] + 0.7 * unit(rng.standard_normal((len(owner), dim)))
    empty = [""] * len(names)
    texts = [
        np.array(facts.get(name, empty), dtype=np.str_)
        for name in ("sex", "ancestry", "cohort", "consent", "family")
    ]
    ages = np.array(facts.get("ages", [np.nan] * len(names)), dtype=np.float64)
    return Selection(
        descriptors=unit(rows).astype(np.float32),
        photos=np.array([f"{names[o]}-{row}.png" for row, o in enumerate(owner)]),
        ages=ages[owner],
        sites=np.array(facts.get("site", empty), dtype=np.str_)[owner],
        patient_of_row=owner,
        patients=names,
        people=PatientFacts(*texts),
        disorders=tuple((one,) if one else () for one in disorders),
        genes=((),) * len(names),
        stored_as=names,
        space="simulated",
        fingerprint="f" * 64,
        slots=1,
        source="simulated",
    )


def joined(one: Selection, other: Selection) -> Selection:
    """The patients of two selections, those of the first before the others."""
    facts = [
        np.concatenate([getattr(one.people, name), getattr(other.people, name)])
        for name in ("sex", "ancestry", "cohort", "consent", "family")
    ]
    return replace(
        one,
        descriptors=np.concatenate([one.descriptors, other.descriptors]),
        photos=np.concatenate([one.photos, other.photos]),
        ages=np.concatenate([one.ages, other.ages]),
        sites=np.concatenate([one.sites, other.sites]),
        patient_of_row=np.concatenate(
            [one.patient_of_row, len(one.patients) + other.patient_of_row]
        ),
        patients=(*one.patients, *other.patients),
        people=type(one.people)(*facts),
        disorders=(*one.disorders, *other.disorders),
        genes=(*one.genes, *other.genes),
    )


def renamed(selection: Selection, prefix: str) -> Selection:
    """The same faces as patients of other names."""
    names = tuple(f"{prefix}{one[1:]}" for one in selection.patients)
    photos = np.array([f"{prefix}{one[1:]}" for one in selection.photos])
    return replace(selection, patients=names, stored_as=names, photos=photos)
