from __future__ import annotations

import numpy as np

from gestalt_space.training.space.sampling import draw_batches

CLASSES = np.repeat([0, 1, 2], [40, 8, 2])
PATIENTS = np.arange(50) // 2
"""Two photos each: the last class has a single patient."""


def drawn(sampling, per_class=2, size=6, seed=(1, 2)):
    return list(
        draw_batches(sampling, CLASSES, PATIENTS, size=size, per_class=per_class, seed=seed)
    )


def test_plain_batches_have_every_photo_once_but_for_the_rest():
    batches = drawn("plain", size=8)
    assert [len(batch) for batch in batches] == [8] * 6
    assert len(np.unique(np.concatenate(batches))) == 48


def test_balanced_batches_have_every_class_equally_often():
    batches = drawn("balanced")
    assert [len(batch) for batch in batches] == [6] * 8
    for batch in batches:
        assert np.bincount(CLASSES[batch]).tolist() == [2, 2, 2]


def test_photos_of_a_class_are_of_different_patients_where_there_are_several():
    for batch in drawn("balanced"):
        for number in (0, 1):
            assert len(np.unique(PATIENTS[batch[CLASSES[batch] == number]])) == 2


def test_batches_depend_on_the_seed_alone():
    for sampling in ("plain", "balanced"):
        first, again, other = (
            np.concatenate(drawn(sampling, seed=seed)).tolist() for seed in ([1, 2], [1, 2], [1, 3])
        )
        assert first == again != other


def test_a_batch_larger_than_all_photos_is_all_of_them():
    (batch,) = drawn("plain", size=500)
    assert sorted(batch.tolist()) == list(range(50))
