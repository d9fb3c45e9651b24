"""What a match must answer, written out in plain loops over dictionaries, from the documents:
docs/how-it-works.md, and what the aggregations and the answer's records say of themselves.

Nothing here asks the code under test. Similarities are sums without an error of rounding
(`math.fsum`), means are of double precision.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

HALF_A_DAY = 0.5 / 365.25
AGES = ("under 1 year", "1 to 4 years", "5 to 9 years", "10 years and older")
SHARES = np.concatenate([[1.0, 0.9, 0.8, 0.7, 0.6], np.geomspace(0.5, 1e-4, 40)])
"""Of patients without a disorder, at whose similarities a curve is kept."""


@dataclass
class Patient:
    """Facts are None where they are not known."""

    sex: str | None = None
    ancestry: str | None = None
    cohort: str | None = None
    consent: str | None = None
    family: str | None = None
    disorders: frozenset[str] = frozenset()
    genes: frozenset[str] = frozenset()


@dataclass
class Photo:
    """`vector` `(d,)`, None where the space lacks the photo; `key`: of its descriptor."""

    name: str
    patient: str
    vector: np.ndarray | None
    age: float | None = None
    site: str | None = None
    key: int = -1


@dataclass
class Curves:
    """A calibration: by `sizes` ascending, the `similarities` `(t,)` of each that the `SHARES` of
    patients reach."""

    sizes: tuple[int, ...]
    similarities: tuple[np.ndarray, ...]
    correlation: float

    def worth(self, photos: Sequence[int]) -> float:
        """How many references patients with so many photos are."""
        return sum(m / (1 + (m - 1) * self.correlation) for m in photos)

    def between(self, values: Sequence[float], references: float) -> float:
        """Between the values of two sizes, in proportion to their logarithms."""
        return float(np.interp(math.log(max(references, 1)), np.log(self.sizes), values))

    def reached(self, curve: np.ndarray, share: float) -> float:
        """The similarity that a share of the patients reaches."""
        return float(np.interp(-share, -SHARES, curve))

    def score(self, similarity: float, references: float) -> float:
        """As with one reference: one half and one in a hundred reach what they would then."""
        middle = [self.reached(curve, 0.5) for curve in self.similarities]
        spread = [
            self.reached(curve, 0.01) - self.reached(curve, 0.5) for curve in self.similarities
        ]
        ratio = spread[0] / self.between(spread, references)
        return middle[0] + (similarity - self.between(middle, references)) * ratio

    def percentile(self, similarity: float, references: float) -> float:
        """The share in percent of patients without the disorder who are less similar."""
        tails = [float(np.interp(similarity, curve, SHARES)) for curve in self.similarities]
        return 100 * (1 - self.between(tails, references))


@dataclass
class Books:
    """What the gallery holds."""

    patients: dict[str, Patient] = field(default_factory=dict)
    photos: dict[str, Photo] = field(default_factory=dict)
    curves: Curves | None = None

    def of(self, patient: str) -> list[Photo]:
        """A patient's photos that have a descriptor, by its key."""
        found = [p for p in self.photos.values() if p.patient == patient and p.vector is not None]
        return sorted(found, key=lambda photo: photo.key)


@dataclass(frozen=True)
class OracleQuestion:
    """A question. `among`: texts by their key, None being unknown; `ages`: first and last, and
    whether those without one fit as well; None where ages are not asked for."""

    by: str = "disorder"
    aggregation: str = "nearest"
    k: int = 10
    among: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    ages: tuple[tuple[float, float] | None, bool] | None = None
    without: tuple[str, ...] = ()
    family: str | None = None
    with_family: bool = False
    sex: str | None = None
    age: float | None = None
    ancestry: str | None = None


@dataclass(frozen=True)
class Line:
    """`photo`: the nearest, with its `similarity`."""

    id: str
    score: float
    similarity: float
    photo: Photo
    patients: int
    photos: int
    percentile: float | None


@dataclass(frozen=True)
class Answer:
    """`lines`: all, best first. `similarities`: of every photo that is evidence, by its name."""

    lines: list[Line]
    similarities: dict[str, float]
    eligible: tuple[int, int, int]
    relatives: tuple[str, ...]


