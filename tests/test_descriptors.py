from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_space.descriptors import (
    UNIT_TOLERANCE,
    check_descriptors,
    to_descriptors,
    to_slots,
    unsound,
)
from gestalt_space.errors import DescriptorError
from tests import made


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 5),
    count=st.integers(1, 12),
    dim=st.integers(2, 40),
)
def test_the_inner_product_is_the_mean_cosine_of_like_slots(
    seed: int, n: int, count: int, dim: int
):
    rng = np.random.default_rng(seed)
    one, other = (made.unit(rng, n * count, dim).reshape(n, count, dim) for _ in range(2))
    cosines = np.einsum("isd,jsd->ijs", one, other).mean(axis=2)
    products = to_descriptors(one) @ to_descriptors(other).T
    assert np.allclose(products, cosines, atol=1e-5)
    assert not unsound(to_descriptors(one)).any()


def test_slots_lie_end_to_end():
    slots = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    descriptors = to_descriptors(slots)
    assert descriptors.shape == (2, 6)
    assert descriptors.dtype == np.float32
    assert descriptors.flags.c_contiguous
    assert np.allclose(descriptors * np.sqrt(2), slots.reshape(2, 6))


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 12), dim=st.integers(2, 40))
def test_descriptors_are_taken_apart_and_put_together_to_the_bit(seed: int, count: int, dim: int):
    slots = made.unit(np.random.default_rng(seed), 3 * count, dim).reshape(3, count, dim)
    descriptors = to_descriptors(slots)
    apart = to_slots(descriptors, count)
    assert apart.dtype == np.float32
    assert np.allclose(apart, slots, atol=1e-6)
    assert to_descriptors(apart).tobytes() == descriptors.tobytes()


def test_no_faces_are_no_descriptors():
    assert to_descriptors(np.zeros((0, 12, 4), np.float32)).shape == (0, 48)
    assert unsound(np.zeros((0, 48), np.float32)).shape == (0,)
    assert check_descriptors(np.zeros((0, 48), np.float32), 48).shape == (0, 48)


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ([1, 0, 0], False),
        ([0.6, -0.8, 0], False),
        ([1 + 0.9 * UNIT_TOLERANCE, 0, 0], False),
        ([1 + 1.1 * UNIT_TOLERANCE, 0, 0], True),
        ([1 - 1.1 * UNIT_TOLERANCE, 0, 0], True),
        ([0, 0, 0], True),
        ([np.nan, 1, 0], True),
        ([np.inf, 0, 0], True),
        ([-np.inf, np.inf, 0], True),
        ([3e38, 3e38, 3e38], True),
        ([1e-45, 0, 0], True),
    ],
)
def test_a_row_is_sound_if_it_is_finite_and_of_unit_length(row: list[float], wrong: bool):
    rows = np.array([[0, 1, 0], row], np.float32)
    assert unsound(rows).tolist() == [False, wrong]


def test_a_vector_that_underflowed_in_float16_is_refused():
    tiny = np.full((1, 4), 1e-8).astype(np.float16)
    with pytest.raises(DescriptorError):
        check_descriptors(tiny)


def test_a_unit_vector_that_went_through_float16_is_taken():
    vectors = made.unit(np.random.default_rng(1), 50, 512)
    checked = check_descriptors(vectors.astype(np.float16), 512)
    assert checked.dtype == np.float32
    assert np.allclose(checked, vectors, atol=1e-3)


def test_what_passed_is_contiguous_float32():
    vectors = np.asfortranarray(made.unit(np.random.default_rng(1), 5, 8).astype(np.float64))
    checked = check_descriptors(vectors, 8)
    assert checked.dtype == np.float32
    assert checked.flags.c_contiguous
    assert np.allclose(checked, vectors)


def test_the_first_wrong_row_is_named_and_all_are_counted():
    vectors = made.unit(np.random.default_rng(1), 6, 8)
    vectors[[2, 4]] = 0
    with pytest.raises(DescriptorError, match=r"2 of 6 descriptors.*row 2") as caught:
        check_descriptors(vectors)
    assert "gestalt models verify" in caught.value.hint


@pytest.mark.parametrize("shape", [(8,), (1, 1, 8), ()])
def test_another_rank_is_refused(shape: tuple[int, ...]):
    with pytest.raises(DescriptorError, match="shape"):
        check_descriptors(np.ones(shape, np.float32))


def test_another_dimension_is_refused():
    with pytest.raises(DescriptorError, match=r"\(n, 9\)"):
        check_descriptors(made.unit(np.random.default_rng(1), 2, 8), 9)


def test_no_message_bears_a_number_of_the_vector():
    vectors = np.full((1, 3), 0.12345, np.float32)
    with pytest.raises(DescriptorError) as caught:
        check_descriptors(vectors)
    assert "0.123" not in str(caught.value.as_dict())
