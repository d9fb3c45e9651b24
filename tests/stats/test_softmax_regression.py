"""Softmax regression under one labelling and many."""

from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.classifiers.class_layer import softmax
from gestalt_space.stats.softmax_regression import fit, predict_many


def objective(coefficients, intercepts, rows, classes, weights, ridge):
    given = softmax(rows @ coefficients.T + intercepts)
    losses = -np.log(given[np.arange(len(classes)), classes])
    return weights @ losses + ridge / 2 * np.sum(coefficients**2)


@pytest.mark.parametrize("count", [2, 4])
def test_nothing_near_the_fit_is_better(count: int) -> None:
    rng = np.random.default_rng(count)
    rows, classes = rng.normal(size=(40, 6)), rng.permutation(np.arange(40) % count)
    weights = rng.uniform(0.5, 2, 40)
    coefficients, intercepts = fit(rows, classes, weights, 0.7)
    assert coefficients.shape == (count, 6)
    least = objective(coefficients, intercepts, rows, classes, weights, 0.7)
    for _ in range(50):
        near = coefficients + rng.normal(0, 0.02, coefficients.shape)
        moved = intercepts + rng.normal(0, 0.02, intercepts.shape)
        assert objective(near, moved, rows, classes, weights, 0.7) > least


@pytest.mark.parametrize("count", [2, 5])
def test_many_labellings_are_fitted_as_each_one_is(count: int) -> None:
    rng = np.random.default_rng(3)
    rows, asked = rng.normal(size=(50, 30)), rng.normal(size=(20, 30))
    rows /= np.sqrt(30)
    asked /= np.sqrt(30)
    labellings = np.stack([rng.permutation(np.arange(50) % count) for _ in range(7)])
    weights = rng.uniform(0.5, 2, (7, 50))
    found = predict_many(rows, labellings, count, weights, 0.3, asked)
    assert found.shape == (7, 20, count)
    for number, classes in enumerate(labellings):
        coefficients, intercepts = fit(rows, classes, weights[number], 0.3)
        expected = softmax(asked @ coefficients.T + intercepts)
        np.testing.assert_allclose(found[number], expected, atol=0.01)