def similarity(probe: np.ndarray, vector: np.ndarray) -> float:
    return math.fsum(float(a) * float(b) for a, b in zip(probe, vector, strict=True))


def fits(books: Books, photo: Photo, question: OracleQuestion) -> bool:
    """Whether the filter lets a photo in."""
    patient = books.patients[photo.patient]
    for key, values in question.among.items():
        if key == "disorder":
            has = set(patient.disorders) or {None}
            if not has & set(values):
                return False
        elif key == "family":
            if patient.family not in values:
                return False
        else:
            known = photo.site if key == "site" else getattr(patient, key)
            if _folded(known) not in {_folded(value) for value in values}:
                return False
    if question.ages is None:
        return True
    between, unknown = question.ages
    if photo.age is None:
        return unknown
    if between is None:
        return False
    return between[0] - HALF_A_DAY <= photo.age <= between[1] + HALF_A_DAY


def groups_of(books: Books, name: str, by: str) -> Iterable[str]:
    patient = books.patients[name]
    return {"disorder": patient.disorders, "gene": patient.genes, "patient": {name}}[by]


def evidence(
    books: Books, question: OracleQuestion, left_out: Iterable[str]
) -> dict[str, dict[str, list[Photo]]]:
    """The photos of every line, by line and patient."""
    found: dict[str, dict[str, list[Photo]]] = {}
    for name in set(books.patients) - set(left_out):
        photos = [photo for photo in books.of(name) if fits(books, photo, question)]
        for group in groups_of(books, name, question.by) if photos else ():
            found.setdefault(group, {})[name] = photos
    return found


def relatives_of(books: Books, question: OracleQuestion, own: str | None) -> set[str]:
    """Who is no evidence beside those whom the question goes without: the probe's own patient and
    their family, and the family that is named."""
    found = set() if own is None else {own}
    own_family = None if own is None or question.with_family else books.patients[own].family
    named = {family for family in (question.family, own_family) if family is not None}
    return found | {name for name, one in books.patients.items() if one.family in named}


def answer(books: Books, question: OracleQuestion, probe: np.ndarray, own: str | None) -> Answer:
    """The answer for a probe `(d,)` that is stored for the patient `own`, if it is."""
    relatives = relatives_of(books, question, own)
    there = evidence(books, question, {*relatives, *question.without})
    otherwise = {p for group in evidence(books, question, question.without).values() for p in group}
    photos = {p.name: p for group in there.values() for some in group.values() for p in some}
    near = {name: similarity(probe, photo.vector) for name, photo in photos.items()}
    scores = SCORES[question.aggregation](books, there, near, probe)
    lines = [
        _line(books, question, group, scores[group], members, near)
        for group, members in there.items()
    ]
    return Answer(
        lines=sorted(lines, key=lambda line: (-line.score, line.id)),
        similarities=near,
        eligible=(len(there), len({p for g in there.values() for p in g}), len(photos)),
        relatives=tuple(sorted((relatives - {own}) & otherwise)),
    )


def composition(
    books: Books, question: OracleQuestion, own: str | None, shown: Sequence[Photo]
) -> list[tuple[str, str, int, int, int, int]]:
    """How many of the neighbours, whose photos are shown, and of all who are eligible, share what
    the question tells; each with those of whom it is known."""
    left_out = {*relatives_of(books, question, own), *question.without}
    there = evidence(books, question, left_out)
    everybody = [p for group in there.values() for some in group.values() for p in some]
    found = []
    for fact in ("ancestry", "sex"):
        told = getattr(question, fact)
        if told is not None:
            counts = (_counts(books, fact, _folded(told), some) for some in (shown, everybody))
            found.append((fact, told, *(count for pair in counts for count in pair)))
    if question.age is not None:
        group = age_group(question.age)
        counts = (_counts(books, "age", group, some) for some in (shown, everybody))
        found.append(("age group", group, *(count for pair in counts for count in pair)))
    return found


def age_group(age: float) -> str:
    return AGES[sum(age >= start for start in (1, 5, 10))]


