"""The posterior probability that a value is of one of two kinds, from reference values that share
clusters: for example pairs of groups, where each group is in many pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.stats.estimates import Estimate

Floats = NDArray[np.float64]

_RIDGE = 30.0
"""Inverse strength of the penalty on the slope, as scikit-learn's C: so weak that it matters only
where the two kinds do not overlap, and a slope without end would fit best."""
_Z = 1.959964


@dataclass(frozen=True)
class Reference:
    """Values `(n,)` of two kinds. `high` `(n,)`: whether each is of the kind with the larger
    values. `clusters` `(n, 2)`: numbers from 0 of the two clusters of each value, the same number
    twice if it has one."""

    values: Floats
    high: NDArray[np.bool_]
    clusters: NDArray[np.int64]

    @property
    def count(self) -> int:
        """How many clusters there are."""
        return int(self.clusters.max(initial=-1)) + 1

    @property
    def weights(self) -> Floats:
        """`(n,)`: the weight of each value; the weights of each kind sum to the number of
        clusters."""
        found = np.where(self.high, 1 / max(self.high.sum(), 1), 1 / max((~self.high).sum(), 1))
        return np.asarray(self.count * found)

    @property
    def members(self) -> Floats:
        """`(c, n)`: 1 if a value is of a cluster, minus the mean over its kind: how the weight of
        each value within its kind grows with the weight of the cluster."""
        found = np.zeros((self.count, len(self.values)))
        for side in self.clusters.T:
            found[side, np.arange(len(side))] = 1
        for kind in (self.high, ~self.high):
            found[:, kind] -= found[:, kind].mean(axis=1, keepdims=True)
        return found


@dataclass(frozen=True, slots=True)
class Threshold:
    """The value that best separates two kinds: the maximum of sensitivity + specificity (Youden
    1950). `sensitivity`: the share of the high kind at or above it; `specificity`: the share of the
    other kind below it."""

    value: float
    sensitivity: float
    specificity: float


def best_threshold(reference: Reference) -> Threshold:
    """The best threshold among the values of a reference, with equal weights for all clusters."""
    from sklearn.metrics import roc_curve

    wrong, right, at = roc_curve(reference.high, reference.values, sample_weight=reference.weights)
    best = int(np.argmax(right - wrong))
    return Threshold(float(at[best]), float(right[best]), float(1 - wrong[best]))


def probability_high(reference: Reference, value: float, *, prior: float) -> Estimate:
    """The posterior probability that a value is of the high kind, given the `prior` probability,
    with its interval over clusters.

    The likelihood ratio is that of a logistic regression in which both kinds have equal weight; it
    never decreases as values rise. With few clusters, such a ratio is overconfident: its logarithm
    f, with standard error s, is divided by √(1 + πs²/8), which averages over its uncertainty
    (MacKay 1992, doi:10.1162/neco.1992.4.5.720). The standard error is that of resampling clusters,
    to first order (the infinitesimal jackknife; for pairs, Aronow 2015, doi:10.1093/pan/mpv018).
    """
    found, error = _log_ratio(reference, value)
    low, high = (_posterior(found + end * error, prior) for end in (-_Z, _Z))
    probable = _posterior(found / np.sqrt(1 + np.pi * error**2 / 8), prior)
    return Estimate(probable, min(low, probable), max(high, probable))


def _log_ratio(reference: Reference, value: float) -> tuple[float, float]:
    """The log likelihood ratio of the high kind at a value, and its standard error."""
    from scipy.special import expit
    from sklearn.linear_model import LogisticRegression

    middle, scale = float(np.mean(reference.values)), float(np.std(reference.values)) or 1.0
    values, at = (reference.values - middle) / scale, np.array([1, (value - middle) / scale])
    weights = reference.weights
    model = LogisticRegression(C=_RIDGE, solver="newton-cholesky", max_iter=200).fit(
        values[:, None], reference.high, sample_weight=weights
    )
    line = np.array([model.intercept_[0], model.coef_[0, 0]])
    columns = np.stack([np.ones(len(values)), values], axis=1)
    expected = expit(columns @ line)
    curvature = (columns.T * (weights * expected * (1 - expected))) @ columns
    curvature[1, 1] += 1 / _RIDGE
    pulls = reference.members @ ((weights * (reference.high - expected))[:, None] * columns)
    moved = pulls @ np.linalg.solve(curvature, at)
    error = float(np.sqrt(np.sum(moved**2) * reference.count / max(reference.count - 1, 1)))
    # A slope below 0 is chance: greater values never speak for the lower kind.
    return (float(at @ line) if line[1] > 0 else 0.0), error


def _posterior(log_ratio: float, prior: float) -> float:
    from scipy.special import expit, logit

    return float(expit(logit(prior) + log_ratio))
