"""A linear support vector machine for few features and many rows, solved in the primal.

It minimises |w|²/2 + C Σ s·max(0, 1 − y·w·x) as liblinear does; the intercept is one more weight.
Where C is large and classes are unequal, liblinear does not converge in any reasonable time. Here,
the corner of the loss is rounded, ever less, and Newton's method finds each minimum (Chapelle 2007,
Neural Computation 19:1155): its equations have no more unknowns than there are features.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import TrainingError

ROUNDINGS = (0.5, 0.1, 0.02, 0.004, 0.0008)
"""Half the width of the corner, in the margin's units."""
MOST_STEPS = 200
_TOLERANCE = 1e-9
_SUFFICIENT = 1e-4
_SMALLEST = 1e-10


def balanced(truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weights of rows `(n,)`, by which both classes count alike. Raises `TrainingError` where there
    is one class alone.
    """
    positive = int(truth.sum())
    if not 0 < positive < len(truth):
        raise TrainingError(
            "All rows are of one class: there is nothing to distinguish.",
            "Give rows with and without a causal gene.",
        )
    return len(truth) / 2 / np.where(truth, positive, len(truth) - positive)


def fit_hinge(
    features: NDArray[np.float64],
    truth: NDArray[np.bool_],
    c: float,
    start: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Weights and, last, the intercept `(f + 1,)` of features `(n, f)`. `start`: of a smaller C,
    from which less steps are needed. Raises `TrainingError`.
    """
    sides = np.where(truth, 1.0, -1.0)
    signed = np.column_stack([features, np.ones(len(features))]) * sides[:, None]
    costs = c * balanced(truth)
    weights = np.zeros(signed.shape[1]) if start is None else start
    for rounding in ROUNDINGS if start is None else ROUNDINGS[1:]:
        weights = _minimum(signed, costs, weights, rounding)
    return weights


def objective(
    weights: NDArray[np.float64],
    features: NDArray[np.float64],
    truth: NDArray[np.bool_],
    c: float,
) -> float:
    """What is minimised, without any rounding."""
    sides = np.where(truth, 1.0, -1.0)
    short = 1 - sides * (features @ weights[:-1] + weights[-1])
    return float(weights @ weights / 2 + c * balanced(truth) @ np.maximum(short, 0))


def _minimum(
    signed: NDArray[np.float64],
    costs: NDArray[np.float64],
    weights: NDArray[np.float64],
    rounding: float,
) -> NDArray[np.float64]:
    value, short = _rounded(signed, costs, weights, rounding)
    for _ in range(MOST_STEPS):
        in_corner = np.abs(short) < rounding
        slope = np.clip((short + rounding) / (2 * rounding), 0, 1)
        gradient = weights - signed.T @ (costs * slope)
        corner = signed[in_corner]
        curvature = np.eye(len(weights)) + corner.T @ (
            corner * (costs[in_corner] / (2 * rounding))[:, None]
        )
        step = -np.linalg.solve(curvature, gradient)
        falling = float(gradient @ step)
        if -falling <= _TOLERANCE * max(1.0, value):
            return weights
        length = 1.0
        while True:
            moved = weights + length * step
            new, new_short = _rounded(signed, costs, moved, rounding)
            if new <= value + _SUFFICIENT * length * falling:
                break
            length /= 2
            if length < _SMALLEST:
                return weights
        weights, value, short = moved, new, new_short
    raise TrainingError(
        "The support vector machine does not converge.",
        "Check the scores: a column with a few huge values makes all others alike.",
    )


def _rounded(
    signed: NDArray[np.float64],
    costs: NDArray[np.float64],
    weights: NDArray[np.float64],
    rounding: float,
) -> tuple[float, NDArray[np.float64]]:
    """The objective with a rounded corner, and how much each row is short of its margin."""
    short = 1 - signed @ weights
    corner = np.clip(short + rounding, 0, 2 * rounding)
    loss = corner**2 / (4 * rounding) + np.maximum(short - rounding, 0)
    return float(weights @ weights / 2 + costs @ loss), short
