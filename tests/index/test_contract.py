from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.errors import DescriptorError, IndexDamaged, NotInGallery
from gestalt_space.index.contract import VectorIndex
from gestalt_space.types import Descriptors
from tests import made
from tests.index.conftest import Make

DIM = 8


@pytest.fixture
def index(make: Make) -> VectorIndex:
    """A hundred descriptors under shuffled identifiers from 1000."""
    rng = np.random.default_rng(1)
    filled = make(DIM)
    filled.add(1000 + rng.permutation(100), made.unit(rng, 100, DIM))
    return filled


@pytest.fixture
def probes(rng: np.random.Generator) -> Descriptors:
    return made.unit(rng, 5, DIM)


def axes(*numbers: int) -> Descriptors:
    """Unit vectors along axes, whose products are exactly 0 or 1."""
    return np.eye(DIM, dtype=np.float32)[list(numbers)]


def assert_unchanged(index: VectorIndex, ids: np.ndarray, descriptors: np.ndarray) -> None:
    assert len(index) == len(ids)
    assert np.array_equal(index.ids, ids)
    assert np.array_equal(index.descriptors, descriptors)


def test_what_was_added_is_held_in_order(make: Make, rng: np.random.Generator):
    index = make(DIM)
    first, second = made.unit(rng, 3, DIM), made.unit(rng, 2, DIM)
    index.add(np.array([7, 3, 5]), first)
    index.add(np.array([1, 2**40]), second)
    assert index.dim == DIM
    assert index.ids.tolist() == [7, 3, 5, 1, 2**40]
    assert index.ids.dtype == np.int64
    assert np.array_equal(index.descriptors, np.concatenate([first, second]))
    assert index.descriptors.dtype == np.float32


def test_search_gives_the_nearest_first(index: VectorIndex, probes: Descriptors):
    ids, similarities = index.search(probes, 10)
    assert (ids.shape, similarities.shape) == ((5, 10), (5, 10))
    assert (ids.dtype, similarities.dtype) == (np.int64, np.float32)
    everything = probes @ index.descriptors.T
    order = np.argsort(-everything, axis=1)[:, :10]
    assert np.array_equal(ids, index.ids[order])
    assert np.allclose(similarities, np.take_along_axis(everything, order, axis=1), atol=1e-6)


def test_a_descriptor_is_nearest_to_itself(index: VectorIndex):
    ids, similarities = index.search(index.descriptors.copy(), 1)
    assert np.array_equal(ids[:, 0], index.ids)
    assert np.allclose(similarities, 1, atol=1e-5)


def test_similarities_have_their_columns_in_the_order_of_the_ids(
    index: VectorIndex, probes: Descriptors
):
    assert np.allclose(index.similarities(probes), probes @ index.descriptors.T, atol=1e-6)
    index.remove(index.ids[:50].copy())
    assert index.similarities(probes).shape == (5, 50)
    assert np.allclose(index.similarities(probes), probes @ index.descriptors.T, atol=1e-6)


def test_ties_break_by_the_smaller_identifier(make: Make):
    index = make(DIM)
    index.add(np.array([9, 4, 7, 1, 8, 3]), axes(0, 0, 1, 0, 0, 1))
    for k in range(1, 7):
        ids, _ = index.search(axes(0), k)
        assert ids[0].tolist() == [1, 4, 8, 9, 3, 7][:k]
        ids, _ = index.search(axes(2), k)
        assert ids[0].tolist() == [1, 3, 4, 7, 8, 9][:k]


def test_ties_break_by_the_smaller_identifier_among_some(make: Make):
    index = make(DIM)
    index.add(np.array([9, 4, 7, 1, 8, 3]), axes(0, 0, 1, 0, 0, 1))
    ids, _ = index.search(axes(0, 2), 2, among=[9, 8, 7, 4])
    assert ids.tolist() == [[4, 8], [4, 7]]


def test_equal_descriptors_tie_whatever_their_place_and_the_number_of_probes(make: Make):
    rng = np.random.default_rng(3)
    for count in (5, 17, 33, 101):
        for dim in (16, 100, 128, 512):
            rows = -np.abs(made.unit(rng, count, dim))
            alike = rng.choice(count, size=5, replace=False)
            rows[alike] = np.abs(made.unit(rng, 1, dim))
            ids = rng.permutation(count)
            index = make(dim)
            index.add(ids, rows)
            for many in (1, 3, 19, 25):
                found, _ = index.search(np.abs(made.unit(rng, many, dim)), 3)
                assert (found == np.sort(ids[alike])[:3]).all(), (count, dim, many)


