from __future__ import annotations

import time

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gestalt_space.index.hashing import hash64, hash64_all


def test_the_empty_text_alone_is_unknown():
    assert hash64("") == 0
    assert hash64(" ") != 0


def test_a_text_has_the_same_number_on_every_machine():
    # By `b2sum -l 64`.
    assert hash64("female") == int.from_bytes(bytes.fromhex("057a38662053c8dc"), "little") - 2**64
    assert hash64("Bonn 2") == int.from_bytes(bytes.fromhex("a9e969a6d6f9d232"), "little")


@given(st.lists(st.text()))
def test_many_texts_have_the_numbers_that_each_has(texts: list[str]):
    numbers = hash64_all(texts)
    assert numbers.dtype == np.int64
    assert numbers.tolist() == [hash64(text) for text in texts]


@given(st.sets(st.text(), min_size=2))
def test_different_texts_have_different_numbers(texts: set[str]):
    assert len({hash64(text) for text in texts}) == len(texts)


def test_half_a_character_has_a_number():
    assert hash64("\udcff") not in (0, hash64("\udcfe"))


def test_a_million_of_few_texts_are_hashed_at_once():
    texts = ["female", "male", ""] * 333_334
    before = time.process_time()
    numbers = hash64_all(texts)
    assert time.process_time() - before < 2
    assert len(set(numbers.tolist())) == 3
