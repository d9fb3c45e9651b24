"""What a space sees of each HPO term that can be simulated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.descriptors import to_descriptors
from gestalt_space.encoders.specification import Encoder
from gestalt_space.explain.term_effects import (
    Flags,
    TermEffect,
    difference,
    term_directions,
    term_effect,
)
from gestalt_space.explain.term_faces import FacesPlan, PersonFaces, everybody, term_faces
from gestalt_space.faces.detection import Detector
from gestalt_space.progress import Progress, no_progress
from gestalt_space.simulate.persons import Persons
from gestalt_space.simulate.phenotypes import TERMS
from gestalt_space.stats.estimates import Estimate
from gestalt_space.stats.resampling import Bootstrap
from gestalt_space.types import Descriptors


@dataclass(frozen=True, eq=False)
class EncodedFaces:
    """Faces of people in a space.

    `descriptors` `(n, 2 + t, d)` and `found` `(n, 2 + t)`: a photo, another photo, and the first
    one with each of the terms; `measured` `(n,)`; `groups`: who `(n,)` is in each group of sex, age
    and ancestry.
    """

    descriptors: Descriptors
    found: Flags
    measured: Flags
    groups: Mapping[str, Mapping[str, Flags]]
    terms: tuple[str, ...]

    def usable(self, column: int) -> Flags:
        """`(n,)`: in whom a face was found in the first photo and in that one."""
        return np.asarray(self.found[:, 0] & self.found[:, column])

    def directions(self) -> NDArray[np.float64]:
        """`(t, d)`: the mean move of each term, over all people."""
        columns = range(2, 2 + len(self.terms))
        return term_directions(
            self.descriptors[:, 0],
            [self.descriptors[:, column] for column in columns],
            [self.usable(column) for column in columns],
        )


@dataclass(frozen=True, slots=True)
class ProbedSpace:
    """`another_photo`: what would be seen of a term that changes nothing; `terms`: by identifier.
    `people`: all who were measured; `missed`: photos in which no face was found."""

    another_photo: TermEffect
    terms: Mapping[str, TermEffect]
    people: int
    missed: int

    @property
    def terms_in_order(self) -> list[str]:
        """The term that the space sees best first."""
        return sorted(self.terms, key=lambda term: -self.terms[term].effect.value)


def encode_faces(
    plan: FacesPlan,
    detector: Detector,
    encoders: Sequence[Encoder],
    *,
    terms: Sequence[str] = tuple(TERMS),
    progress: Progress = no_progress,
) -> list[EncodedFaces]:
    """The same faces in the space of each encoder."""
    persons = Persons.builtin()
    total = len(everybody(plan, persons))
    rows: list[list[Descriptors]] = [[] for _ in encoders]
    people: list[PersonFaces] = []
    for number, person in enumerate(term_faces(plan, persons, detector, terms), start=1):
        for row, encoder in zip(rows, encoders, strict=True):
            row.append(to_descriptors(encoder.encode(person.crops)))
        people.append(person)
        progress(number, total)
    groups = {
        fact: {
            level: np.array([getattr(one, fact) == level for one in people])
            for level in dict.fromkeys(getattr(one, fact) for one in people)
        }
        for fact in ("sex", "age", "ancestry")
    }
    found = np.stack([one.found for one in people])
    measured = np.array([one.measured for one in people])
    return [EncodedFaces(np.stack(row), found, measured, groups, tuple(terms)) for row in rows]


def probe_space(faces: EncodedFaces, bootstrap: Bootstrap) -> ProbedSpace:
    """The effect of each term. Raises `UsageError` where a face was found in too few people."""
    groups = {level: who for levels in faces.groups.values() for level, who in levels.items()}
    another, *shown = [
        term_effect(
            faces.descriptors[:, 0],
            faces.descriptors[:, column],
            faces.usable(column),
            faces.measured,
            groups,
            bootstrap,
        )
        for column in range(1, 2 + len(faces.terms))
    ]
    return ProbedSpace(
        another,
        dict(zip(faces.terms, shown, strict=True)),
        int(faces.measured.sum()),
        int((~faces.found).sum()),
    )


def compare_spaces(
    one: ProbedSpace, other: ProbedSpace, bootstrap: Bootstrap
) -> Mapping[str, Estimate]:
    """By term: how much larger the effect is in one space than in the other, in the same people."""
    return {
        term: difference(effect, other.terms[term], bootstrap) for term, effect in one.terms.items()
    }
