"""A classifier of two groups of units, asked about units that it was not trained on.

A unit, such as a family, is one row, so that nobody's relatives or other photos are in training.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
Members = NDArray[np.bool_]
Places = NDArray[np.intp]
Classifier = Literal["logistic regression", "RBF SVM"]

FEWEST_FOR_SVM = 10
"""Matched sets. Fewer are too few for calibration within training."""
FOLDS = 5
_INNER_FOLDS = 3


@dataclass(frozen=True)
class HeldOut:
    """Cross-validation of a classifier on the same units, under any labels.

    `rows`: for an SVM the kernel `(u, u)`, otherwise coordinates `(u, c)`. `strata` `(u,)`: numbers
    from 0. `order` `(u,)`: a random order, in which units of a stratum are matched. `folds`: the
    number of parts that are left out in turn.

    A part consists of matched sets: a unit of the first group, and its share of the second from the
    same stratum. Otherwise those who are left out of a stratum would be too few in its training,
    and be predicted by their absence.
    """

    rows: Floats
    classifier: Classifier
    strata: Numbers
    order: Numbers
    folds: int

    @classmethod
    def of(
        cls,
        vectors: NDArray[np.floating],
        first: Members,
        strata: Numbers | None = None,
        seed: int | tuple[int, ...] = 0,
    ) -> HeldOut:
        """For units `(u, d)`. Every stratum has as many units of the second group for each one of
        the `first` `(u,)`, one or more.

        With fewer than 10 sets, a logistic regression is trained on all sets but one; otherwise an
        SVM on four fifths of them. Both are scaled by the variance of all units, for which no
        labels are needed.
        """
        centred = np.asarray(vectors, dtype=np.float64)
        centred = centred - centred.mean(axis=0)
        products = centred @ centred.T
        products /= np.trace(products) / len(products) or 1.0
        there = np.zeros(len(products), np.int64) if strata is None else strata
        order = np.random.default_rng(seed).permutation(len(products))
        if (sets := int(first.sum())) < FEWEST_FOR_SVM:
            values, directions = np.linalg.eigh(products)
            rows = directions * np.sqrt(np.maximum(values, 0))
            return cls(rows, "logistic regression", there, order, sets)
        lengths = np.diagonal(products)
        kernel = np.exp(2 * products - lengths[:, None] - lengths)
        return cls(kernel, "RBF SVM", there, order, FOLDS)

    def matched_sets(self, first: Members) -> Numbers:
        """`(u,)`: the number of each unit's set, from 0, those of a stratum in a row."""
        found = np.empty(len(first), np.int64)
        for group in (first, ~first):
            there = np.flatnonzero(group)
            ordered = there[np.lexsort((self.order[there], self.strata[there]))]
            found[ordered] = np.arange(len(there)) // (len(there) // int(first.sum()))
        return found

    def probabilities(self, first: Members) -> Floats:
        """`(u,)`: the probability that each unit is in the `first` group `(u,)`, by a classifier
        that was trained on other sets."""
        from sklearn import config_context

        found, sets = np.empty(len(first)), self.matched_sets(first)
        with config_context(assume_finite=True, skip_parameter_validation=True):
            for training, held in _parts(sets, self.folds):
                found[held] = self._predicted(training, held, first, sets)
        return found

    def _predicted(self, training: Places, held: Places, first: Members, sets: Numbers) -> Floats:
        labels = first[training]
        if self.classifier == "logistic regression":
            return _logistic(self.rows[training], labels, self.rows[held])
        inner = np.empty(len(training))
        for learnt, asked in _parts(sets[training], _INNER_FOLDS):
            inner[asked] = self._decided(training[learnt], training[asked], first)
        if inner[labels].mean() <= inner[~labels].mean():
            return np.full(len(held), first.mean())  # within training it is no better than chance
        decided = self._decided(training, held, first)
        return _logistic(inner[:, None], labels, decided[:, None])

    def _decided(self, training: Places, asked: Places, first: Members) -> Floats:
        from sklearn.svm import SVC

        model = SVC(kernel="precomputed", class_weight="balanced")
        model.fit(self.rows[np.ix_(training, training)], first[training])
        return np.asarray(model.decision_function(self.rows[np.ix_(asked, training)]))


def brier(probabilities: Floats, first: Members) -> float:
    """The mean squared difference between probabilities and truth, 0 to 1 (Brier 1950)."""
    return float(np.mean((probabilities - first) ** 2))


def _parts(sets: Numbers, folds: int) -> Iterator[tuple[Places, Places]]:
    """Places for training and for asking, of each part, into which sets are dealt in turn."""
    parts = np.unique(sets, return_inverse=True)[1] % folds
    for part in range(folds):
        yield np.flatnonzero(parts != part), np.flatnonzero(parts == part)


def _logistic(rows: Floats, labels: Members, asked: Floats) -> Floats:
    from sklearn.linear_model import LogisticRegression

    return np.asarray(LogisticRegression().fit(rows, labels).predict_proba(asked)[:, 1])
