from __future__ import annotations

import math

import numpy as np
import pytest

from gestalt_space.evaluation.split_file import TRAINING, VALIDATION
from gestalt_space.training.space.patient_split import PatientSplit
from gestalt_space.training.space.retrieval import RetrievalTest
from tests.training.space.conftest import make_faces

FACES = make_faces(3, 3, 2)
"""Patients 0–5 have disorder 0 in pairs of relatives, 6–8 disorder 1, 9–10 disorder 2."""
SPLIT = PatientSplit(
    np.array([TRAINING, TRAINING, TRAINING, TRAINING, *[VALIDATION] * 2, 0, 0, VALIDATION, 1, 1]),
    np.array([0, 1]),
)


def measured(vectors: dict[int, tuple[float, float]]):
    """Everybody lies where their disorder does, but for those given."""
    places = np.array([[1, 0], [0, 1], [-1, 0]], np.float32)[FACES.disorders]
    for patient, vector in vectors.items():
        places[patient] = vector
    test = RetrievalTest(FACES, SPLIT)
    return test.measure(places[test.faces])


def test_everybody_is_found_where_disorders_lie_apart() -> None:
    found = measured({})
    tops = [found.frequent[1], found.rare[1], found.everybody[1]]
    assert tops == pytest.approx([1, 1, 1])


def test_shares_are_means_over_disorders_by_hand() -> None:
    # One of the two photos of disorder 0 lies at disorder 1; the only one of disorder 1 is found.
    found = measured({4: (0, 1)})
    assert found.frequent[1] == pytest.approx((0.5 + 1) / 2)
    assert found.everybody[1] == pytest.approx((0.5 + 1 + 1) / 3)
    assert found.frequent[5] == 1.0


def test_relatives_are_no_evidence_and_validation_patients_no_gallery() -> None:
    # Alone at a place of their own, 4 and 5 could be found by each other only.
    found = measured({4: (0.6, -0.8), 5: (0.6, -0.8)})
    assert found.frequent[1] == 1.0  # their own disorder is still the nearest
    found = measured({4: (-0.9, -0.4), 5: (-0.9, -0.4)})
    assert found.frequent[1] == pytest.approx((0 + 1) / 2)


def test_without_rare_disorders_there_is_no_figure_of_them() -> None:
    split = PatientSplit(np.where(FACES.disorders == 2, 2, SPLIT.parts), np.array([0, 1]))
    test = RetrievalTest(FACES, split)
    places = np.eye(3, dtype=np.float32)[FACES.disorders]
    found = test.measure(places[test.faces])
    assert math.isnan(found.rare[1])
    assert found.everybody == found.frequent
