"""What a similarity means in one gallery and space, told from the gallery itself: every patient is
left out in turn and compared with all others.

Nothing here names a patient: what is kept are curves over all of them.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gestalt_space.ranking.aggregation import score_groups
from gestalt_space.ranking.grouping import Grouping, Numbers
from gestalt_space.ranking.likelihood import LikelihoodRatio, fit_ratio, strength_of
from gestalt_space.types import Descriptors

Verdict = Literal["close match", "weak match", "no close match"]

VERSION = 2
BINS = 400
"""Of similarity, from -1 to 1."""
EDGES = np.linspace(-1, 1, BINS + 1)
FEWEST_PATIENTS = 20
"""Patients whom a background rests on at the least; and patients with another one of their
disorder, whom the likelihood ratio rests on."""
CLOSE, WEAK = 95.0, 80.0
"""Percentiles among the best similarities to a wrong disorder from which on a match is close, or
weak: of patients whose disorder the gallery lacks, 5 % and 20 % reach them."""
MOST_PATIENTS = 5_000
"""Patients that are left out in turn; of more, so many are drawn."""

_BLOCK = 256


@dataclass(frozen=True)
class Calibration:
    """The curves of one gallery in one space.

    `background` `(BINS + 1,)`: the share, 0..1, of similarities between a patient and another
    disorder's nearest patient that lie below each of `EDGES`; `best_other`: the same of each
    patient's similarity to the nearest of all other disorders. `ratio`, `ratio_lower` `(BINS,)`:
    the likelihood ratio within each bin and its lower bound. Those that rest on too few are empty.
    `patients`, `disorders`: in the gallery; `companions`: patients with another one of their
    disorder, among those who were left out in turn.
    """

    background: NDArray[np.float64]
    best_other: NDArray[np.float64]
    ratio: NDArray[np.float64]
    ratio_lower: NDArray[np.float64]
    patients: int
    companions: int
    disorders: int
    seed: int

    def percentile(self, similarity: float) -> float | None:
        """The share, 0..100, of other disorders that are less similar to a patient."""
        return _percentile(self.background, similarity)

    def likelihood_ratio(self, similarity: float) -> LikelihoodRatio | None:
        """How many times more often such a similarity is seen with the disorder than without."""
        if not len(self.ratio):
            return None
        place = min(max(int(np.searchsorted(EDGES, similarity, side="right")) - 1, 0), BINS - 1)
        lower = float(self.ratio_lower[place])
        return LikelihoodRatio(float(self.ratio[place]), lower, strength_of(lower))

    def best_percentile(self, best: float) -> float | None:
        """The share, 0..100, of patients whose best similarity to a wrong disorder is lower: how
        the nearest line stands beside what a patient whose disorder the gallery lacks would get."""
        return _percentile(self.best_other, best)

    def to_json(self) -> str:
        """As text, for `from_json`."""
        plain = {
            name: np.round(value, 6).tolist() if isinstance(value, np.ndarray) else value
            for name, value in asdict(self).items()
        }
        return json.dumps({"version": VERSION, **plain})

    @classmethod
    def from_json(cls, text: str) -> Calibration | None:
        """What `to_json` wrote; None where it is damaged or of another version."""
        try:
            document = json.loads(text)
            if document.pop("version") != VERSION:
                return None
            fields: dict[str, Any] = {
                name: np.array(value, dtype=np.float64) if isinstance(value, list) else int(value)
                for name, value in document.items()
            }
            found = cls(**fields)
        except (ValueError, TypeError, KeyError, AttributeError):
            return None
        return found if found.is_whole() else None

    def is_whole(self) -> bool:
        """Whether every curve is empty or of its length, finite, and never falls, and the ratio has
        a bound that is not above it."""
        curves = (
            (self.background, BINS + 1),
            (self.best_other, BINS + 1),
            (self.ratio, BINS),
            (self.ratio_lower, BINS),
        )
        return (
            all(
                curve.shape in ((0,), (length,))
                and bool(np.isfinite(curve).all())
                and bool((np.diff(curve) >= 0).all())
                for curve, length in curves
            )
            and self.ratio.shape == self.ratio_lower.shape
            and bool((self.ratio_lower <= self.ratio).all())
        )


def verdict_of(best_percentile: float) -> Verdict:
    """The verdict on a match whose nearest line stands at a percentile of `best_other`."""
    if best_percentile >= CLOSE:
        return "close match"
    return "weak match" if best_percentile >= WEAK else "no close match"


def fit_calibration(descriptors: Descriptors, grouping: Grouping, *, seed: int = 0) -> Calibration:
    """The calibration of a gallery's descriptors `(n, d)`, grouped by disorder.

    Each patient is left out in turn, and counts once, however many the photos. Of more than
    `MOST_PATIENTS`, so many are drawn by `seed`, which draws the bootstrap too.
    """
    rng = np.random.default_rng(seed)
    patients = len(grouping.patients)
    probes = np.arange(patients)
    if patients > MOST_PATIENTS:
        probes = np.sort(rng.choice(patients, MOST_PATIENTS, replace=False))
    seen = _similarities(descriptors, grouping, probes)
    enough = int((seen.best_other.sum(axis=1) > 0).sum()) >= FEWEST_PATIENTS
    companions = int((seen.same.sum(axis=1) > 0).sum())
    curves = None
    if enough and companions >= FEWEST_PATIENTS:
        curves = fit_ratio(seen.same, seen.other, rng)
    none = np.zeros(0)
    return Calibration(
        background=_cumulative(seen.other) if enough else none,
        best_other=_cumulative(seen.best_other) if enough else none,
        ratio=none if curves is None else curves[0],
        ratio_lower=none if curves is None else curves[1],
        patients=patients,
        companions=companions,
        disorders=len(grouping.groups),
        seed=seed,
    )


@dataclass(frozen=True)
class _Seen:
    """Histograms `(p, BINS)` of patients' similarities, each kind summing to 1 for a patient, or to
    0 where there are none."""

    same: NDArray[np.float32]
    other: NDArray[np.float32]
    best_other: NDArray[np.float32]


def _similarities(descriptors: Descriptors, grouping: Grouping, probes: Numbers) -> _Seen:
    seen = _Seen(*(np.zeros((len(probes), BINS), dtype=np.float32) for _ in range(3)))
    rows = grouping.rows_of_patients(probes)
    place_of_row = np.repeat(np.arange(len(probes)), grouping.photo_counts[probes])
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        own = probes[place_of_row[part]]
        scores = score_groups(
            descriptors[rows[part]] @ descriptors.T,
            grouping,
            ["nearest"],
            own=grouping.families[own],
        )["nearest"]
        _count(seen, scores, place_of_row[part], own, grouping)
    for histogram in (seen.same, seen.other, seen.best_other):
        histogram /= np.maximum(histogram.sum(axis=1, keepdims=True), 1e-12)
    return seen


def _count(
    seen: _Seen, scores: NDArray[np.float32], places: Numbers, own: Numbers, grouping: Grouping
) -> None:
    """Add the similarities `(b, g)` of photos to the histograms of their patients."""
    probe, member = grouping.memberships_of(own)
    group = grouping.group_of_member[member]
    true = scores[probe, group]
    known = np.isfinite(true)
    np.add.at(seen.same, (places[probe[known]], _bins(true[known])), 1)
    scores[probe, group] = -np.inf
    best = scores.max(axis=1)
    known = np.isfinite(best)
    np.add.at(seen.best_other, (places[known], _bins(best[known])), 1)
    first = int(places[0])
    cells = (places[:, None] - first) * BINS + _bins(scores)
    span = int(places[-1]) - first + 1
    counted = np.bincount(cells[np.isfinite(scores)], minlength=span * BINS)
    seen.other[first : first + span] += counted.reshape(span, BINS)


def _bins(similarities: NDArray[np.float32]) -> Numbers:
    """The bin of each similarity; the first for what is not finite."""
    finite = np.where(np.isfinite(similarities), similarities, -1)
    return np.clip(((finite + 1) * (BINS / 2)).astype(np.int64), 0, BINS - 1)


def _cumulative(histogram: NDArray[np.float32]) -> NDArray[np.float64]:
    """The share below each edge, patients weighing the same."""
    total = histogram.sum(axis=0, dtype=np.float64)
    return np.concatenate([[0.0], np.cumsum(total) / total.sum()])


def _percentile(cumulative: NDArray[np.float64], similarity: float) -> float | None:
    if not len(cumulative):
        return None
    return float(100 * np.interp(similarity, EDGES, cumulative))
