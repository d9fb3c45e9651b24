"""Which photos of a gallery may be evidence: exact filters on what is known of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from gestalt_space.ages import HALF_A_DAY, age_text, same_age
from gestalt_space.errors import UsageError
from gestalt_space.gallery.intake.disorders import parse_disorder
from gestalt_space.gallery.intake.values import is_unknown, parse_age, parse_sex
from gestalt_space.gallery.people import folded_hashes
from gestalt_space.gallery.state import GalleryState
from gestalt_space.index.hashing import hash64_all
from gestalt_space.names import normal_name
from gestalt_space.store.lookups import disorder_keys

TEXTS = ("sex", "ancestry", "cohort", "consent", "family", "site", "disorder")
KEYS = (*TEXTS, "age")
HINT = (
    "Write --among sex=female, ancestry=European, age=0-5y, cohort=…, family=…, site=…, "
    "disorder=OMIM:… or consent=…. Separate several values by ;. `unknown` is a value too."
)


@dataclass(frozen=True, slots=True)
class PatientFilter:
    """A filter on evidence: every part must fit, with any one of its values.

    `texts`: pairs of a key of `TEXTS` and its values, in lower case except for disorders and
    families; an empty value means not known. `age`: youngest and oldest age in years, both included
    to the day. `unknown_age`: photos without an age fit too, or only those.
    """

    texts: tuple[tuple[str, frozenset[str]], ...] = ()
    age: tuple[float, float] | None = None
    unknown_age: bool = False

    def __bool__(self) -> bool:
        return bool(self.texts) or self.asks_age

    @property
    def asks_age(self) -> bool:
        """Whether ages are asked for."""
        return self.age is not None or self.unknown_age

    @property
    def disorders(self) -> bool:
        """Whether disorders are asked for."""
        return any(key == "disorder" for key, _ in self.texts)

    def __str__(self) -> str:
        parts = {
            key: [value or "unknown" for value in sorted(values)] for key, values in self.texts
        }
        if self.age is not None:
            first, last = self.age
            start = age_text(first) if first else "0"
            end = "" if math.isinf(last) else age_text(last)
            parts["age"] = [f"{start}-{end}"]
        if self.unknown_age:
            parts["age"] = [*parts.get("age", []), "unknown"]
        return ", ".join(f"{key}={';'.join(values)}" for key, values in parts.items())


EVERYBODY = PatientFilter()


def parse_filter(parts: Sequence[str]) -> PatientFilter:
    """A filter from texts like `sex=female` and `age=0-5y`. Raises `UsageError`."""
    texts: dict[str, frozenset[str]] = {}
    ages: list[str] = []
    for part in parts:
        key, equals, text = part.partition("=")
        key = key.strip().lower()
        values = [value.strip() for value in text.split(";") if value.strip()]
        if key not in KEYS or not equals or not values:
            raise UsageError(f"{part!r} is not a filter.", HINT)
        if key in texts or (key == "age" and ages):
            raise UsageError(
                f"There are two filters on {key}.", "Use one filter, and separate its values by ;."
            )
        if key == "age":
            ages = values
        else:
            spelling = _spelling(key)
            texts[key] = frozenset("" if is_unknown(value) else spelling(value) for value in values)
    ranges = [text for text in ages if not is_unknown(text)]
    if len(ranges) > 1:
        raise UsageError("There are two age ranges.", "Give one, such as age=0-5y.")
    return PatientFilter(
        tuple(sorted(texts.items())), _ages(ranges[0]) if ranges else None, len(ages) > len(ranges)
    )


def eligible_rows(state: GalleryState, among: PatientFilter, session: Session) -> NDArray[np.bool_]:
    """Which rows `(n,)` of a gallery fit."""
    patients = state.patients
    fits = np.ones(state.people.last_key + 2, dtype=bool)
    fits[-1] = False  # the place of -1, for rows that were removed
    keys = np.arange(len(fits) - 1)
    for key, values in among.texts:
        if key == "disorder":
            fits[:-1] &= _with_disorder(state, values, session)
        elif key != "site":
            fits[:-1] &= np.isin(state.people.fact(key, keys), _hashes(key, values))
    rows: NDArray[np.bool_] = fits[patients]
    for key, values in among.texts:
        if key == "site":
            rows &= np.isin(state.sites, _hashes(key, values))
    if among.asks_age:
        rows &= _of_age(state.ages, among)
    return rows


def _hashes(key: str, values: Collection[str]) -> NDArray[np.int64]:
    texts = sorted(values)
    return hash64_all(texts) if key == "family" else folded_hashes(texts)


def _of_age(ages: NDArray[np.float64], among: PatientFilter) -> NDArray[np.bool_]:
    fits: NDArray[np.bool_] = np.isnan(ages) & among.unknown_age
    if among.age is not None:
        first, last = among.age
        fits |= (ages >= first - HALF_A_DAY) & (ages <= last + HALF_A_DAY)
    return fits


def _with_disorder(state: GalleryState, ids: frozenset[str], session: Session) -> NDArray[np.bool_]:
    """By patients' keys, who has one of some disorders, an empty text being none."""
    fits = np.zeros(state.people.last_key + 1, dtype=bool)
    for key in disorder_keys(session, sorted(ids - {""})).values():
        fits[state.people.members_of("disorder", key)] = True
    if "" in ids:
        undiagnosed = np.ones(len(fits), dtype=bool)
        undiagnosed[state.people.pairs("disorder")[0]] = False
        fits |= undiagnosed
    return fits


def _spelling(key: str) -> Callable[[str], str]:
    if key == "disorder":
        return parse_disorder
    if key == "sex":
        return lambda text: parse_sex(text) or ""
    if key == "family":
        return normal_name  # as it is written: a family is nobody else's by case
    return lambda text: normal_name(text).lower()


def _ages(text: str) -> tuple[float, float]:
    """First and last age, in years, of `0-5y`, `18m-4y`, `10y-` or `-2y`."""
    first, dash, last = text.replace("\N{EN DASH}", "-").partition("-")
    ends = [end for end in (first, last) if end.strip()]
    if not dash or not ends or any(map(is_unknown, ends)):
        raise UsageError(f"{text!r} is not an age range.", "Write 0-5y, 18m-4y, 10y- or -2y.")
    low, high = parse_age(first), parse_age(last)
    low, high = low or 0.0, math.inf if high is None else high
    if low > high and not same_age(low, high):
        raise UsageError(
            f"The age range {text!r} ends before it starts.", "Write the younger age first."
        )
    return low, high
