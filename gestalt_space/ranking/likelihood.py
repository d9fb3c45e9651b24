"""How many times more often a similarity is seen with a disorder than without: a monotone fit.

LR(s) = f(s | the patient has the disorder) / f(s | not), s being the similarity to the nearest
photo of the disorder, the patient's own left out (DOMAIN section 7, after ACMG/AMP PP4). The fit is
the isotonic regression of "has it" on s, both kinds weighing the same, whose odds are the ratio.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Strength = Literal["none", "supporting", "moderate", "strong", "very strong"]
STRENGTHS: tuple[tuple[float, Strength], ...] = (
    (350.4, "very strong"),
    (18.72, "strong"),
    (4.33, "moderate"),
    (2.08, "supporting"),
)
"""Least likelihood ratio of each strength of evidence (ACMG/AMP PP4)."""

FEWEST_IN_TAIL = 5
"""Patients with the disorder, and patients without, whom an end of the curve rests on at the least:
similarities beyond are taken together."""
FEWEST_IN_RUN = 15
"""Patients with the disorder, and patients without, whom a lower bound rests on at the least."""

_ROUNDS = 200
_LOWER = 5.0
"""Percentile of the bootstrap that is the lower bound."""


@dataclass(frozen=True, slots=True)
class LikelihoodRatio:
    """`value`, and `lower`, its 5 % lower bound by a bootstrap over patients, 0 where too few are
    as dissimilar. `strength` is that of the lower bound, in the words of ACMG/AMP PP4; it is no
    probability, and knows nothing of how common the disorder is."""

    value: float
    lower: float
    strength: Strength


def strength_of(ratio: float) -> Strength:
    """The strength of evidence that a likelihood ratio has."""
    return next((name for least, name in STRENGTHS if ratio >= least), "none")


def isotonic(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The ascending sequence nearest to `values` `(n,)`, by weighted squares, weights above 0.

    Pool adjacent violators (Barlow 1972).
    """
    means: list[float] = []
    masses: list[float] = []
    lengths: list[int] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        mean, mass, length = value, weight, 1
        while means and means[-1] >= mean:
            mean = (means.pop() * masses[-1] + mean * mass) / (masses[-1] + mass)
            mass += masses.pop()
            length += lengths.pop()
        means.append(mean)
        masses.append(mass)
        lengths.append(length)
    return np.repeat(means, lengths)


def fit_ratio(
    same: NDArray[np.float32], other: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """The likelihood ratio in each bin of similarity, and its lower bound, both `(b,)`, neither
    ever falling, the bound never above the ratio.

    `same`, `other` `(p, b)`: how much of each patient's similarities to the own and to other
    disorders lies in each bin, from low to high. None where the two ends that rest on
    `FEWEST_IN_TAIL` patients of each kind meet.
    """
    low, high = _supported(same, other)
    if low >= high:
        return None
    part = slice(low, high + 1)
    ends = [_with_ends(values, low, high) for values in (same, other)]
    ratio = np.full(same.shape[1], np.nan)
    ratio[part] = _ratios(*(values.sum(axis=0) for values in ends))
    ratio[:low], ratio[high + 1 :] = ratio[low], ratio[high]
    return ratio, np.minimum(_lower_bound(same, other, rng), ratio)


def _lower_bound(
    same: NDArray[np.float32], other: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float64]:
    """The lower bound `(b,)` of the ratio in each bin, from patients drawn `_ROUNDS` times.

    Of a curve that never falls, the ratio over a run of bins is no larger than that of its last
    bin, so what is bounded is the narrowest run that ends with the bin and holds `FEWEST_IN_RUN`
    patients of each kind; a bootstrap of the isotonic fit itself, which at its end is the greatest
    of many means, would promise too much there. No bound is above one of a higher similarity; it
    is 0 where no run is long enough.
    """
    starts = np.minimum(_run_starts(same), _run_starts(other))
    last = np.flatnonzero(starts >= 0)
    chance = np.full(len(same), 1 / len(same))
    draws = rng.multinomial(len(same), chance, size=_ROUNDS).astype(np.float32)
    shares = []
    for values in (same, other):
        sums = np.cumsum(draws @ values, axis=1, dtype=np.float64)
        sums = np.pad(sums / np.maximum(sums[:, -1:], 1e-12), ((0, 0), (1, 0)))
        shares.append(sums[:, last + 1] - sums[:, starts[last]])
    lower = np.zeros(same.shape[1])
    if len(last):
        lower[last] = np.percentile(shares[0] / np.maximum(shares[1], 1e-12), _LOWER, axis=0)
    return np.minimum.accumulate(lower[::-1])[::-1]


def _run_starts(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """Where the narrowest run of bins begins that ends with each and holds enough patients; -1
    where none does."""
    patients, bins = values.shape
    if patients < FEWEST_IN_RUN:
        return np.full(bins, -1)
    # The last bin up to each one that a patient is in.
    seen = np.where(values > 0, np.arange(bins, dtype=np.int16), np.int16(-1))
    seen = np.maximum.accumulate(seen, axis=1)
    place = patients - FEWEST_IN_RUN
    return np.asarray(np.partition(seen, place, axis=0)[place], dtype=np.int64)


def _supported(same: NDArray[np.float32], other: NDArray[np.float32]) -> tuple[int, int]:
    """First and last bin at or beyond which there are enough patients of both kinds."""
    bins = np.arange(same.shape[1])

    def ends(values: NDArray[np.float32]) -> tuple[int, int]:
        some = values > 0
        patients = some.any(axis=1)
        if patients.sum() < FEWEST_IN_TAIL:
            return len(bins), -1
        first = np.sort(some.argmax(axis=1)[patients])
        last = np.sort(len(bins) - 1 - some[:, ::-1].argmax(axis=1)[patients])
        return int(first[FEWEST_IN_TAIL - 1]), int(last[-FEWEST_IN_TAIL])

    (low, high), (other_low, other_high) = ends(same), ends(other)
    return max(low, other_low), min(high, other_high)


def _with_ends(values: NDArray[np.float32], low: int, high: int) -> NDArray[np.float32]:
    """The bins from `low` to `high`, with what lies beyond in the first and the last."""
    kept = values[:, low : high + 1].copy()
    kept[:, 0] += values[:, :low].sum(axis=1)
    kept[:, -1] += values[:, high + 1 :].sum(axis=1)
    return kept


def _ratios(same: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    a = same.astype(np.float64) / max(float(same.sum()), 1e-12)
    b = other.astype(np.float64) / max(float(other.sum()), 1e-12)
    mass = a + b
    seen = mass > 0
    share = isotonic(a[seen] / mass[seen], mass[seen])
    ratios = share / (1 - share)
    # A bin that nobody is in has the ratio of the one below it.
    places = np.maximum(np.cumsum(seen) - 1, 0)
    return np.asarray(ratios[places], dtype=np.float64)
