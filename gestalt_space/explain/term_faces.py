"""Faces of persons who do not exist, each without and with each HPO term that can be simulated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import FaceError
from gestalt_space.faces.detection import Detector, find_faces
from gestalt_space.simulate.capture import sample_capture, take
from gestalt_space.simulate.persons import SEXES, Persons, Portrait
from gestalt_space.simulate.phenotypes import TERMS, show
from gestalt_space.types import Crops, Photo, Pixels

AGES: dict[str, tuple[float, float]] = {
    "1–4 years": (1.0, 5.0),
    "5–9 years": (5.0, 10.0),
    "10 years and older": (10.0, 60.0),
}
"""Groups of ages in years; within one, ages are uniform."""


_BLACK: Pixels = np.zeros((112, 112, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class FacesPlan:
    """`people`: in each group of sex, age and ancestry, and as many again, from whom the directions
    of the terms are taken. `strength`: of each term, in standard deviations of what it changes. The
    same seed gives the same faces."""

    people: int = 4
    strength: float = 2.0
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class PersonFaces:
    """Aligned faces of a person. `measured`: whether the person is measured, or gives directions.
    `crops` `(2 + t, 112, 112, 3)` uint8: a photo, another photo, and
    the first one again with each term; where no face was found there, `found` `(2 + t,)` is
    false and the crop is black."""

    sex: str
    age: str
    ancestry: str
    measured: bool
    crops: Crops
    found: NDArray[np.bool_]


def everybody(plan: FacesPlan, persons: Persons) -> list[tuple[int, tuple[str, str, str]]]:
    """The half and the group of each person of a plan, in their order."""
    groups = product(SEXES, AGES, persons.ancestries)
    return list(product((0, 1), list(groups) * plan.people))


def term_faces(
    plan: FacesPlan, persons: Persons, detector: Detector, terms: Sequence[str] = tuple(TERMS)
) -> Iterator[PersonFaces]:
    """The faces of each person of a plan.

    A term is shown before the photo is taken, in the same pose and light as without it, and the
    face is found and aligned anew: what alignment takes away of a term, no encoder sees.
    """
    for number, (half, (sex, age, ancestry)) in enumerate(everybody(plan, persons)):
        rng = np.random.default_rng([plan.seed, number])
        years = float(rng.uniform(*AGES[age]))
        person = persons.sample(rng, sex=sex, age_years=years, ancestry=ancestry)
        # What changes from photo to photo, once for the first photo and once for another one.
        first = persons.portrait(person, np.random.default_rng([plan.seed, number, 1]))
        again = persons.portrait(person, np.random.default_rng([plan.seed, number, 2]))
        capture, other = sample_capture(rng), sample_capture(rng)
        photos = [take(first, capture), take(again, other)]
        photos += [take(show(first, {term: plan.strength}), capture) for term in terms]
        crops = [_aligned(photo, detector) for photo in photos]
        yield PersonFaces(
            sex,
            age,
            ancestry,
            half == 1,
            np.stack([_BLACK if crop is None else crop for crop in crops]),
            np.array([crop is not None for crop in crops]),
        )


def _aligned(photo: Portrait, detector: Detector) -> Pixels | None:
    try:
        faces = find_faces(Photo("", np.ascontiguousarray(photo.pixels), "", "JPEG"), detector)
    except FaceError:
        return None
    return faces[0].crop
