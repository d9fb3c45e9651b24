"""Matrices against plain loops; ranks against a sort of the full rows."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from gestalt_space.cohort import matrix as module
from gestalt_space.cohort.matrix import (
    CELL,
    OWN,
    TILE,
    patient_similarity_matrix,
    rank_matrix,
    similarity_matrix,
    upper_tiles,
)
from gestalt_space.errors import DescriptorError, SpaceMismatch, UsageError
from tests import made

RNG = np.random.default_rng(0)


def ranks_by_sorting(probes, cohort, controls, probe_owners, owners, control_owners):
    """The definition, one probe after the other."""
    pool = np.concatenate([cohort, controls])
    pool_owners = np.concatenate([owners, control_owners])
    found = np.full((len(cohort), len(probes)), OWN)
    for column, (probe, own) in enumerate(zip(probes, probe_owners, strict=True)):
        kept = np.flatnonzero(pool_owners != own)
        order = kept[np.argsort(-(pool[kept] @ probe), kind="stable")]
        for place, row in enumerate(order):
            if row < len(cohort):
                found[row, column] = place
    return found


@pytest.mark.parametrize("count", [1, 2, 7, 64, 100])
def test_within_a_set_it_is_symmetric_to_the_last_bit_and_its_diagonal_exact(count: int):
    rows = made.unit(RNG, count, 48)
    found = np.empty((count, count), np.float32)
    for top, left, tile in upper_tiles(rows, tile=32):
        found[top : top + len(tile), left : left + tile.shape[1]] = tile
        found[left : left + tile.shape[1], top : top + len(tile)] = tile.T
    for values in (found, similarity_matrix(rows)):
        assert values.dtype == np.float32
        assert np.array_equal(values, values.T)
        assert (values.diagonal() == 1).all()
        np.testing.assert_allclose(values, rows.astype(float) @ rows.T, atol=1e-6)


def test_the_same_photo_twice_is_never_above_one():
    rows = np.repeat(made.unit(RNG, 5, 512), 40, axis=0)
    found = similarity_matrix(rows)
    assert found.max() == 1
    assert similarity_matrix(rows, -rows).min() == -1


def test_a_distance_is_one_minus_the_similarity():
    rows, others = made.unit(RNG, 9, 16), made.unit(RNG, 5, 16)
    distance = similarity_matrix(rows, value="distance")
    assert (distance.diagonal() == 0).all()
    np.testing.assert_array_equal(distance, 1 - similarity_matrix(rows))
    np.testing.assert_allclose(
        similarity_matrix(rows, others, value="distance"), 1 - rows @ others.T, atol=1e-6
    )


def test_one_product_of_slots_is_the_mean_of_their_cosines():
    slots = made.unit(RNG, 12 * 6, 32).reshape(6, 12, 32)
    rows = (slots / np.sqrt(12)).reshape(6, -1).astype(np.float32)
    wanted = np.mean([slots[:, slot] @ slots[:, slot].T for slot in range(12)], axis=0)
    np.testing.assert_allclose(similarity_matrix(rows), wanted, atol=1e-6)


def test_patients_are_as_near_as_their_nearest_photos():
    rows = made.unit(RNG, 7, 16)
    starts, ends = np.array([0, 2, 3]), [2, 3, 7]
    photos = similarity_matrix(rows)
    found = patient_similarity_matrix(photos, starts)
    wanted = [
        [photos[a:b, c:d].max() for c, d in zip(starts, ends, strict=True)]
        for a, b in zip(starts, ends, strict=True)
    ]
    np.testing.assert_array_equal(found, np.array(wanted))


@pytest.mark.parametrize("controls", [0, 1, 300])
def test_ranks_are_those_of_a_sort_of_the_full_rows(controls: int):
    cohort, others = made.unit(RNG, 40, 16), made.unit(RNG, max(controls, 1), 16)[:controls]
    owners = np.repeat(np.arange(20), 2)
    # Some controls are photos of the cohort's own patients: they leave the pool, too.
    control_owners = RNG.integers(0, 200, controls)
    found = rank_matrix(cohort, others, owners, control_owners)
    wanted = ranks_by_sorting(cohort, cohort, others, owners, owners, control_owners)
    np.testing.assert_array_equal(found, wanted)
    assert (found.diagonal() == OWN).all()
    assert found.dtype == np.int32


def test_ranks_of_probes_that_are_another_set():
    cohort, others, probes = (made.unit(RNG, count, 16) for count in (11, 60, 5))
    owners, theirs, asked = np.arange(11), np.arange(11, 71), np.array([3, 12, 500, 501, 502])
    found = rank_matrix(cohort, others, owners, theirs, probes=probes, probe_owners=asked)
    wanted = ranks_by_sorting(probes, cohort, others, asked, owners, theirs)
    np.testing.assert_array_equal(found, wanted)
    assert (found[3, 0], (found == OWN).sum()) == (OWN, 1)


def test_ties_go_by_row_and_the_cohort_stands_before_the_controls():
    one, other = np.eye(2, 4, dtype=np.float32)
    cohort = np.stack([one, other, other, other])
    found = rank_matrix(cohort, np.stack([other, one]), np.arange(4), np.array([8, 9]))
    # The second photo's pool: the first is last but for the control that is the same as it.
    np.testing.assert_array_equal(found[:, 1], [3, OWN, 0, 1])
    np.testing.assert_array_equal(found[:, 0], [OWN, 1, 2, 3])


def test_what_is_no_set_of_descriptors_is_told():
    rows = made.unit(RNG, 3, 8)
    with pytest.raises(UsageError, match="not a set"):
        similarity_matrix(rows[:0])
    with pytest.raises(DescriptorError, match="unit length"):
        similarity_matrix(2 * rows)
    with pytest.raises(DescriptorError, match="not finite"):
        similarity_matrix(np.full((2, 8), np.nan, np.float32))
    with pytest.raises(SpaceMismatch, match="8 and 16"):
        similarity_matrix(rows, made.unit(RNG, 3, 16))
    with pytest.raises(UsageError, match="need controls"):
        similarity_matrix(rows, value="rank")


def test_a_set_of_more_than_a_tile(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "TILE", 4)
    rows, others = made.unit(RNG, 10, 8), made.unit(RNG, 3, 8)
    np.testing.assert_allclose(similarity_matrix(rows, others), rows @ others.T, atol=1e-6)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_cells_are_the_same_to_the_last_bit_in_every_tile(
    monkeypatch: pytest.MonkeyPatch, threads: int
):
    rows = made.unit(np.random.default_rng(4), 1500, 96)
    wanted = similarity_matrix(rows)
    monkeypatch.setattr(module, "cores", lambda: threads)
    with threadpool_limits(threads):
        assert np.array_equal(similarity_matrix(rows), wanted)
        for tile in (CELL, 2 * CELL, TILE):
            found = np.zeros_like(wanted)
            for top, left, values in upper_tiles(rows, tile=tile):
                found[top : top + len(values), left : left + values.shape[1]] = values
            assert np.array_equal(np.triu(found), np.triu(wanted)), tile
