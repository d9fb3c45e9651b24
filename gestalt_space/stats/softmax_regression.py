"""Softmax regression (multinomial logistic) with a ridge penalty, under one labelling or many."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

STEPS = 40
"""Steps of the descent for many labellings."""
_ENOUGH = 1e-3
_TINY_RIDGE = 1e-6
"""Of intercepts, which are not penalised."""


def fit(
    rows: NDArray[np.floating], classes: Numbers, weights: Floats, ridge: float
) -> tuple[Floats, Floats]:
    """Coefficients `(c, d)` and intercepts `(c,)` of rows `(n, d)` with classes `(n,)`, each of
    which has a row, and weights `(n,)`.

    They minimise the weighted sum of the log-losses plus `ridge / 2` times the sum of squared
    coefficients.
    """
    from sklearn.linear_model import LogisticRegression

    # Of two classes sklearn has one row, the difference, whose square is twice the sum of squares.
    are_two = len(np.unique(classes)) == 2
    model = LogisticRegression(C=(2 if are_two else 1) / ridge, max_iter=5_000, tol=1e-5)
    model.fit(rows, classes, weights)
    coefficients, intercepts = model.coef_, model.intercept_
    if are_two:
        coefficients = np.concatenate([-coefficients, coefficients]) / 2
        intercepts = np.concatenate([-intercepts, intercepts]) / 2
    return np.asarray(coefficients, np.float64), np.asarray(intercepts, np.float64)


def predict_many(
    rows: NDArray[np.floating],
    labellings: Numbers,
    count: int,
    weights: Floats,
    ridge: float,
    asked: NDArray[np.floating],
    *,
    steps: int = STEPS,
) -> Floats:
    """Probabilities `(m, a, count)` of rows `asked` `(a, d)`, by a regression of `rows` `(n, d)`
    for each of the labellings `(m, n)`; `weights` `(m, n)`.

    All are fitted together, by the descent of Böhning and Lindsay (1988), whose one bound of the
    curvature serves all labellings, with Nesterov's momentum. It stops as the gradient does.
    """
    own = np.concatenate([rows, np.ones((len(rows), 1))], axis=1).astype(np.float32)
    others = np.concatenate([asked, np.ones((len(asked), 1))], axis=1).astype(np.float32)
    most = weights.max(axis=0).astype(np.float64)
    penalty = np.full(own.shape[1], ridge)
    penalty[-1] = _TINY_RIDGE
    inverse = np.linalg.inv((own.T * most) @ own / 2 + np.diag(penalty)).astype(np.float32)
    slope = penalty.astype(np.float32)[:, None]
    # Classes first, labellings last: what is summed over classes is in long rows.
    truth = (np.arange(count)[:, None, None] == labellings.T).astype(np.float32)
    share = np.ascontiguousarray(weights.T, np.float32)
    found = np.zeros((count, own.shape[1], len(labellings)), np.float32)
    ahead, momentum = found, 1.0
    for _ in range(steps):
        pull = _softmax(own @ ahead)
        pull -= truth
        pull *= share
        change = inverse @ (own.T @ pull + slope * ahead)
        following = ahead - change
        later = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = following + np.float32((momentum - 1) / later) * (following - found)
        found, momentum = following, later
        if float(np.abs(change).max()) < _ENOUGH:
            break
    return np.asarray(_softmax(others @ found).transpose(2, 1, 0), np.float64)


def _softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of scores `(c, …)`, in place."""
    scores -= scores.max(axis=0)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=0)
    return scores
