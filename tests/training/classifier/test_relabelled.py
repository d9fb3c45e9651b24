"""Cross-validation under many labellings, and the p-value that comes of it."""

from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.classifiers.region_ensemble import average
from gestalt_space.stats.permutation import p_value
from gestalt_space.training.classifier.fitted import by_patient, fit_layer, region_weights
from gestalt_space.training.classifier.folds import deal_folds
from gestalt_space.training.classifier.relabelled import class_top1, permuted
from tests.made import unit
from tests.training.space.conftest import make_faces

RIDGE = 0.3


def test_families_exchange_their_labels_within_folds() -> None:
    faces = make_faces(12, 8)
    folds = deal_folds(faces, 4, seed=0)
    rng = np.random.default_rng(0)
    drawn = permuted(faces.disorders, faces.families, folds, 50, rng)
    for labels in drawn:
        for family in np.unique(faces.families):
            assert len(set(labels[faces.families == family].tolist())) == 1
        for fold in range(4):
            _, first = np.unique(faces.families[folds == fold], return_index=True)
            ours = np.sort(faces.disorders[folds == fold][first])
            np.testing.assert_array_equal(np.sort(labels[folds == fold][first]), ours)
    assert len({labels.tobytes() for labels in drawn}) > 40


@pytest.mark.parametrize("equal", [True, False])
def test_each_labelling_is_cross_validated_as_if_it_were_the_only_one(equal: bool) -> None:
    faces = make_faces(10, 8, photos=2)
    folds = deal_folds(faces, 4, seed=0)
    rng = np.random.default_rng(1)
    regions = [unit(rng, len(faces.crops), 12) for _ in range(3)]
    shifts = unit(rng, 2, 12)
    regions[0] = regions[0] + 1.5 * shifts[faces.disorder_of_face]
    labellings = permuted(faces.disorders, faces.families, folds, 3, rng)
    labellings = np.concatenate([faces.disorders[None], labellings])
    found = class_top1(
        regions, faces.patient_of_face, labellings, folds, 2, RIDGE, equal_weights=equal
    )
    expected = [
        straightforward(regions, faces.patient_of_face, labels, folds, equal)
        for labels in labellings
    ]
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert found[0] > 0.8


def straightforward(regions, owners, labels, folds, equal) -> float:
    parts = []
    for own in regions:
        given = np.empty((len(labels), 2))
        for fold in np.unique(folds):
            asked = folds[owners] == fold
            layer = fit_layer(own[~asked], labels[owners[~asked]], owners[~asked], RIDGE)
            patients = by_patient(layer.probabilities(own), owners, len(labels))
            given[folds == fold] = patients[folds == fold]
        parts.append(given)
    by_region = np.stack(parts, axis=1)
    said = np.empty(len(labels), int)
    for fold in np.unique(folds):
        held = folds == fold
        weights = np.ones(3) if equal else region_weights(by_region[~held], labels[~held])
        said[held] = average(by_region[held], weights.tolist()).argmax(axis=1)
    return float(np.mean([np.mean(said[labels == one] == one) for one in range(2)]))


def test_p_is_uniform_where_nothing_is_planted() -> None:
    """Labels of noise; p below 0.2 in about a fifth of them."""
    rng = np.random.default_rng(7)
    faces = make_faces(8, 8)
    folds = deal_folds(faces, 4, seed=0)
    low = 0
    for _ in range(60):
        regions = [unit(rng, len(faces.crops), 6) for _ in range(2)]
        labellings = np.concatenate(
            [
                faces.disorders[None],
                permuted(faces.disorders, faces.families, folds, 99, rng),
            ]
        )
        tops = class_top1(
            regions, faces.patient_of_face, labellings, folds, 2, RIDGE, equal_weights=True
        )
        low += p_value(float(tops[0]), tops[1:]) <= 0.2
    assert 3 <= low <= 22  # 12 ± 3 standard deviations