def test_a_probe_ranks_alike_alone_and_among_others(make: Make):
    rng = np.random.default_rng(4)
    index = make(100)
    rows = made.unit(rng, 9, 100)
    rows[[1, 4, 6, 8]] = rows[0]
    index.add(rng.permutation(9), rows)
    probes = made.unit(rng, 25, 100)
    together, _ = index.search(probes, 9)
    alone = np.concatenate([index.search(probe[None], 9)[0] for probe in probes])
    assert np.array_equal(together, alone)


@pytest.mark.parametrize("k", [100, 101, 5000])
def test_no_more_than_there_are_come_back(k: int, index: VectorIndex, probes: Descriptors):
    ids, similarities = index.search(probes, k)
    assert ids.shape == similarities.shape == (5, 100)
    assert all(set(row) == set(index.ids) for row in ids.tolist())


def test_none_asked_is_none_given(index: VectorIndex, probes: Descriptors):
    ids, similarities = index.search(probes, 0)
    assert ids.shape == similarities.shape == (5, 0)


def test_no_probes_give_no_rows(index: VectorIndex):
    nothing = np.zeros((0, DIM), np.float32)
    ids, similarities = index.search(nothing, 3)
    assert ids.shape == similarities.shape == (0, 3)
    assert index.similarities(nothing).shape == (0, 100)


@pytest.mark.parametrize("among", [None, [], [1, 2]])
def test_an_empty_index_gives_empty_rows(among: list[int] | None, make: Make, probes: Descriptors):
    index = make(DIM)
    ids, similarities = index.search(probes, 3, among=among)
    assert ids.shape == similarities.shape == (5, 0)
    assert (ids.dtype, similarities.dtype) == (np.int64, np.float32)
    assert index.similarities(probes).shape == (5, 0)
    assert (len(index), index.ids.shape, index.descriptors.shape) == (0, (0,), (0, DIM))


def test_among_keeps_the_search_to_those(index: VectorIndex, probes: Descriptors):
    among = [1003, 1050, 1007, 1099]
    ids, similarities = index.search(probes, 3, among=among)
    assert ids.shape == (5, 3)
    assert set(ids.ravel().tolist()) <= set(among)
    columns = np.isin(index.ids, among)
    everything = probes @ index.descriptors[columns].T
    best = np.argsort(-everything, axis=1)[:, :3]
    assert np.array_equal(ids, index.ids[columns][best])
    assert np.allclose(similarities, np.take_along_axis(everything, best, axis=1), atol=1e-6)


@pytest.mark.parametrize("among", [[], [1, 2, 3], np.zeros(0, np.int64), [-1]])
def test_among_that_leaves_nothing_gives_empty_rows(
    among: list[int], index: VectorIndex, probes: Descriptors
):
    ids, similarities = index.search(probes, 3, among=among)
    assert ids.shape == similarities.shape == (5, 0)


def test_among_may_be_longer_than_the_index_and_name_one_twice(
    index: VectorIndex, probes: Descriptors
):
    among = [*range(900, 1003), 1002, 1002]
    ids, _ = index.search(probes, 10, among=among)
    assert ids.shape == (5, 3)
    assert all(sorted(row) == [1000, 1001, 1002] for row in ids.tolist())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0, 0.5, 1.1, 1e30, 1e-30])
def test_a_row_that_is_no_unit_vector_is_refused_and_nothing_is_added(
    value: float, index: VectorIndex
):
    before = index.ids.copy(), index.descriptors.copy()
    rows = axes(0, 1, 2)
    rows[1] = 0
    rows[1, 1] = value
    with pytest.raises(DescriptorError, match="row 1"):
        index.add(np.array([1, 2, 3]), rows)
    assert_unchanged(index, *before)


def test_one_nan_in_a_unit_vector_is_refused(index: VectorIndex):
    before = index.ids.copy(), index.descriptors.copy()
    rows = axes(0)
    rows[0, 5] = np.nan
    with pytest.raises(DescriptorError):
        index.add(np.array([1]), rows)
    assert_unchanged(index, *before)


