"""What is asked of a gallery about every probe."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, cast, get_args

import numpy as np

from gestalt_space.errors import UsageError
from gestalt_space.index.approximate import KINDS, Kind
from gestalt_space.match.among import EVERYBODY, Among
from gestalt_space.match.demographics import age_groups
from gestalt_space.ranking.aggregation import EVERY_AGGREGATION, Aggregation
from gestalt_space.store.people import By
from gestalt_space.store.reads import PatientRecord

IndexName = Literal["exact"] | Kind
INDEXES: tuple[IndexName, ...] = ("exact", *KINDS)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a gallery about every probe.

    `k`: how many lines. `without`: patients who are no evidence. `family`: of new photos, by its
    name in the gallery, whose patients are no evidence; a stored patient's own family is none
    either. `with_family`: a stored patient's family may be evidence. `sex`, `age` in years,
    `ancestry`: of the probe's patient, where they are told; the gallery's composition is set beside
    them. `index`: other than `exact`, photos are looked for by an approximate index that was built,
    which misses some. Raises `UsageError` for a family to leave out where families are let in, and
    for what no approximate index answers.
    """

    k: int = 10
    by: By = "disorder"
    aggregation: Aggregation = "nearest"
    among: Among = EVERYBODY
    without: tuple[str, ...] = ()
    family: str | None = None
    with_family: bool = False
    sex: str | None = None
    age: float | None = None
    ancestry: str | None = None
    index: IndexName = "exact"

    def __post_init__(self) -> None:
        if self.index != "exact" and self.aggregation != "nearest":
            raise UsageError(
                f"The aggregation {self.aggregation} needs more than the nearest photos, and "
                f"{self.index} misses some.",
                "Leave --index or --aggregation out.",
            )
        if self.index != "exact" and self.among:
            raise UsageError(
                f"What {self.index} finds was measured without a filter.",
                "Leave --index or --among out.",
            )
        if self.with_family and self.family is not None:
            raise UsageError(
                "A family is to be left out, and families are let in.",
                "Give --family or --with-family.",
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


TEN_DISORDERS = Question()


def parse_by(text: str) -> By:
    """What to rank by its name. Raises `UsageError`."""
    for by in get_args(By):
        if text == by:
            return cast(By, by)
    raise UsageError(f"Nothing is ranked by {text!r}.", f"There are {', '.join(get_args(By))}.")


def parse_aggregation(text: str) -> Aggregation:
    """An aggregation by its name. Raises `UsageError`."""
    for aggregation in EVERY_AGGREGATION:
        if text == aggregation:
            return aggregation
    raise UsageError(
        f"There is no aggregation {text!r}.", f"There are {', '.join(EVERY_AGGREGATION)}."
    )


def parse_index(text: str) -> IndexName:
    """What searches, by its name. Raises `UsageError`."""
    for index in INDEXES:
        if text == index:
            return index
    raise UsageError(f"There is no index {text!r}.", f"There are {', '.join(INDEXES)}.")
