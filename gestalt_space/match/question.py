"""What is asked of a gallery about every probe."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, cast, get_args

import numpy as np

from gestalt_space.errors import UsageError
from gestalt_space.gallery.intake.values import check_age, parse_sex
from gestalt_space.index.approximate import KINDS, ApproximateKind
from gestalt_space.index.engines.registry import OPENERS, EngineName
from gestalt_space.match.demographics import age_groups
from gestalt_space.match.filters import EVERYBODY, PatientFilter
from gestalt_space.names import check_names
from gestalt_space.ranking.aggregation import EVERY_AGGREGATION, Aggregation
from gestalt_space.store.people import By
from gestalt_space.store.reads import PatientRecord

IndexName = Literal["exact"] | ApproximateKind | EngineName
INDEXES: tuple[IndexName, ...] = ("exact", *KINDS, *OPENERS)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a gallery about every probe.

    `k`: number of lines. `without`: patients to exclude. `family`: family of new photos, by its
    name in the gallery, whose patients are excluded; a stored patient's own family is always
    excluded, unless `with_family` is set. `sex`, `age` in years, `ancestry`: of the probe's
    patient, if known; the answer counts the patients of the gallery who share them. `index`:
    `exact`; an approximate index, which misses some photos, has no filter, and ranks only by
    `nearest`; or a search engine of the home, which may miss some, and ranks only by `nearest`.
    Raises `UsageError` for an unknown value, and for options that cannot be combined.
    """

    k: int = 10
    by: By = "disorder"
    aggregation: Aggregation = "nearest"
    among: PatientFilter = EVERYBODY
    without: tuple[str, ...] = ()
    family: str | None = None
    with_family: bool = False
    sex: str | None = None
    age: float | None = None
    ancestry: str | None = None
    index: IndexName = "exact"

    def __post_init__(self) -> None:
        parse_by(self.by)
        parse_aggregation(self.aggregation)
        parse_index(self.index)
        check_names(self.without, "without")
        if not isinstance(self.k, int | np.integer) or self.k < 1:
            raise UsageError(f"The number of lines cannot be {self.k!r}.", "Give 1 or more.")
        if not isinstance(self.among, PatientFilter):
            raise UsageError(
                f"{self.among!r} is not a filter.", 'Make a filter: parse_among(["sex=female"]).'
            )
        if self.age is not None:
            if not isinstance(self.age, int | float | np.number):
                raise UsageError(f"{self.age!r} is not an age.", "Give years, as a number.")
            check_age(float(self.age), str(self.age))
        if parse_sex(self.sex) != self.sex:
            raise UsageError(f"{self.sex!r} is not a sex.", "Give female, male, other or None.")
        if self.index != "exact" and self.aggregation != "nearest":
            raise UsageError(
                f"The aggregation {self.aggregation} needs all photos of a disorder, and the index "
                f"{self.index} finds only the photos nearest to the probe.",
                "Leave out --index, or leave out --aggregation.",
            )
        if self.index in KINDS and self.among:
            raise UsageError(
                f"The recall of the index {self.index} was measured without a filter.",
                "Leave out --index or --among.",
            )
        if self.with_family and self.family is not None:
            raise UsageError(
                "--family and --with-family cannot be combined.",
                "Leave one of them out.",
            )

    def about(self, patient: PatientRecord) -> Question:
        """The question, with what the gallery knows of a patient where it does not tell it; an age
        where all the photos are of one age group."""
        ages = np.array([photo.age for photo in patient.photos if photo.age is not None])
        age = float(ages.mean()) if len(np.unique(age_groups(ages))) == 1 else None
        return replace(
            self,
            sex=self.sex or patient.sex,
            age=age if self.age is None else self.age,
            ancestry=self.ancestry or patient.ancestry,
        )


def parse_by(text: str) -> By:
    """What to rank by its name. Raises `UsageError`."""
    for by in get_args(By):
        if text == by:
            return cast(By, by)
    raise UsageError(f"Cannot rank by {text!r}.", f"Choose one of: {', '.join(get_args(By))}.")


def parse_aggregation(text: str) -> Aggregation:
    """An aggregation by its name. Raises `UsageError`."""
    for aggregation in EVERY_AGGREGATION:
        if text == aggregation:
            return aggregation
    raise UsageError(
        f"Unknown aggregation {text!r}.", f"Choose one of: {', '.join(EVERY_AGGREGATION)}."
    )


def parse_index(text: str) -> IndexName:
    """What searches, by its name. Raises `UsageError`."""
    for index in INDEXES:
        if text == index:
            return index
    raise UsageError(f"Unknown index {text!r}.", f"Choose one of: {', '.join(INDEXES)}.")


TEN_DISORDERS = Question()
