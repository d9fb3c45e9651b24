"""Whom a cohort is made of: sampled persons, or real faces that carry simulated phenotypes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn, Protocol

import numpy as np

from gestalt_space.errors import UsageError
from gestalt_space.simulate.persons import SEXES, Person, Persons, Portrait
from gestalt_space.simulate.real_faces import RealFace
from gestalt_space.simulate.surroundings import Background

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody a patient can be. `source`: what the source makes portraits from.

    `ages_freely`: whether there can be portraits at other ages.
    """

    sex: str
    age_years: float
    ancestry: str
    ages_freely: bool
    source: Person | RealFace


class SubjectSource(Protocol):
    """Gives subjects and their portraits."""

    @property
    def sexes(self) -> Sequence[str]:
        """The sexes that there are."""
        ...

    @property
    def ancestries(self) -> Sequence[str]:
        """The ancestries that there are."""
        ...

    def draw(
        self, rng: np.random.Generator, *, sex: str, age_years: float, ancestry: str
    ) -> Subject:
        """Somebody who was not drawn before, as close to what is asked for as there is."""
        ...

    def relative(
        self,
        rng: np.random.Generator,
        subject: Subject,
        *,
        sex: str,
        age_years: float,
        kinship: float,
    ) -> Subject:
        """Somebody of a subject's family, the correlation of whose faces is `kinship`, 0..1."""
        ...

    def portrait(
        self,
        subject: Subject,
        rng: np.random.Generator,
        age_years: float,
        wall: Background | None = None,
    ) -> Portrait:
        """The subject's face at an age, before a wall where one is given."""
        ...


class SampledSubjects:
    """Persons who do not exist."""

    def __init__(self, persons: Persons) -> None:
        self._persons = persons
        self.sexes: Sequence[str] = SEXES
        self.ancestries: Sequence[str] = persons.ancestries

    def draw(
        self, rng: np.random.Generator, *, sex: str, age_years: float, ancestry: str
    ) -> Subject:
        """See `SubjectSource.draw`."""
        person = self._persons.sample(rng, sex=sex, age_years=age_years, ancestry=ancestry)
        return Subject(sex, age_years, ancestry, ages_freely=True, source=person)

    def relative(
        self,
        rng: np.random.Generator,
        subject: Subject,
        *,
        sex: str,
        age_years: float,
        kinship: float,
    ) -> Subject:
        """See `SubjectSource.relative`."""
        assert isinstance(subject.source, Person)  # noqa: S101 - subjects of this source only
        person = self._persons.relative(
            rng, subject.source, sex=sex, age_years=age_years, kinship=kinship
        )
        return Subject(sex, age_years, subject.ancestry, ages_freely=True, source=person)

    def portrait(
        self,
        subject: Subject,
        rng: np.random.Generator,
        age_years: float,
        wall: Background | None = None,
    ) -> Portrait:
        """See `SubjectSource.portrait`."""
        assert isinstance(subject.source, Person)  # noqa: S101 - subjects of this source only
        return self._persons.portrait(subject.source, rng, age_years=age_years, wall=wall)


class RealSubjects:
    """Real faces, each drawn once. What is not known of a person is `unknown`."""

    def __init__(self, faces: Sequence[RealFace]) -> None:
        self._free = list(faces)
        self.sexes: Sequence[str] = sorted({face.labels.sex or UNKNOWN for face in faces})
        self.ancestries: Sequence[str] = sorted({f.labels.ancestry or UNKNOWN for f in faces})

    def draw(
        self, rng: np.random.Generator, *, sex: str, age_years: float, ancestry: str
    ) -> Subject:
        """See `SubjectSource.draw`. Raises `UsageError` when all faces are drawn."""
        if not self._free:
            raise UsageError(
                "The folder has fewer faces than the cohort has people.",
                "Use more photos, or fewer --patients and --controls.",
            )
        misfit = [
            (face.labels.sex or UNKNOWN, face.labels.ancestry or UNKNOWN) != (sex, ancestry)
            for face in self._free
        ]
        years = [
            0.0 if face.labels.age_years is None else abs(face.labels.age_years - age_years)
            for face in self._free
        ]
        cost = 1000.0 * np.array(misfit) + np.array(years) + rng.uniform(0, 5, len(self._free))
        face = self._free.pop(int(cost.argmin()))
        return Subject(
            sex=face.labels.sex or UNKNOWN,
            age_years=age_years if face.labels.age_years is None else face.labels.age_years,
            ancestry=face.labels.ancestry or UNKNOWN,
            ages_freely=False,
            source=face,
        )

    def relative(self, *_: object, **__: object) -> NoReturn:
        """Raises `UsageError`: who of the real people is related is not known."""
        raise UsageError(
            "Families cannot be simulated with real faces.",
            "Leave out --families, or use simulated faces: --persons builtin.",
        )

    def portrait(
        self,
        subject: Subject,
        rng: np.random.Generator,  # noqa: ARG002 - one photo is all there is
        age_years: float,  # noqa: ARG002
        wall: Background | None = None,  # noqa: ARG002
    ) -> Portrait:
        """See `SubjectSource.portrait`."""
        assert isinstance(subject.source, RealFace)  # noqa: S101 - subjects of this source only
        return subject.source.portrait
