"""What a similarity means in one gallery and space, told from the gallery itself.

How near the nearest patient of a disorder is depends on how many patients it has: all curves but
one are kept for each number of references. Nothing here names a patient: what is kept are curves
over all of them. `gestalt_space.gallery.calibration` fits them.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left, bisect_right
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gestalt_space.ranking.grouping import Numbers, Values

Floats = NDArray[np.float64]
Verdict = Literal["close match", "weak match", "no close match"]

VERSION = 3
BINS = 400
"""Of similarity, from -1 to 1."""
EDGES = np.linspace(-1, 1, BINS + 1)
FEWEST_PATIENTS = 20
"""Patients whom a curve rests on at the least."""
FEWEST_DISORDERS = 10
"""Disorders of a size whom its likelihood ratio rests on at the least."""
NEAR = 0.6
"""A ratio for fewer references than a disorder has is used where they are so large a part."""
TAILS = np.concatenate([[1.0, 0.9, 0.8, 0.7, 0.6], np.geomspace(0.5, 1e-4, 40)])
"""Shares of patients without a disorder, descending, at whose similarities a curve is kept."""
CLOSE, WEAK = 95.0, 80.0
"""Percentiles among the best similarities to a wrong disorder from which on a match is close, or
weak: of patients whose disorder the gallery lacks, 5 % and 20 % reach them."""


@dataclass(frozen=True, slots=True)
class LikelihoodRatio:
    """`value`, and `lower`, its one-sided 95 % lower bound, 0 where there is none; no probability,
    and without regard to how common the disorder is.

    No strength of evidence in the sense of ACMG/AMP's PP4 is drawn from it: relatives who are not
    entered as such, and disorders that were photographed at one site, raise the bound, and nothing
    in the gallery shows it (benchmarks/calibration.py).
    """

    value: float
    lower: float


@dataclass(frozen=True)
class SizeCurve:
    """What similarities to the nearest of `size` references mean.

    `similarities` `(t,)`: those that the shares `TAILS` of patients without the disorder reach,
    ascending. `disorders`: how many the curves rest on. `edges` `(b - 1,)`, `ratio`, `lower`
    `(b,)`: the likelihood ratio and its lower bound in bins of similarity, the second of which
    begins at the first edge; all empty where it is withheld.
    """

    size: int
    disorders: int
    similarities: Floats
    edges: Floats
    ratio: Floats
    lower: Floats

    def tail(self, similarity: float) -> float:
        """The share, 0..1, of patients without the disorder who are as similar to it."""
        return float(np.interp(similarity, self.similarities, TAILS))

    def is_whole(self) -> bool:
        """Whether the curves have their lengths, are finite, and never fall."""
        curves = (self.similarities, self.edges, self.ratio, self.lower)
        return (
            self.similarities.shape == TAILS.shape
            and self.ratio.shape == self.lower.shape
            and len(self.edges) == max(len(self.ratio) - 1, 0)
            and all(np.isfinite(c).all() and (np.diff(c) >= 0).all() for c in curves)
            and bool((self.lower <= self.ratio).all())
        )


@dataclass(frozen=True)
class Calibration:
    """The curves of one gallery in one space.

    `curves`: for numbers of references, ascending. `best_other` `(BINS + 1,)`: the share, 0..1, of
    patients whose similarity to the nearest of all other disorders lies below each of `EDGES`;
    empty where it rests on too few. `photo_correlation`, 0..1: how little more photos of a patient
    add.
    `patients`, `disorders`: in the gallery; `companions`: patients with another one of their
    disorder who is not of their family.
    """

    curves: tuple[SizeCurve, ...]
    best_other: Floats
    photo_correlation: float
    patients: int
    companions: int
    disorders: int
    seed: int

    def references(self, photos: Numbers) -> float:
        """How many references patients with so many photos each `(p,)` are worth: a patient with
        several counts as m / (1 + (m - 1) r), r being `photo_correlation`."""
        return float(references_of(photos, self.photo_correlation).sum())

    def percentile(self, similarity: float, references: float) -> float | None:
        """The share, 0..100, of patients without a disorder who are less similar to it, of
        disorders with so many references."""
        if not self.curves:
            return None
        return 100 * (1 - self._tail(similarity, references))

    def likelihood_ratio(self, similarity: float, references: float) -> LikelihoodRatio | None:
        """How many times more often such a similarity is seen with a disorder that has so many
        references than without it. None where `why_no_ratio` says why."""
        curve = self._ratio_curve(references)
        if curve is None:
            return None
        place = self._bin(curve, similarity, references)
        return LikelihoodRatio(float(curve.ratio[place]), float(curve.lower[place]))

    def borrowed_ratio(self, similarity: float, references: float) -> float | None:
        """Where `likelihood_ratio` is None: the ratio of a similarity that is as rare for the most
        references, of fewer, that have one. To order lines by; no bound goes with it. None where no
        number of references has a ratio."""
        curve = self._nearest_curve(references)
        if curve is None or self._ratio_curve(references) is not None:
            return None
        return float(curve.ratio[self._bin(curve, similarity, references)])

    def why_no_ratio(self, references: float) -> str | None:
        """Why there is no likelihood ratio for a disorder of so many references, in words; None
        where there is one."""
        if self._ratio_curve(references) is not None:
            return None
        return (
            f"fewer than {FEWEST_DISORDERS} disorders of the gallery have about the same number "
            "of patients"
            if self.curves
            else "the gallery has too few patients who share a disorder"
        )

    def best_percentile(self, best: float) -> float | None:
        """The share, 0..100, of patients whose best similarity to a wrong disorder is lower: how
        the nearest line stands beside what a patient whose disorder the gallery lacks would get."""
        if not len(self.best_other):
            return None
        return float(100 * np.interp(best, EDGES, self.best_other))

    def _tail(self, similarity: float, references: float) -> float:
        """Between the two nearest numbers of references, in proportion to their logarithms."""
        wanted = max(references, 1.0)
        above = bisect_left(self.curves, wanted, key=lambda curve: curve.size)
        if above == len(self.curves):
            return self.curves[-1].tail(similarity)
        upper = self.curves[above]
        if above == 0 or upper.size == wanted:
            return upper.tail(similarity)
        lower = self.curves[above - 1]
        share = math.log(wanted / lower.size) / math.log(upper.size / lower.size)
        near, far = lower.tail(similarity), upper.tail(similarity)
        return near + share * (far - near)

    def _bin(self, curve: SizeCurve, similarity: float, references: float) -> int:
        """The bin of a curve's ratio for a similarity that is as rare among the patients without,
        where there are as many references as the curve is of."""
        tail = self._tail(similarity, references)
        same = float(np.interp(-tail, -TAILS, curve.similarities))
        return int(np.searchsorted(curve.edges, same, side="right"))

    @cached_property
    def _with_ratio(self) -> tuple[SizeCurve, ...]:
        return tuple(curve for curve in self.curves if len(curve.ratio))

    def _ratio_curve(self, references: float) -> SizeCurve | None:
        """Of the most references that are not more than these, and near them."""
        curve = self._nearest_curve(references)
        return None if curve is None or curve.size < NEAR * references else curve

    def _nearest_curve(self, references: float) -> SizeCurve | None:
        """Of the most references that are not more than these and have a ratio."""
        wanted = references + 1e-9
        fitting = bisect_right(self._with_ratio, wanted, key=lambda curve: curve.size)
        return self._with_ratio[fitting - 1] if fitting else None

    def to_json(self) -> str:
        """As text, for `from_json`."""
        return json.dumps({"version": VERSION, **asdict(self)}, default=_rounded)

    @classmethod
    def from_json(cls, text: str) -> Calibration | None:
        """What `to_json` wrote; None where it is damaged or of another version."""
        try:
            document: dict[str, Any] = json.loads(text)
            if document.pop("version") != VERSION:
                return None
            curves = tuple(SizeCurve(**_arrays(curve)) for curve in document.pop("curves"))
            found = cls(curves=curves, **_arrays(document))
            return found if found.is_whole() else None
        except (ValueError, TypeError, KeyError, AttributeError):
            return None

    def is_whole(self) -> bool:
        """Whether every curve is empty or of its length, finite, and never falls, and the ratio has
        a bound that is not above it."""
        best = self.best_other
        sizes = [curve.size for curve in self.curves]
        return (
            all(curve.is_whole() for curve in self.curves)
            and sizes == sorted(set(sizes))
            and best.shape in ((0,), (BINS + 1,))
            and bool(np.isfinite(best).all() and (np.diff(best) >= 0).all())
        )


def verdict_of(best_percentile: float) -> Verdict:
    """The verdict on a match whose nearest line stands at a percentile of `best_other`."""
    if best_percentile >= CLOSE:
        return "close match"
    return "weak match" if best_percentile >= WEAK else "no close match"


def references_of(photos: Numbers, correlation: float) -> Floats:
    """How many references patients with so many photos each `(p,)` are worth, each `(p,)`."""
    counts = np.asarray(photos, dtype=np.float64)
    return np.asarray(counts / (1 + (counts - 1) * correlation))


def best_others(best: Values, patient: Numbers) -> Floats:
    """The shares `best_other` of photos' similarities to the nearest of all other disorders
    `(p,)`, -inf where there is none; `patient` `(p,)`, numbers from 0: whose photo each is.

    A patient counts once, however many the photos. Empty where fewer than `FEWEST_PATIENTS` have
    another disorder to be compared with.
    """
    known = np.isfinite(best)
    photos = np.bincount(patient[known])
    if (photos > 0).sum() < FEWEST_PATIENTS:
        return np.zeros(0)
    total = np.bincount(_bins(best[known]), 1 / photos[patient[known]], minlength=BINS)
    return np.concatenate([[0.0], np.minimum(np.cumsum(total) / total.sum(), 1)])


def _bins(similarities: NDArray[np.floating]) -> Numbers:
    """The bin of each similarity."""
    return np.clip(((similarities + 1) * (BINS / 2)).astype(np.int64), 0, BINS - 1)


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return np.round(values, 6).tolist()  # type: ignore[no-any-return]


def _arrays(document: dict[str, Any]) -> dict[str, Any]:
    return {
        name: np.array(value, dtype=np.float64) if isinstance(value, list) else value
        for name, value in document.items()
    }
