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
_LEAST_SPREAD = 1e-9


@dataclass(frozen=True)
class HeldOut:
    """Cross-validation of a classifier on the same units, under any labels.

    `rows`: for an SVM the kernel `(u, u)`, otherwise coordinates `(u, c)`; of vectors, None without
    them. `similarities` `(u, u)`: of units, None without them. `strata` `(u,)`: numbers from 0.
    `order` `(u,)`: a random order, in which units of a stratum are matched. `folds`: the number of
    parts that are left out in turn.

    Similarities are used by two features of each unit: how similar it is, on average, to the other
    units of either group. They depend on labels, and are therefore computed from the training
    units alone, anew in each part and under any labels.

    A part consists of matched sets: a unit of the first group, and its share of the second from the
    same stratum. Otherwise those who are left out of a stratum would be too few in its training,
    and be predicted by their absence.
    """

    rows: Floats | None
    classifier: Classifier
    strata: Numbers
    order: Numbers
    folds: int
    similarities: Floats | None = None

    @classmethod
    def of(
        cls,
        vectors: NDArray[np.floating] | None,
        first: Members,
        strata: Numbers | None = None,
        seed: int | tuple[int, ...] = 0,
        *,
        similarities: NDArray[np.floating] | None = None,
    ) -> HeldOut:
        """For units with `vectors` `(u, d)`, with `similarities` `(u, u)`, whose diagonal is not
        used, or with both. Every stratum has as many units of the second group for each one of the
        `first` `(u,)`, one or more.

        With fewer than 10 sets, a logistic regression is trained on all sets but one; otherwise an
        SVM on four fifths of them. Vectors are scaled by the variance of all units, for which no
        labels are needed. Vectors and similarities have the same weight.
        """
        there = np.zeros(len(first), np.int64) if strata is None else strata
        order = np.random.default_rng(seed).permutation(len(first))
        sets = int(first.sum())
        is_svm = sets >= FEWEST_FOR_SVM
        share = 1.0 if similarities is None else 0.5
        return cls(
            None if vectors is None else _rows(vectors, share, is_kernel=is_svm),
            "RBF SVM" if is_svm else "logistic regression",
            there,
            order,
            FOLDS if is_svm else sets,
            None if similarities is None else _adjusted(similarities),
        )

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
            rows = self._coordinates(training, first)
            return _logistic(rows[training], labels, rows[held])
        inner = np.empty(len(training))
        for learnt, asked in _parts(sets[training], _INNER_FOLDS):
            inner[asked] = self._decided(training[learnt], training[asked], first)
        if inner[labels].mean() <= inner[~labels].mean():
            return np.full(len(held), first.mean())  # within training it is no better than chance
        decided = self._decided(training, held, first)
        return _logistic(inner[:, None], labels, decided[:, None])

    def _coordinates(self, training: Places, first: Members) -> Floats:
        """`(u, c)`: all that is known of each unit, from the labels of `training` units alone."""
        parts = [] if self.rows is None else [self.rows]
        if self.similarities is not None:
            parts.append(self._features(training, first))
        return np.hstack(parts)

    def _decided(self, training: Places, asked: Places, first: Members) -> Floats:
        from sklearn.svm import SVC

        model = SVC(kernel="precomputed", class_weight="balanced")
        there = np.concatenate([training, asked])
        kernel = self._kernel(there, training, first)
        model.fit(kernel[: len(training)], first[training])
        return np.asarray(model.decision_function(kernel[len(training) :]))

    def _kernel(self, there: Places, training: Places, first: Members) -> Floats:
        """`(len(there), len(training))`, from the labels of `training` units alone."""
        kernel = np.ones(1) if self.rows is None else self.rows[np.ix_(there, training)]
        if self.similarities is None:
            return kernel
        features = self._features(training, first)
        apart = features[there, None] - features[None, training]
        return np.asarray(kernel * np.exp(-np.square(apart).sum(axis=2)))

    def _features(self, training: Places, first: Members) -> Floats:
        """`(u, 2)`: how similar each unit is to the other `training` units of either group: the
        difference of the two means, and their sum. Both are standardised on training units."""
        assert self.similarities is not None, "there are similarities"  # noqa: S101
        means = np.empty((2, len(first)))
        for mean, group in zip(means, (first, ~first), strict=True):
            others = np.zeros(len(first))
            others[training] = group[training]
            # A unit is not similar to itself; who is alone has 0, as similar as all are on average.
            mean[:] = self.similarities @ others / np.maximum(others.sum() - others, 1)
        found = np.stack([means[0] - means[1], means[0] + means[1]], axis=1)
        learnt = found[training]
        share = 0.5 if self.rows is None else 0.25
        spread = learnt.std(axis=0)
        scale = np.sqrt(share) / np.where(spread > _LEAST_SPREAD, spread, np.inf)
        return np.asarray((found - learnt.mean(axis=0)) * scale)


def brier(probabilities: Floats, first: Members) -> float:
    """The mean squared difference between probabilities and truth, 0 to 1 (Brier 1950)."""
    return float(np.mean((probabilities - first) ** 2))


def _rows(vectors: NDArray[np.floating], share: float, *, is_kernel: bool) -> Floats:
    """The kernel `(u, u)` or the coordinates `(u, c)` of vectors whose variance becomes `share`."""
    centred = np.asarray(vectors, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    products = centred @ centred.T
    products *= share / (np.trace(products) / len(products) or 1.0)
    if is_kernel:
        lengths = np.diagonal(products)
        return np.asarray(np.exp(2 * products - lengths[:, None] - lengths))
    values, directions = np.linalg.eigh(products)
    return np.asarray(directions * np.sqrt(np.maximum(values, 0)))


def _adjusted(similarities: NDArray[np.floating]) -> Floats:
    """Similarities `(u, u)` of different units minus how similar all are to the one of the column:
    a unit that all are similar to says nothing of a group. That part is fitted to all units
    without their labels, as one of two that are added up. 0 on the diagonal."""
    found = np.array(similarities, dtype=np.float64)
    np.fill_diagonal(found, 0)
    count, sums = len(found), found.sum(axis=0)
    found -= (sums - sums.sum() / max(2 * (count - 1), 1)) / max(count - 2, 1)
    np.fill_diagonal(found, 0)
    return found


def _parts(sets: Numbers, folds: int) -> Iterator[tuple[Places, Places]]:
    """Places for training and for asking, of each part, into which sets are dealt in turn."""
    parts = np.unique(sets, return_inverse=True)[1] % folds
    for part in range(folds):
        yield np.flatnonzero(parts != part), np.flatnonzero(parts == part)


def _logistic(rows: Floats, labels: Members, asked: Floats) -> Floats:
    from sklearn.linear_model import LogisticRegression

    return np.asarray(LogisticRegression().fit(rows, labels).predict_proba(asked)[:, 1])
