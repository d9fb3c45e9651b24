"""Draws that stay as they are while others come."""

from __future__ import annotations

import numpy as np

from gestalt_space.gallery.calibration.rows import (
    ArrayRows,
    drawn_patients,
    drawn_photos,
    mixed,
    salt_of,
)
from tests.gallery.calibration.galleries import Made

SALT = salt_of(0, 1)


def patients_of(made: Made, patients: int, most: int) -> set[int]:
    _, ids, groups = made.first(patients)
    return set(groups.patients[drawn_patients(groups, ids, most, SALT)].tolist())


def test_who_was_drawn_stays_but_for_those_who_make_room() -> None:
    made = Made(2_000, 12)
    before, after = patients_of(made, 1_800, 200), patients_of(made, 2_000, 200)
    assert len(before) == len(after) == 200
    came = after - before
    assert 0 < len(came) < 45
    assert min(came) >= 1_800
    assert len(patients_of(made, 100, 200)) == np.count_nonzero(~made.undiagnosed[:100])


def test_everybody_is_as_likely_to_be_drawn() -> None:
    _, ids, groups = Made(400, 12).first(400)
    counts = np.zeros(len(groups.patients))
    for seed in range(400):
        counts[drawn_patients(groups, ids, 100, salt_of(seed, 1))] += 1
    expected = 400 * 100 / len(counts)
    assert np.abs(counts - expected).max() < 6 * np.sqrt(expected)


def test_photos_are_drawn_of_each_patient() -> None:
    _, ids, groups = Made(300, 12).first(300)
    patients = np.arange(0, len(groups.patients), 3)
    rows, which = drawn_photos(groups, ids, patients, 2, SALT)
    assert np.array_equal(
        np.bincount(which, minlength=len(patients)),
        np.minimum(groups.photo_counts[patients], 2),
    )
    place = np.full(len(ids), -1)
    place[groups.rows] = groups.patient_of_row
    assert np.array_equal(place[rows], patients[which])
    everything, _ = drawn_photos(groups, ids, patients, 10**6, SALT)
    assert np.array_equal(everything, groups.rows_of_patients(patients))


def test_hashes_differ_by_number_and_salt() -> None:
    numbers = np.arange(10_000)
    first, second = mixed(numbers, 1), mixed(numbers, 2)
    assert len(np.unique(np.concatenate([first, second]))) == 20_000
    bits = np.unpackbits(first.view(np.uint8)).mean()
    assert abs(bits - 0.5) < 0.005


def test_blocks_of_an_array_are_all_of_it() -> None:
    faces = np.random.default_rng(0).random((40_000, 2)).astype(np.float32)
    rows = ArrayRows(faces)
    numbers, parts = zip(*rows.blocks(), strict=True)
    assert len(parts) == 3
    assert np.array_equal(np.concatenate(numbers), rows.ids)
    assert np.array_equal(np.concatenate(parts), faces)
    assert np.shares_memory(parts[1], faces)
    assert np.array_equal(rows.rows(np.array([5, 2])), faces[[5, 2]])
