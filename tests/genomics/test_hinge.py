from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from gestalt_space.errors import TrainingError
from gestalt_space.genomics.hinge import balanced, fit_hinge, objective


def rows(n: int, features: int = 3, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Few of one class among many of the other, which differ a little."""
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.05
    truth[:2] = True, False
    return rng.random((n, features)) + 0.3 * truth[:, None] * (np.arange(features) > 0), truth


@pytest.mark.parametrize("power", [-6, -4, -2])
def test_weights_are_those_of_liblinear_where_that_converges(power: int):
    given, truth = rows(2000)
    machine = LinearSVC(
        C=2.0**power,
        loss="hinge",
        dual=True,
        class_weight="balanced",
        max_iter=200_000,
        tol=1e-6,
        random_state=0,
    ).fit(given, truth)
    expected = [*machine.coef_[0], *machine.intercept_]
    assert fit_hinge(given, truth, 2.0**power) == pytest.approx(expected, abs=0.02)


def test_liblinear_does_not_converge_for_a_large_c():
    given, truth = rows(2000)
    c = 2.0**10
    machine = LinearSVC(
        C=c, loss="hinge", dual=True, class_weight="balanced", max_iter=5_000, random_state=0
    )
    with pytest.warns(ConvergenceWarning):
        machine.fit(given, truth)
    theirs = np.array([*machine.coef_[0], *machine.intercept_])
    ours = fit_hinge(given, truth, c)
    assert objective(theirs, given, truth, c) > 1.05 * objective(ours, given, truth, c)


@pytest.mark.parametrize("power", [-6, 0, 5, 10])
@pytest.mark.parametrize("seed", [1, 2])
def test_no_weights_are_better(power: int, seed: int):
    given, truth = rows(400, seed=seed)
    c = 2.0**power
    found = fit_hinge(given, truth, c)
    least = objective(found, given, truth, c)
    other = minimize(
        objective, found, (given, truth, c), method="Nelder-Mead", options={"maxiter": 4000}
    )
    assert least <= other.fun * 1.001
    rng = np.random.default_rng(seed)
    for size in (1e-3, 1e-2, 0.1, 1.0):
        moved = found + size * rng.normal(size=found.shape)
        assert least <= objective(moved, given, truth, c) * 1.001


def test_a_start_from_a_smaller_c_ends_at_the_same_weights():
    given, truth = rows(1000, 4)
    start = None
    for power in range(-6, 11):
        start = fit_hinge(given, truth, 2.0**power, start)
        assert start == pytest.approx(fit_hinge(given, truth, 2.0**power), abs=1e-3)


def test_where_nothing_tells_the_weights_are_nothing():
    truth = np.arange(40) < 4
    found = fit_hinge(np.ones((40, 2)), truth, 1.0)
    assert found == pytest.approx([0, 0, 0], abs=1e-6)


def test_classes_that_can_be_told_apart():
    given = np.linspace(0, 1, 20)[:, None]
    truth = given[:, 0] > 0.8
    found = fit_hinge(given, truth, 2.0**10)
    assert ((given @ found[:-1] + found[-1] > 0) == truth).all()


def test_both_classes_count_alike():
    truth = np.array([True, False, False, False])
    assert balanced(truth).tolist() == pytest.approx([2, 2 / 3, 2 / 3, 2 / 3])
    with pytest.raises(TrainingError, match="one class"):
        balanced(np.array([True, True]))
