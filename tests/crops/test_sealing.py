from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_space.crops.keys import CropKey, CropKeys
from gestalt_space.crops.sealing import seal, unseal
from gestalt_space.errors import CropStoreError

KEY = CropKey.of(bytes(range(32)))
KEYS = CropKeys((KEY,))
NAME = "ab/abcdef"


@given(st.binary(max_size=300), st.text(max_size=40))
def test_what_is_sealed_is_opened_again(png: bytes, name: str):
    assert unseal(seal(png, name, KEY), name, KEYS) == png


def test_an_object_shows_nothing_of_the_crop_and_is_never_twice_the_same():
    png = b"a crop of somebody's face " * 20
    one, other = seal(png, NAME, KEY), seal(png, NAME, KEY)
    assert one != other
    assert all(png[at : at + 8] not in one for at in range(len(png) - 8))


@pytest.mark.parametrize("place", range(40 + 5))
def test_one_bit_that_is_not_as_it_was_is_damage(place: int):
    data = bytearray(seal(b"crop!", NAME, KEY))
    data[place] ^= 1
    if 4 <= place < 12:  # the id of the key
        with pytest.raises(CropStoreError, match="another key"):
            unseal(bytes(data), NAME, KEYS)
    else:
        assert unseal(bytes(data), NAME, KEYS) is None


@pytest.mark.parametrize("length", [0, 3, 4, 11, 12, 24, 39, 44])
def test_an_object_that_was_cut_short_is_damage(length: int):
    whole = seal(b"crop!", NAME, KEY)
    assert length < len(whole)
    assert unseal(whole[:length], NAME, KEYS) is None


def test_an_object_under_another_name_is_damage():
    assert unseal(seal(b"crop", NAME, KEY), "ab/other", KEYS) is None


def test_another_key_is_named_by_its_id():
    other = CropKey.of(os.urandom(32))
    with pytest.raises(CropStoreError, match=f"another key .*{other.id}") as caught:
        unseal(seal(b"crop", NAME, other), NAME, KEYS)
    assert "GESTALT_CROPS_KEY_FILE" in caught.value.hint


def test_an_older_key_opens_still():
    old, new = CropKey.of(os.urandom(32)), CropKey.of(os.urandom(32))
    assert unseal(seal(b"crop", NAME, old), NAME, CropKeys((new, old))) == b"crop"
