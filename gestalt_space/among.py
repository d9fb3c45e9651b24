"""Which photos of a gallery may be evidence: exact filters on what is known of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import GalleryEmpty, UsageError
from gestalt_space.intake import parse_age, parse_disorder, parse_sex
from gestalt_space.snapshot import Snapshot

TEXTS = ("sex", "ancestry", "cohort", "consent", "disorder")
KEYS = (*TEXTS, "age")
HINT = (
    "Write --among sex=female, ancestry=European, age=0-5y, cohort=…, disorder=OMIM:… or "
    "consent=…; several values are separated by ;."
)


@dataclass(frozen=True, slots=True)
class Among:
    """What is asked of evidence; each part holds, and any value of a part.

    `texts`: pairs of a key of `TEXTS` and its values, in lower case but for disorders. `age`: first
    and last age in years, both included; what is not known fits no part.
    """

    texts: tuple[tuple[str, frozenset[str]], ...] = ()
    age: tuple[float, float] | None = None

    def __bool__(self) -> bool:
        return bool(self.texts) or self.age is not None

    @property
    def disorders(self) -> bool:
        """Whether disorders are asked for."""
        return any(key == "disorder" for key, _ in self.texts)

    def __str__(self) -> str:
        parts = [f"{key}={';'.join(sorted(values))}" for key, values in self.texts]
        if self.age is not None:
            parts.append(f"age={self.age[0]:g}-{self.age[1]:g}y")
        return ", ".join(parts)


EVERYBODY = Among()


def parse_among(parts: Sequence[str]) -> Among:
    """A filter from texts like `sex=female` and `age=0-5y`. Raises `UsageError`."""
    texts: dict[str, frozenset[str]] = {}
    age = None
    for part in parts:
        key, equals, text = part.partition("=")
        key = key.strip().lower()
        values = [value.strip() for value in text.split(";") if value.strip()]
        if key not in KEYS or not equals or not values:
            raise UsageError(f"{part!r} is not a filter.", HINT)
        if key in texts or (key == "age" and age is not None):
            raise UsageError(f"There are two filters on {key}.", "Separate values by ; in one.")
        if key == "age":
            age = _ages(text)
        else:
            texts[key] = frozenset(map(_spelling(key), values))
    return Among(tuple(sorted(texts.items())), age)


def keep_among(snapshot: Snapshot, among: Among, disorders: Snapshot | None = None) -> Snapshot:
    """The snapshot with the rows that fit alone as evidence; it needs its `people` and `photos`.

    `disorders`: a snapshot of the same rows by disorder, for a filter on disorders where the lines
    are others. Raises `GalleryEmpty` where nothing is left.
    """
    eligible = _eligible(snapshot, among, disorders or snapshot)
    grouping = snapshot.lines.grouping.restricted(eligible)
    if not len(grouping.groups):
        raise GalleryEmpty(
            f"No {snapshot.lines.by} of the gallery is left by the filter {among}.",
            "Ask for less, or look at what there is: `gestalt index list`.",
        )
    return replace(snapshot, lines=replace(snapshot.lines, grouping=grouping))


def _eligible(snapshot: Snapshot, among: Among, disorders: Snapshot) -> NDArray[np.bool_]:
    assert snapshot.people is not None, "a filter needs details"  # noqa: S101
    assert snapshot.photos is not None, "a filter needs details"  # noqa: S101
    patients = np.ones(len(snapshot.patients), dtype=bool)
    for key, values in among.texts:
        if key == "disorder":
            patients &= _with_disorder(disorders, values)
        else:
            told = np.char.lower(getattr(snapshot.people, key))
            patients &= np.isin(told, list(values))
    eligible: NDArray[np.bool_] = patients[snapshot.patient_of_row]
    if among.age is not None:
        ages = snapshot.photos.ages
        eligible &= (ages >= among.age[0]) & (ages <= among.age[1])
    return eligible


def _with_disorder(disorders: Snapshot, ids: frozenset[str]) -> NDArray[np.bool_]:
    grouping = disorders.lines.grouping
    wanted = [
        place for place in range(len(grouping.groups)) if disorders.lines.title(place)[0] in ids
    ]
    fits = np.zeros(len(disorders.patients), dtype=bool)
    for place in wanted:
        fits[grouping.patients[grouping.members_of(place)]] = True
    return fits


def _spelling(key: str) -> Callable[[str], str]:
    if key == "disorder":
        return parse_disorder
    if key == "sex":
        return lambda text: parse_sex(text) or ""
    return str.lower


def _ages(text: str) -> tuple[float, float]:
    """First and last age, in years, of `0-5y`, `18m-4y`, `10y-` or `-2y`."""
    first, dash, last = text.strip().partition("-")
    if not dash or not (first or last):
        raise UsageError(f"{text!r} is not a range of ages.", "Write 0-5y, 18m-4y, 10y- or -2y.")
    low, high = parse_age(first), parse_age(last)
    low, high = low or 0.0, math.inf if high is None else high
    if low > high:
        raise UsageError(f"The ages {text!r} run backwards.", "The younger one comes first.")
    return low, high
