"""Class layers fitted to descriptors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gestalt_space.training.classifier.fitted import (
    by_patient,
    describe,
    fit_layer,
    photo_weights,
    region_weights,
    top_probabilities,
)
from gestalt_space.training.computing import Computing
from tests.made import unit
from tests.training.space.conftest import make_faces, small_start


def test_all_classes_and_all_patients_of_a_class_weigh_the_same() -> None:
    patients = np.array([0, 0, 0, 1, 2, 2])
    classes = np.array([0, 0, 0, 0, 1, 1])
    weights = photo_weights(classes, patients)
    assert weights.sum() == pytest.approx(3)
    assert weights[classes == 0].sum() == pytest.approx(weights[classes == 1].sum())
    assert weights[:3].sum() == pytest.approx(weights[3])


def test_a_layer_separates_what_can_be_separated() -> None:
    rng = np.random.default_rng(0)
    middles = unit(rng, 3, 16)
    classes = np.repeat(np.arange(3), 20)
    descriptors = middles[classes] + rng.normal(0, 0.1, (60, 16)).astype(np.float32)
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    layer = fit_layer(descriptors, classes, np.arange(60), 0.1)
    given = layer.probabilities(descriptors)
    assert (given.argmax(axis=1) == classes).all()
    assert given.max(axis=1).min() > 0.6


def test_a_large_penalty_leaves_all_classes_equally_likely() -> None:
    rng = np.random.default_rng(1)
    classes = np.repeat([0, 1, 1, 1], 10)
    layer = fit_layer(unit(rng, 40, 8), classes, np.arange(40), 1e6)
    np.testing.assert_allclose(layer.probabilities(unit(rng, 5, 8)), 0.5, atol=0.01)


def test_photos_of_a_patient_are_averaged() -> None:
    photos = np.array([[0.2, 0.8], [0.4, 0.6], [1.0, 0.0]])
    np.testing.assert_allclose(by_patient(photos, np.array([1, 1, 0]), 2), [[1, 0], [0.3, 0.7]])


def test_the_region_that_knows_the_class_gets_the_weight() -> None:
    rng = np.random.default_rng(2)
    classes = rng.integers(0, 4, 200)
    knowing = np.full((200, 4), 0.1)
    knowing[np.arange(200), classes] = 0.7
    guessing = np.full((200, 4), 0.25)
    weights = region_weights(np.stack([guessing, knowing, guessing], axis=1), classes)
    assert weights[1] > 0.9


def test_the_top_probabilities_of_few_patients_are_not_told() -> None:
    assert top_probabilities(np.full((4, 2), 0.5)) is None
    top = top_probabilities(np.array([[0.6, 0.4]] * 4 + [[0.1, 0.9]]))
    assert top is not None
    assert (top.patients, top.quantiles[0], top.quantiles[-1]) == (5, 0.6, 0.9)


def test_descriptors_have_unit_length_and_do_not_depend_on_the_batch() -> None:
    faces = make_faces(40, 40)
    start, computing = small_start(), Computing(torch.device("cpu"), half=False)
    found = describe(start, faces.crops, computing)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    alone = describe(start, faces.crops[70:71], computing)
    np.testing.assert_allclose(alone, found[70:71], atol=1e-6)
