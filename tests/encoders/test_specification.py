from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_space.encoders.specification import EncoderSpec
from gestalt_space.errors import SpaceMismatch

SPEC = EncoderSpec(
    family="arcface-onnx",
    weights=("ab" * 32,),
    template="arcface-112",
    input_size=112,
    channels="RGB",
    mean=127.5,
    std=127.5,
    slots=("model0",),
    dim=512,
)
GOLDEN = "7ad183134310c94eb8fffa5657a83f781ce0e14c751a2edf3c81c4997e17f44a"
"""Stands on stored descriptors: a change here parts every gallery from its encoder."""

names = st.text(min_size=1, max_size=12)
numbers = st.floats(allow_nan=False, allow_infinity=False)
levels = numbers | st.tuples(numbers, numbers, numbers)
specs = st.builds(
    EncoderSpec,
    family=names,
    weights=st.lists(names, min_size=1, max_size=4).map(tuple),
    template=names,
    input_size=st.integers(1, 1024),
    channels=st.sampled_from(["RGB", "BGR", "grey"]),
    mean=levels,
    std=levels,
    resize=st.sampled_from(["", "bicubic 248"]),
    slots=st.lists(names, min_size=1, max_size=12).map(tuple),
    dim=st.integers(1, 4096),
)


def test_the_fingerprint_of_a_specification_never_changes():
    assert SPEC.fingerprint == GOLDEN


@pytest.mark.parametrize(
    "other",
    [
        {"family": "timm"},
        {"weights": ("cd" * 32,)},
        {"weights": ("ab" * 32, "ab" * 32)},
        {"template": "arcface-128"},
        {"input_size": 224},
        {"channels": "BGR"},
        {"mean": 0.0},
        {"std": 128.0},
        {"mean": (127.5, 127.5, 127.5)},
        {"resize": "bicubic 112"},
        {"slots": ("model1",)},
        {"slots": ("model0", "model0 flipped")},
        {"dim": 256},
    ],
    ids=lambda other: ",".join(other),
)
def test_every_field_changes_the_fingerprint(other: dict[str, object]):
    assert replace(SPEC, **other).fingerprint != SPEC.fingerprint


def test_every_field_stands_in_the_text_that_is_hashed():
    resized = replace(SPEC, resize="bicubic 248")
    assert set(json.loads(resized.to_json())) == {"format", *EncoderSpec.__dataclass_fields__}


def test_the_order_of_the_weights_matters():
    two = replace(SPEC, weights=("a", "b"))
    assert replace(two, weights=("b", "a")).fingerprint != two.fingerprint


@given(specs)
def test_a_specification_survives_json(spec: EncoderSpec):
    again = EncoderSpec.from_json(spec.to_json())
    assert again == spec
    assert again.fingerprint == spec.fingerprint
    assert hash(again) == hash(spec)


@given(specs, specs)
def test_two_specifications_share_a_fingerprint_only_if_they_are_equal(
    one: EncoderSpec, other: EncoderSpec
):
    assert (one.fingerprint == other.fingerprint) == (one.to_json() == other.to_json())


def test_a_whole_number_and_its_float_are_one_space():
    record = json.loads(SPEC.to_json())
    record["mean"], record["std"] = 0, 1
    whole = EncoderSpec.from_json(json.dumps(record))
    assert whole == replace(SPEC, mean=0.0, std=1.0)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_format_version_is_refused(version: object):
    record = json.loads(SPEC.to_json()) | {"format": version}
    with pytest.raises(SpaceMismatch, match="another version"):
        EncoderSpec.from_json(json.dumps(record))


def test_the_descriptor_is_as_long_as_its_slots_together():
    assert SPEC.descriptor_dim == 512
    assert replace(SPEC, slots=tuple(f"slot{i}" for i in range(12))).descriptor_dim == 6144
