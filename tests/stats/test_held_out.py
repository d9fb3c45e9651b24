from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.calibration import CalibratedClassifierCV
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.svm import SVC

from gestalt_space.stats.held_out import HeldOut, brier


def two_groups(seed: int, first: int, second: int, apart: float, dim: int = 24):
    rng = np.random.default_rng(seed)
    labels = np.repeat([True, False], [first, second])
    rows = rng.standard_normal((first + second, dim)) / np.sqrt(dim)
    return rows + apart * labels[:, None] * np.eye(dim)[0], labels


def _gamma(rows: np.ndarray) -> float:
    """One over the variance of the rows, as scikit-learn's `scale`."""
    return float(1 / rows.var(axis=0).sum())


def similar(seed: int, first: int, second: int, apart: float) -> tuple[np.ndarray, np.ndarray]:
    """Similarities of units that have things in common; and whether each is in the first group."""
    rows, labels = two_groups(seed, first, second, apart)
    return -cdist(rows, rows), labels


@pytest.mark.parametrize("by", ["vectors", "similarities", "both"])
@pytest.mark.parametrize("pairs", [9, 10])
def test_nobody_is_predicted_from_their_own_label(pairs: int, by: str):
    rows, labels = two_groups(1, pairs, pairs, 0.0)
    similarities, _ = similar(2, pairs, pairs, 1.0)
    strata = np.tile(np.arange(pairs), 2)
    asked = HeldOut.of(
        None if by == "similarities" else rows,
        labels,
        strata,
        similarities=None if by == "vectors" else similarities,
    )
    before = asked.probabilities(labels)
    for pair in range(pairs):
        swapped = np.where(strata == pair, ~labels, labels)
        after = asked.probabilities(swapped)
        np.testing.assert_array_equal(after[strata == pair], before[strata == pair])
        assert np.any(after != before)


def test_a_set_is_a_unit_and_its_share_of_the_others_of_its_stratum():
    strata = np.array([0, 1, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0])
    labels = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], dtype=bool)
    asked = HeldOut.of(np.eye(15), labels, strata)
    sets = asked.matched_sets(labels)
    for one in range(5):
        there = sets == one
        assert (labels[there].sum(), there.sum()) == (1, 3)
        assert len(set(strata[there])) == 1
    other = HeldOut.of(np.eye(15), labels, strata, seed=1)
    assert np.any(other.matched_sets(labels) != sets)


def test_few_patients_are_told_apart_by_a_logistic_regression_without_one_at_a_time():
    rows, labels = two_groups(2, 6, 12, 3.0)
    asked = HeldOut.of(rows, labels)
    assert (asked.classifier, asked.folds) == ("logistic regression", 6)
    assert roc_auc_score(labels, asked.probabilities(labels)) > 0.95
    np.testing.assert_allclose(
        cdist(asked.rows, asked.rows), cdist(rows, rows) * np.sqrt(_gamma(rows))
    )


def test_many_patients_are_told_apart_by_an_svm_whose_kernel_is_that_of_scikit_learn():
    rows, labels = two_groups(3, 14, 14, 3.0)
    asked = HeldOut.of(rows, labels)
    assert asked.classifier == "RBF SVM"
    model = SVC(kernel="rbf", gamma=_gamma(rows)).fit(rows, labels)
    mine = SVC(kernel="precomputed").fit(asked.rows, labels)
    np.testing.assert_allclose(mine.decision_function(asked.rows), model.decision_function(rows))


def test_probabilities_are_near_those_of_scikit_learns_calibration():
    rows, labels = two_groups(4, 40, 40, 1.2)
    asked = HeldOut.of(rows, labels)
    parts = StratifiedKFold(5, shuffle=True, random_state=0)
    inner = StratifiedKFold(3, shuffle=True, random_state=0)
    model = CalibratedClassifierCV(
        SVC(gamma=_gamma(rows), class_weight="balanced"), cv=inner, ensemble=False
    )
    theirs = cross_val_predict(model, rows, labels, cv=parts, method="predict_proba")[:, 1]
    mine = asked.probabilities(labels)
    assert np.corrcoef(mine, theirs)[0, 1] > 0.98
    assert brier(mine, labels) == pytest.approx(brier_score_loss(labels, theirs), abs=0.02)


def test_the_share_of_the_groups_is_in_the_probabilities():
    rows, labels = two_groups(5, 12, 36, 0.0)
    mean = HeldOut.of(rows, labels).probabilities(labels).mean()
    assert mean == pytest.approx(0.25, abs=0.06)


@pytest.mark.parametrize(("first", "second"), [(6, 6), (12, 12), (11, 22)])
def test_without_a_difference_the_area_is_that_of_chance(first: int, second: int):
    areas = []
    for seed in range(40):
        rows, labels = two_groups(100 + seed, first, second, 0.0)
        areas.append(roc_auc_score(labels, HeldOut.of(rows, labels).probabilities(labels)))
    error = np.std(areas) / np.sqrt(len(areas))
    assert abs(np.mean(areas) - 0.5) < 3.5 * error


@pytest.mark.parametrize("each", [4, 8])
def test_so_it_is_in_strata_that_can_be_seen(each: int):
    areas = []
    for seed in range(40):
        rows, labels = two_groups(300 + seed, 2 * each, 2 * each, 0.0)
        strata = np.tile([0, 1], 2 * each)
        seen = rows + 3 * strata[:, None] * np.eye(24)[1]
        found = HeldOut.of(seen, labels, strata).probabilities(labels)
        areas.append(roc_auc_score(labels, found))
    error = np.std(areas) / np.sqrt(len(areas))
    assert abs(np.mean(areas) - 0.5) < 3.5 * error


def test_units_that_are_all_alike_are_told_apart_by_chance():
    labels = np.repeat([True, False], 12)
    found = HeldOut.of(np.ones((24, 5)), labels).probabilities(labels)
    np.testing.assert_allclose(found, 0.5)


@pytest.mark.parametrize("pairs", [6, 20])
def test_groups_are_told_apart_by_similarities_alone(pairs: int):
    similarities, labels = similar(3, pairs, pairs, 2.0)
    found = HeldOut.of(None, labels, similarities=similarities).probabilities(labels)
    assert roc_auc_score(labels, found) > 0.95
    np.fill_diagonal(similarities, 1e6)
    again = HeldOut.of(None, labels, similarities=similarities).probabilities(labels)
    np.testing.assert_array_equal(again, found, "nobody is similar to themselves")


def test_both_are_worth_more_than_either():
    areas = []
    for seed in range(8):
        rows, labels = two_groups(10 + seed, 20, 20, 0.5)
        similarities, _ = similar(50 + seed, 20, 20, 0.5)
        for vectors, of in ((rows, None), (None, similarities), (rows, similarities)):
            asked = HeldOut.of(vectors, labels, similarities=of)
            areas.append(roc_auc_score(labels, asked.probabilities(labels)))
    face, terms, both = np.reshape(areas, (8, 3)).mean(axis=0)
    assert both > max(face, terms)


def test_a_unit_that_all_are_similar_to_tells_nothing():
    """Without the adjustment, its own absence among the others tells the group of a unit."""
    generality = np.random.default_rng(4).standard_normal(24)
    labels = np.repeat([True, False], 12)
    asked = HeldOut.of(None, labels, similarities=generality[:, None] + generality)
    training = np.arange(4, 20)
    difference = asked._features(training, labels)[:, 0]
    np.testing.assert_allclose(difference, 0, atol=1e-6)
