from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.index.integers import MOST, ZERO, Bytes, Whole, integer_product, is_exact
from tests import made


def of_sixteen_bits(codes: Bytes, probes: Whole) -> np.ndarray:
    """Pairs of products are added in 16 bits and cut off there, as by processors without VNNI."""
    pairs = codes.astype(np.int64).reshape(len(codes), -1, 2)
    whole = probes.astype(np.int64).reshape(-1, 2, probes.shape[1])
    sums = np.clip(np.einsum("mpc,pcq->mpq", pairs, whole), -(2**15), 2**15 - 1).sum(axis=1)
    return (sums - ZERO * probes.astype(np.int64).sum(axis=0)).astype(np.int32)


@pytest.mark.parametrize("dim", [2, 20, 512, 6144])
def test_products_that_are_cut_off_are_not_taken(dim: int):
    assert is_exact(made.whole_products, dim)
    assert not is_exact(of_sixteen_bits, dim)


def test_one_wrong_number_is_enough():
    def wrong(codes: Bytes, probes: Whole) -> np.ndarray:
        products = made.whole_products(codes, probes)
        products[-1, -1] += 1
        return products

    assert not is_exact(wrong, 512)


@pytest.mark.parametrize("dim", [1, 5, 64, 511, 512, 6144])
@pytest.mark.parametrize("probes", [1, 2, 7, 64, 300])
def test_products_are_those_of_whole_numbers(dim: int, probes: int, rng: np.random.Generator):
    product = integer_product(dim)
    if product is None:
        pytest.skip("ONNX Runtime's products of integers are not exact on this processor")
    codes = rng.integers(ZERO - MOST, ZERO + MOST + 1, (203, dim)).astype(np.uint8)
    whole = rng.integers(-MOST, MOST + 1, (dim, probes)).astype(np.int8)
    assert np.array_equal(product(codes, whole), made.whole_products(codes, whole))
    assert np.array_equal(product(codes[3:], whole), made.whole_products(codes[3:], whole))