@pytest.mark.parametrize("value", [np.nan, 0.0, np.inf])
def test_a_probe_that_is_no_unit_vector_is_refused(value: float, index: VectorIndex):
    probe = np.full((1, DIM), value, np.float32)
    with pytest.raises(DescriptorError):
        index.search(probe, 3)
    with pytest.raises(DescriptorError):
        index.similarities(probe)


@pytest.mark.parametrize("shape", [(1, DIM + 1), (1, DIM - 1), (DIM,), (1, 1, DIM)])
def test_another_dimension_is_refused(shape: tuple[int, ...], index: VectorIndex):
    before = index.ids.copy(), index.descriptors.copy()
    vector = np.zeros(shape, np.float32)
    vector[..., 0] = 1
    with pytest.raises(DescriptorError, match="shape"):
        index.add(np.array([1]), vector)
    with pytest.raises(DescriptorError, match="shape"):
        index.search(vector, 1)
    assert_unchanged(index, *before)


@pytest.mark.parametrize("ids", [[1, 1], [1, 1005], [1, -1], [-5, 2]])
def test_an_identifier_that_cannot_be_is_refused_and_nothing_is_added(
    ids: list[int], index: VectorIndex
):
    before = index.ids.copy(), index.descriptors.copy()
    with pytest.raises(IndexDamaged) as caught:
        index.add(np.array(ids), axes(0, 1))
    assert "gestalt index rebuild" in caught.value.hint
    assert_unchanged(index, *before)


@pytest.mark.parametrize("ids", [[1], [1, 2, 3]])
def test_more_or_fewer_identifiers_than_rows_are_refused_and_nothing_is_added(
    ids: list[int], index: VectorIndex
):
    before = index.ids.copy(), index.descriptors.copy()
    with pytest.raises((IndexDamaged, DescriptorError)):
        index.add(np.array(ids), axes(0, 1))
    assert_unchanged(index, *before)


def test_adding_and_removing_nothing_changes_nothing(index: VectorIndex):
    before = index.ids.copy(), index.descriptors.copy()
    index.add(np.zeros(0, np.int64), np.zeros((0, DIM), np.float32))
    index.remove(np.zeros(0, np.int64))
    assert_unchanged(index, *before)


def test_what_was_removed_is_found_no_more(index: VectorIndex):
    gone = index.ids[[0, 50, 99]].copy()
    vectors = index.descriptors[[0, 50, 99]].copy()
    kept = index.ids[1:50].tolist() + index.ids[51:99].tolist()
    index.remove(gone)
    assert len(index) == 97
    assert index.ids.tolist() == kept
    found, similarities = index.search(vectors, 97)
    assert not np.isin(gone, found).any()
    assert (similarities[:, 0] < 0.9999).all()


def test_ids_and_descriptors_stay_together_after_a_removal(index: VectorIndex):
    by_id = dict(zip(index.ids.tolist(), index.descriptors.copy(), strict=True))
    index.remove(index.ids[::3].copy())
    for identifier, row in zip(index.ids.tolist(), index.descriptors, strict=True):
        assert np.array_equal(row, by_id[identifier])


@pytest.mark.parametrize("ids", [[7], [1000, 7], [-1]])
def test_removing_what_is_not_there_is_refused_and_nothing_is_removed(
    ids: list[int], index: VectorIndex
):
    before = index.ids.copy(), index.descriptors.copy()
    with pytest.raises(NotInGallery):
        index.remove(np.array(ids))
    assert_unchanged(index, *before)


def test_an_identifier_may_come_back_after_it_was_removed(index: VectorIndex):
    index.remove(np.array([1000]))
    index.add(np.array([1000]), axes(3))
    ids, _ = index.search(axes(3), 1)
    assert ids.tolist() == [[1000]]


def test_all_may_be_removed_and_others_added(index: VectorIndex, probes: Descriptors):
    index.remove(index.ids.copy())
    assert index.search(probes, 3)[0].shape == (5, 0)
    assert index.descriptors.shape == (0, DIM)
    index.add(np.array([5]), axes(1))
    assert index.search(probes, 3)[0].tolist() == [[5]] * 5


def test_what_was_given_may_be_changed_afterwards(make: Make):
    index = make(DIM)
    ids, rows = np.array([1, 2]), axes(0, 1)
    index.add(ids, rows)
    ids[:], rows[:] = 0, 0
    assert index.ids.tolist() == [1, 2]
    assert np.array_equal(index.descriptors, axes(0, 1))
