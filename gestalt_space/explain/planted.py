"""Faces with a phenotype at a known place: the truth that maps are held against."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.faces.alignment import SIZE, TEMPLATE, similarity_transform
from gestalt_space.simulate.aligned_photos import photographed
from gestalt_space.simulate.persons import Persons, Portrait
from gestalt_space.simulate.phenotypes import TERMS, bump_table, fields_of, show
from gestalt_space.types import Pixels

AGES = (1.0, 40.0)
"""Years of the persons."""
OF_THE_MOST = 0.5
"""A pixel belongs to the planted region where the face is changed by this share of the largest
change or more, in any of the ways in which the term changes it: moved, lightened, hairy and so
on."""


@dataclass(frozen=True, eq=False)
class PlantedFace:
    """The aligned face of a simulated patient `(112, 112, 3)`, and where the phenotype is."""

    crop: Pixels
    region: NDArray[np.bool_]


def planted_face(
    persons: Persons, rng: np.random.Generator, term: str, strength: float
) -> PlantedFace:
    """A person who does not exist, with one phenotype of so many standard deviations, photographed
    as simulated patients are. Raises `UsageError` for an unknown term."""
    person = persons.sample(rng, age_years=float(rng.uniform(*AGES)))
    before = persons.portrait(person, rng)
    after = show(before, {term: strength})
    return PlantedFace(photographed(after, rng), _region(term, before, after))


def _region(term: str, before: Portrait, after: Portrait) -> NDArray[np.bool_]:
    """Where a term changes a face, in its aligned face."""
    fields = fields_of(bump_table(TERMS[term].bumps), before)
    changes = [np.hypot(fields[0], fields[1]), *np.abs(fields[2:])]
    matrix = similarity_transform(after.landmarks, TEMPLATE)
    found = np.zeros((SIZE, SIZE), np.bool_)
    for change in changes:
        if (most := float(change.max())) > 0:
            laid = cv2.warpAffine((change / most).astype(np.float32), matrix, (SIZE, SIZE))
            found |= laid >= OF_THE_MOST
    return found
