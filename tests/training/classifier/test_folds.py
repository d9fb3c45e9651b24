"""Families, dealt out to the parts of a cross-validation."""

from __future__ import annotations

import numpy as np

from gestalt_space.evaluation.split_file import TEST, TRAINING, VALIDATION
from gestalt_space.training.classifier.folds import deal_folds, split_of
from tests.training.space.conftest import make_faces


def test_no_family_is_divided_and_every_part_has_every_class() -> None:
    faces = make_faces(12, 10, 7)
    folds = deal_folds(faces, 5, seed=1)
    assert set(folds.tolist()) == set(range(5))
    for family in np.unique(faces.families):
        assert len(set(folds[faces.families == family].tolist())) == 1
    for fold in range(5):
        assert set(faces.disorders[folds == fold].tolist()) == {0, 1, 2}
    sizes = np.bincount(folds[faces.disorders == 1])
    assert sizes.max() - sizes.min() <= 1


def test_there_are_no_more_parts_than_the_rarest_class_has_families() -> None:
    assert deal_folds(make_faces(12, 3), 5, seed=1).max() == 2


def test_a_seed_gives_the_same_parts() -> None:
    faces = make_faces(9, 9)
    first, again, other = (deal_folds(faces, 4, seed).tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_part_is_tested_the_next_one_validates_and_others_are_trained_on() -> None:
    folds = np.array([0, 1, 2, 0, 2])
    split = split_of(folds, 2, 2)
    assert split.parts.tolist() == [VALIDATION, TRAINING, TEST, VALIDATION, TEST]
    everybody = split_of(folds, None, 2)
    assert TEST not in everybody.parts
    assert everybody.classes.tolist() == [0, 1]
