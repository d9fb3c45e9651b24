"""The linear model of crossed units, against other ways to the same figures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import ttest_ind

from gestalt_space.stats.crossed_effects import fit_crossed, student

READERS, PHOTOS = 10, 14


def made(seed: int, **sds: float) -> tuple[NDArray[np.float64], dict[str, NDArray[np.int64]]]:
    """Values of all readers and photos, with deviations of each factor."""
    rng = np.random.default_rng(seed)
    reader = np.repeat(np.arange(READERS), PHOTOS)
    photo = np.tile(np.arange(PHOTOS), READERS)
    factors = {"readers": reader, "photos": photo, "both": reader * 2 + photo % 2}
    values = 40 + rng.normal(size=len(reader)) * 5
    for name, sd in sds.items():
        values = values + sd * rng.normal(size=READERS * PHOTOS)[factors[name]]
    return values, factors


def fixed(reader: NDArray[np.int64], photo: NDArray[np.int64]) -> NDArray[np.float64]:
    group = np.where(reader < READERS // 2, 0.5, -0.5)
    kind = np.where(photo % 2 == 0, 0.5, -0.5)
    return np.column_stack([np.ones(len(reader)), group, kind])


def dense_deviance(
    values: NDArray[np.float64],
    design: NDArray[np.float64],
    factors: dict[str, NDArray[np.int64]],
    components: dict[str, float],
    residual: float,
) -> float:
    """Minus twice the restricted log likelihood, from the whole covariance matrix."""
    covariance = residual * np.eye(len(values))
    for name, levels in factors.items():
        covariance += components[name] * (levels[:, None] == levels)
    inverse = np.linalg.inv(covariance)
    inner = design.T @ inverse @ design
    rest = values - design @ np.linalg.solve(inner, design.T @ inverse @ values)
    free = len(values) - design.shape[1]
    return float(
        np.linalg.slogdet(covariance)[1]
        + np.linalg.slogdet(inner)[1]
        + rest @ inverse @ rest
        + free * np.log(2 * np.pi)
    )


def test_the_components_are_where_the_likelihood_of_the_whole_matrix_is_highest() -> None:
    values, factors = made(1, readers=6, photos=3, both=4)
    design = fixed(factors["readers"], factors["photos"])
    fit = fit_crossed(values, design, factors)
    best = dense_deviance(values, design, factors, dict(fit.components), fit.residual)
    assert fit.deviance == pytest.approx(best, abs=1e-6)
    for name in factors:
        for step in (0.9, 1.1):
            moved = {**fit.components, name: fit.components[name] * step}
            assert dense_deviance(values, design, factors, moved, fit.residual) > best
    for step in (0.95, 1.05):
        moved_rest = dense_deviance(
            values, design, factors, dict(fit.components), fit.residual * step
        )
        assert moved_rest > best


def test_one_factor_is_fitted_as_statsmodels_does() -> None:
    from statsmodels.regression.mixed_linear_model import MixedLM

    values, factors = made(2, readers=6)
    design = fixed(factors["readers"], factors["photos"])
    fit = fit_crossed(values, design, {"readers": factors["readers"]})
    theirs = MixedLM(values, design, groups=factors["readers"]).fit(reml=True)
    assert fit.coefficients == pytest.approx(theirs.fe_params, rel=1e-6)
    assert fit.residual == pytest.approx(theirs.scale, rel=1e-4)
    assert fit.components["readers"] == pytest.approx(float(theirs.cov_re[0, 0]), rel=1e-3)
    errors = [fit.effect(row).error for row in np.eye(3)]
    assert errors == pytest.approx(theirs.bse_fe, rel=1e-3)


def test_groups_of_readers_are_compared_as_by_a_t_test_of_their_means() -> None:
    values, factors = made(3, readers=6, photos=3)
    reader, photo = factors["readers"], factors["photos"]
    design = fixed(reader, photo)
    fit = fit_crossed(values, design, {"readers": reader, "photos": photo})
    assert min(fit.components.values()) > 0
    means = values.reshape(READERS, PHOTOS).mean(axis=1)
    theirs = ttest_ind(means[: READERS // 2], means[READERS // 2 :])
    ours = fit.effect([0, 1, 0])
    assert ours.freedom == pytest.approx(theirs.df, rel=1e-4)
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-4)
    interval = theirs.confidence_interval()
    assert (ours.estimate.low, ours.estimate.high) == pytest.approx(
        (interval.low, interval.high), rel=1e-4
    )


def test_units_that_do_not_vary_have_no_component_and_all_degrees_of_freedom() -> None:
    rng = np.random.default_rng(5)
    _, factors = made(4)
    design = fixed(factors["readers"], factors["photos"])
    # Residuals that sum to 0 within each reader and photo vary less than by chance.
    noise = rng.normal(size=(READERS, PHOTOS))
    noise -= noise.mean(axis=0)
    noise -= noise.mean(axis=1, keepdims=True)
    fit = fit_crossed(noise.ravel(), design, factors)
    assert fit.components["readers"] == fit.components["photos"] == 0
    only = fit_crossed(noise.ravel(), design, {"readers": factors["readers"]})
    assert only.components["readers"] == 0
    assert only.effect([0, 1, 0]).freedom == pytest.approx(len(noise.ravel()) - 3)


def test_the_unit_and_the_origin_of_values_change_nothing_else() -> None:
    values, factors = made(6, readers=6, photos=3, both=4)
    design = fixed(factors["readers"], factors["photos"])
    one = fit_crossed(values, design, factors)
    other = fit_crossed(1e4 + values / 1000, design, factors)
    assert other.coefficients[0] == pytest.approx(1e4 + one.coefficients[0] / 1000)
    assert other.effect([0, 1, 0]).p == pytest.approx(one.effect([0, 1, 0]).p, rel=1e-3)
    assert other.effect([0, 0, 1]).freedom == pytest.approx(one.effect([0, 0, 1]).freedom, rel=1e-2)


def test_values_that_do_not_vary_or_are_too_few_are_refused() -> None:
    _, factors = made(7)
    design = fixed(factors["readers"], factors["photos"])
    with pytest.raises(ValueError, match="do not vary"):
        fit_crossed(np.full(len(design), 3.0), design, factors)
    with pytest.raises(ValueError, match="3 values are not enough for 3 effects"):
        fit_crossed(np.arange(3.0), design[:3], {"readers": np.arange(3)})


def test_a_value_without_an_error_is_certain() -> None:
    assert student(1.0, 0.0, 3.0).p == 0
    assert student(0.0, 0.0, 3.0).p == 1


def test_groups_with_variances_of_their_own_are_compared_as_by_welch() -> None:
    rng = np.random.default_rng(8)
    _, factors = made(8)
    reader = factors["readers"]
    spread = np.where(np.arange(READERS) < READERS // 2, 12, 4)
    values = (spread * rng.normal(size=READERS))[reader] + rng.normal(size=len(reader))
    first = reader < READERS // 2
    design = np.column_stack([np.ones(len(reader)), np.where(first, 0.5, -0.5)])
    own = {"one": np.where(first, reader, -1), "other": np.where(first, -1, reader)}
    fit = fit_crossed(values, design, own)
    means = values.reshape(READERS, PHOTOS).mean(axis=1)
    theirs = ttest_ind(means[: READERS // 2], means[READERS // 2 :], equal_var=False)
    ours = fit.effect([0, 1])
    assert fit.components["one"] > fit.components["other"] > 0
    assert ours.freedom == pytest.approx(theirs.df, rel=1e-3)
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-3)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(lambda group, reader, photo: group, id="group"),
        pytest.param(lambda group, reader, photo: reader**2.0, id="reader"),
        pytest.param(lambda group, reader, photo: reader**2.0 + photo**3.0, id="reader and photo"),
    ],
)
def test_values_that_do_not_vary_between_trials_are_refused(
    values: Callable[..., NDArray[np.float64]],
) -> None:
    """The residual is 0, and how far readers vary cannot be told in its units: the interval was a
    third of what it should be."""
    reader, photo = np.repeat(np.arange(6), 8), np.tile(np.arange(8), 6)
    group = np.where(reader < 3, 0.5, -0.5)
    design = np.column_stack([np.ones(48), group])
    with pytest.raises(ValueError, match="not between their trials"):
        fit_crossed(values(group, reader, photo), design, {"readers": reader, "photos": photo})


def test_values_whose_squares_are_no_numbers_are_refused() -> None:
    values, factors = made(1)
    for unit in (1e100, 1e200):
        with pytest.raises(ValueError, match="too large"):
            fit_crossed(values * unit, fixed(factors["readers"], factors["photos"]), factors)