def _counts(books: Books, fact: str, wanted: object, photos: Iterable[Photo]) -> tuple[int, int]:
    known: dict[str, set[object]] = {}
    for photo in photos:
        if fact == "age":
            value = None if photo.age is None else age_group(photo.age)
        else:
            value = _folded(getattr(books.patients[photo.patient], fact))
        if value is not None:
            known.setdefault(photo.patient, set()).add(value)
    return sum(wanted in values for values in known.values()), len(known)


def _folded(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _line(
    books: Books,
    question: OracleQuestion,
    group: str,
    score: float,
    members: Mapping[str, list[Photo]],
    near: Mapping[str, float],
) -> Line:
    photos = [photo for some in members.values() for photo in some]
    first = min(photos, key=lambda photo: (-near[photo.name], photo.patient, photo.key))
    percentile = None
    if books.curves is not None and question.by == "disorder":
        references = books.curves.worth([len(some) for some in members.values()])
        percentile = books.curves.percentile(min(1, max(-1, near[first.name])), references)
    return Line(group, score, near[first.name], first, len(members), len(photos), percentile)


# What follows gives the score of each line.

Lines = Mapping[str, Mapping[str, list[Photo]]]
Near = Mapping[str, float]
Scores = dict[str, float]


def _nearest(books: Books, there: Lines, near: Near, probe: np.ndarray) -> Scores:
    """The nearest photo."""
    return {group: max(_all(members, near)) for group, members in there.items()}


def _patient_mean(books: Books, there: Lines, near: Near, probe: np.ndarray) -> Scores:
    """The patient whose photos are the nearest on average."""
    return {
        group: max(math.fsum(_all({"": some}, near)) / len(some) for some in members.values())
        for group, members in there.items()
    }


def _centroid(books: Books, there: Lines, near: Near, probe: np.ndarray) -> Scores:
    """The cosine to the mean of the patients' mean descriptors; 0 where that has no direction."""
    found = {}
    for group, members in there.items():
        means = [_mean([photo.vector for photo in some]) for some in members.values()]
        middle = _mean(means)
        length = math.sqrt(math.fsum(middle * middle))
        found[group] = similarity(probe, middle) / length if length >= 1e-6 else 0.0
    return found


def _blend(books: Books, there: Lines, near: Near, probe: np.ndarray) -> Scores:
    """The mean of nearest and centroid."""
    nearest, centroid = (how(books, there, near, probe) for how in (_nearest, _centroid))
    return {group: (nearest[group] + centroid[group]) / 2 for group in there}


def _vote(books: Books, there: Lines, near: Near, probe: np.ndarray) -> Scores:
    """The line's share in the similarity of the ten nearest patients, and of those as near as the
    last of them; lines without one stand behind, by their nearest photo less 2."""
    best = {
        name: max(_all({"": some}, near))
        for members in there.values()
        for name, some in members.items()
    }
    last = min(sorted(best.values(), reverse=True)[:10], default=0)
    votes = {name: max(value, 0) for name, value in best.items() if value >= last}
    total = math.fsum(votes.values())
    found = {}
    for group, members in there.items():
        mine = math.fsum(votes.get(name, 0) for name in members)
        share = mine / max(total, 1e-6)
        found[group] = share if share > 0 else max(_all(members, near)) - 2
    return found


def _calibrated(books: Books, there: Lines, near: Near, probe: np.ndarray) -> Scores:
    """The nearest photo, moved and scaled by the number of references."""
    assert books.curves is not None
    return {
        group: books.curves.score(
            max(_all(members, near)),
            books.curves.worth([len(some) for some in members.values()]),
        )
        for group, members in there.items()
    }


SCORES = {
    "nearest": _nearest,
    "patient-mean": _patient_mean,
    "centroid": _centroid,
    "blend": _blend,
    "vote": _vote,
    "calibrated": _calibrated,
}


def _all(members: Mapping[str, list[Photo]], near: Near) -> Iterator[float]:
    return (near[photo.name] for some in members.values() for photo in some)


def _mean(vectors: Sequence[np.ndarray]) -> np.ndarray:
    columns = np.stack(vectors).astype(np.float64).T
    return np.array([math.fsum(column) / len(vectors) for column in columns])
