"""Which photos of a gallery may be evidence: exact filters on what is known of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gestalt_space.ages import HALF_A_DAY, age_text, same_age
from gestalt_space.errors import GalleryEmpty, UsageError
from gestalt_space.gallery.intake.disorders import parse_disorder
from gestalt_space.gallery.intake.values import is_unknown, parse_age, parse_sex
from gestalt_space.gallery.snapshot import Snapshot
from gestalt_space.names import normal_name

TEXTS = ("sex", "ancestry", "cohort", "consent", "family", "site", "disorder")
KEYS = (*TEXTS, "age")
HINT = (
    "Write --among sex=female, ancestry=European, age=0-5y, cohort=…, family=…, site=…, "
    "disorder=OMIM:… or consent=…; several values are separated by ;, and unknown is a value."
)


@dataclass(frozen=True, slots=True)
class Among:
    """What is asked of evidence; each part holds, and any value of a part.

    `texts`: pairs of a key of `TEXTS` and its values, in lower case but for disorders; an empty one
    is asked of those of whom it is not known. `age`: first and last age in years, both included to
    the day. `unknown_age`: photos without an age fit as well, or alone.
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


EVERYBODY = Among()


def parse_among(parts: Sequence[str]) -> Among:
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
            raise UsageError(f"There are two filters on {key}.", "Separate values by ; in one.")
        if key == "age":
            ages = values
        else:
            spelling = _spelling(key)
            texts[key] = frozenset("" if is_unknown(value) else spelling(value) for value in values)
    ranges = [text for text in ages if not is_unknown(text)]
    if len(ranges) > 1:
        raise UsageError("There are two ranges of ages.", "Give one, like age=0-5y.")
    return Among(
        tuple(sorted(texts.items())), _ages(ranges[0]) if ranges else None, len(ages) > len(ranges)
    )


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


def keep_without(snapshot: Snapshot, patients: Sequence[str]) -> Snapshot:
    """The snapshot without some patients as evidence. Raises `GalleryEmpty` where none is left."""
    if not patients:
        return snapshot
    places = [place for name in patients if (place := snapshot.patient(name)) is not None]
    grouping = snapshot.lines.grouping.restricted(~np.isin(snapshot.patient_of_row, places))
    if not len(grouping.groups):
        raise GalleryEmpty(
            f"No {snapshot.lines.by} of the gallery is left without {', '.join(patients)}.",
            "Leave fewer patients out.",
        )
    return replace(snapshot, lines=replace(snapshot.lines, grouping=grouping))


def keep_without_family(snapshot: Snapshot, family: str) -> Snapshot:
    """The snapshot without the patients of a family as evidence; they are its `relatives`. Raises
    `GalleryEmpty` where nobody else is left."""
    grouping = snapshot.lines.grouping
    theirs = snapshot.family == family
    ranked = grouping.patients[theirs[grouping.patients]]
    others = grouping.restricted(~theirs[snapshot.patient_of_row])
    if not len(others.groups):
        raise GalleryEmpty(
            f"No {snapshot.lines.by} of the gallery is left without the family {family}.",
            "Add patients of other families, or leave --family out.",
        )
    return replace(
        snapshot,
        lines=replace(snapshot.lines, grouping=others),
        relatives=tuple(snapshot.patients[int(place)] for place in ranked),
    )


def _eligible(snapshot: Snapshot, among: Among, disorders: Snapshot) -> NDArray[np.bool_]:
    assert snapshot.people is not None, "a filter needs details"  # noqa: S101
    assert snapshot.photos is not None, "a filter needs details"  # noqa: S101
    patients = np.ones(len(snapshot.patients), dtype=bool)
    photos = np.ones(len(snapshot.patient_of_row), dtype=bool)
    for key, values in among.texts:
        if key == "disorder":
            patients &= _with_disorder(disorders, values)
        elif key == "site":
            photos &= np.isin(np.char.lower(snapshot.photos.sites), list(values))
        else:
            told = np.char.lower(getattr(snapshot.people, key))
            patients &= np.isin(told, list(values))
    eligible: NDArray[np.bool_] = photos & patients[snapshot.patient_of_row]
    if among.asks_age:
        eligible &= _of_age(snapshot.photos.ages, among)
    return eligible


def _of_age(ages: NDArray[np.float64], among: Among) -> NDArray[np.bool_]:
    fits: NDArray[np.bool_] = np.isnan(ages) & among.unknown_age
    if among.age is not None:
        first, last = among.age
        fits |= (ages >= first - HALF_A_DAY) & (ages <= last + HALF_A_DAY)
    return fits


def _with_disorder(disorders: Snapshot, ids: frozenset[str]) -> NDArray[np.bool_]:
    grouping = disorders.lines.grouping
    wanted = [
        place for place in range(len(grouping.groups)) if disorders.lines.title(place)[0] in ids
    ]
    fits = np.zeros(len(disorders.patients), dtype=bool)
    for place in wanted:
        fits[grouping.patients[grouping.members_of(place)]] = True
    if "" in ids:
        undiagnosed = np.ones(len(disorders.patients), dtype=bool)
        undiagnosed[grouping.patients] = False
        fits |= undiagnosed
    return fits


def _spelling(key: str) -> Callable[[str], str]:
    if key == "disorder":
        return parse_disorder
    if key == "sex":
        return lambda text: parse_sex(text) or ""
    return lambda text: normal_name(text).lower()


def _ages(text: str) -> tuple[float, float]:
    """First and last age, in years, of `0-5y`, `18m-4y`, `10y-` or `-2y`."""
    first, dash, last = text.replace("\N{EN DASH}", "-").partition("-")
    ends = [end for end in (first, last) if end.strip()]
    if not dash or not ends or any(map(is_unknown, ends)):
        raise UsageError(f"{text!r} is not a range of ages.", "Write 0-5y, 18m-4y, 10y- or -2y.")
    low, high = parse_age(first), parse_age(last)
    low, high = low or 0.0, math.inf if high is None else high
    if low > high and not same_age(low, high):
        raise UsageError(f"The ages {text!r} run backwards.", "The younger one comes first.")
    return low, high
