from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gestalt_space.encoders.onnx_arcface import ArcFaceEncoder
from gestalt_space.encoders.registry import encoder_spec, find_encoder_model, open_encoder
from gestalt_space.errors import ModelNotInstalled, ModelUnsuitable
from gestalt_space.weights.store import ModelStore
from tests import made


def test_the_model_of_a_name_is_found(tiny_store: ModelStore):
    assert find_encoder_model(tiny_store, "tiny").name == "tiny"


def test_without_a_name_the_largest_encoder_is_taken(tmp_path: Path):
    store = ModelStore(tmp_path / "models")
    for name, dim in (("a", 8), ("b", 64), ("c", 16)):
        made.arcface_onnx(tmp_path / f"{name}.onnx", dim=dim)
        store.add(tmp_path / f"{name}.onnx", license_name="made by the tests")
    assert find_encoder_model(store).name == "b"


def test_an_unknown_name_is_refused_with_the_installed_ones(tiny_store: ModelStore):
    with pytest.raises(ModelNotInstalled, match="Installed: tiny"):
        find_encoder_model(tiny_store, "other")


def test_where_a_name_is_not_installed_the_next_command_is_named(tmp_path: Path):
    with pytest.raises(ModelNotInstalled) as caught:
        find_encoder_model(ModelStore(tmp_path / "models"), "other")
    assert "gestalt models pull" in caught.value.hint


@pytest.mark.shared
def test_a_model_that_only_finds_faces_is_refused(real_store: ModelStore):
    with pytest.raises(ModelUnsuitable, match="no encoder"):
        find_encoder_model(real_store, "yunet")
    with pytest.raises(ModelUnsuitable, match="no encoder"):
        encoder_spec(real_store.get("yunet"))
    assert find_encoder_model(real_store).name == "arcface-mbf"


def test_the_specification_is_known_without_opening_the_encoder(tiny_store: ModelStore):
    model = tiny_store.get("tiny")
    encoder = open_encoder(model, device="cpu", threads=1)
    assert isinstance(encoder, ArcFaceEncoder)
    assert encoder_spec(model) == encoder.spec
    assert encoder_spec(model).fingerprint == encoder.spec.fingerprint


def test_two_models_are_two_spaces(tiny_store: ModelStore, tmp_path: Path):
    made.arcface_onnx(tmp_path / "other.onnx", dim=16, seed=2)
    other = ModelStore(tmp_path / "models").add(
        tmp_path / "other.onnx", license_name="made by the tests"
    )
    tiny = encoder_spec(tiny_store.get("tiny"))
    assert encoder_spec(other).fingerprint != tiny.fingerprint
    assert np.isfinite(tiny.mean)
