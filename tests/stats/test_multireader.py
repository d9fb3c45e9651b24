"""Readers and cases as random effects, against published figures and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from gestalt_space.stats.multireader import (
    ReaderFigures,
    areas,
    difference,
    mean_figure,
    shares,
)

AREAS = np.array(
    [
        [0.91964573, 0.94782609],
        [0.85877617, 0.90531401],
        [0.90386473, 0.92173913],
        [0.97310789, 0.99935588],
        [0.82979066, 0.92995169],
    ]
)
"""Areas of five readers with two kinds of images of 114 cases, the example of Van Dyke (1993) as
the program OR-DBM MRMC 2.51 of the method's authors prints it."""
ERROR, COV1, COV2, COV3 = 0.00080229, 0.00034661, 0.00034407, 0.00023903


def equal(variance: float, covariance: float) -> np.ndarray:
    found = np.full((5, 5), covariance)
    np.fill_diagonal(found, variance)
    return found


def test_two_kinds_of_images_are_compared_as_published() -> None:
    gaps = ReaderFigures(AREAS[:, 0] - AREAS[:, 1], equal(2 * (ERROR - COV1), 2 * (COV2 - COV3)))
    found = mean_figure(gaps)
    assert found.estimate.value == pytest.approx(-0.04380, abs=5e-6)
    assert found.error == pytest.approx(0.02075, abs=5e-6)
    assert found.freedom == pytest.approx(15.26, abs=0.005)
    assert found.p == pytest.approx(0.0517, abs=5e-5)
    assert (found.estimate.low, found.estimate.high) == pytest.approx((-0.08796, 0.00036), abs=5e-6)
    assert (found.estimate.value / found.error) ** 2 == pytest.approx(4.46, abs=0.005)


@pytest.mark.parametrize(
    ("kind", "error", "covariance", "freedom", "low", "high"),
    [
        (0, 0.00101410, 0.00048396, 12.74, 0.82522360, 0.96885048),
        (1, 0.00059047, 0.00020419, 12.71, 0.89413783, 0.98753689),
    ],
)
def test_one_kind_of_images_has_the_published_interval(
    kind: int, error: float, covariance: float, freedom: float, low: float, high: float
) -> None:
    found = mean_figure(ReaderFigures(AREAS[:, kind], equal(error, covariance)))
    assert found.freedom == pytest.approx(freedom, abs=0.005)
    assert (found.estimate.low, found.estimate.high) == pytest.approx((low, high), abs=1e-6)


def test_areas_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    truth = np.arange(30) < 12
    ratings = np.round(rng.normal(size=(3, 30)) + truth, 0)
    found = areas(ratings, truth)
    assert found.values == pytest.approx([roc_auc_score(truth, row) for row in ratings])


def test_the_jackknife_leaves_each_case_out() -> None:
    rng = np.random.default_rng(2)
    truth = np.arange(16) < 7
    ratings = rng.normal(size=(3, 16)) + truth
    left_out = np.array(
        [
            areas(np.delete(ratings, case, axis=1), np.delete(truth, case)).values
            for case in range(16)
        ]
    )
    expected = np.cov(left_out.T) * 15**2 / 16
    assert areas(ratings, truth, "jackknife").covariance == pytest.approx(expected)


def test_covariances_are_those_of_many_samples_of_cases() -> None:
    rng = np.random.default_rng(3)
    truth = np.arange(60) < 25
    draws = [areas(_rated(rng, truth), truth) for _ in range(1_000)]
    true = np.cov(np.array([one.values for one in draws]).T)
    mean = np.mean([one.covariance for one in draws], axis=0)
    assert mean == pytest.approx(true, rel=0.15)


def _rated(rng: np.random.Generator, truth: np.ndarray, readers: int = 3) -> np.ndarray:
    cases = rng.normal(size=len(truth))
    return np.asarray(1.2 * truth + 0.7 * cases + 0.7 * rng.normal(size=(readers, len(truth))))


def test_groups_of_equal_readers_differ_as_often_as_by_chance() -> None:
    rng = np.random.default_rng(4)
    truth = np.arange(40) < 20
    first = np.arange(14) < 5
    p = []
    for _ in range(400):
        skill = 1.2 + 0.4 * rng.normal(size=(14, 1))
        cases = rng.normal(size=40)
        by_group = rng.normal(size=(2, 40))[first.astype(int)]
        ratings = skill * truth + 0.6 * cases + 0.4 * by_group + 0.7 * rng.normal(size=(14, 40))
        p.append(difference(areas(ratings, truth), first).p)
    assert 0.02 <= np.mean(np.array(p) < 0.05) <= 0.08


def test_a_group_that_is_better_is_found_and_in_which_direction() -> None:
    rng = np.random.default_rng(5)
    truth = np.arange(80) < 40
    first = np.arange(12) < 6
    skill = np.where(first, 2.5, 0.8)[:, None]
    found = difference(areas(skill * truth + rng.normal(size=(12, 80)), truth), first)
    assert found.p < 0.001
    assert found.estimate.low > 0.1


def test_sets_of_cases_without_a_common_one_add_their_covariances() -> None:
    rng = np.random.default_rng(6)
    truth = np.arange(30) < 15
    one, other = (areas(rng.normal(size=(4, 30)) + truth, truth) for _ in range(2))
    gap = one.less(other)
    assert gap.values == pytest.approx(one.values - other.values)
    assert gap.covariance == pytest.approx(one.covariance + other.covariance)


def test_shares_of_correct_answers_have_the_variance_of_a_share() -> None:
    correct = np.array([[1, 1, 1, 0], [1, 0, 1, 0]], dtype=float)
    found = shares(correct)
    assert found.values == pytest.approx([0.75, 0.5])
    assert found.covariance[0, 0] == pytest.approx(0.75 * 0.25 / 3)


def test_one_reader_and_one_case_of_a_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="1 reader"):
        mean_figure(ReaderFigures(np.array([0.8]), np.array([[0.01]])))
    with pytest.raises(ValueError, match="1 cases with and 3 without"):
        areas(np.zeros((2, 4)), np.arange(4) < 1)
    with pytest.raises(ValueError, match="1 cases"):
        shares(np.ones((2, 1)))
