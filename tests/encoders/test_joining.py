"""Installed encoders as one model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gestalt_space.encoders.families.iresnet import import_insightface
from gestalt_space.encoders.joining import join_models
from gestalt_space.encoders.registry import encoder_spec, open_encoder
from gestalt_space.errors import ModelUnsuitable, UsageError
from gestalt_space.types import Slots
from gestalt_space.weights.manifest import write_manifest
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.encoders.checkpoints import insightface_training

CROPS = np.stack([made.crop(seed) for seed in range(2)])


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    store = ModelStore(tmp_path / "models")
    for seed, name in enumerate(("first", "second", "third")):
        made.arcface_onnx(tmp_path / "same.onnx", dim=16, seed=seed)
        store.add(tmp_path / "same.onnx", name=name, license_name=f"licence {name}")
    return store


def slots_of(store: ModelStore, name: str) -> Slots:
    return open_encoder(store.get(name), device="cpu").encode(CROPS)


def test_each_model_gives_its_slots(store: ModelStore) -> None:
    model = join_models(store, ["second", "first"], "both")
    expected = [slots_of(store, name) for name in ("second", "first")]
    assert np.array_equal(slots_of(store, "both"), np.concatenate(expected, axis=1))
    assert (model.license, model.restricted) == ("licence second; licence first", False)
    assert model.source == "joined from second, first"
    assert model.trained_from == ()
    store.verify("both")
    join_models(store, ["both", "third"], "three")
    assert slots_of(store, "three").shape == (2, 3, 16)


def test_the_strictest_licence_holds_and_all_are_named(store: ModelStore) -> None:
    strict = replace(store.get("second"), restricted=True, terms="Ask first.")
    write_manifest(strict)
    model = join_models(store, ["first", "second"], "both")
    assert (model.license, model.terms) == ("licence first; licence second", "Ask first.")
    assert model.restricted
    assert model.accepted_at is not None


def test_who_trained_a_member_is_known_of_the_whole(store: ModelStore) -> None:
    write_manifest(replace(store.get("second"), trained_from=("a" * 64,)))
    model = join_models(store, ["first", "second"], "both")
    own = encoder_spec(store.get("second")).fingerprint
    assert model.trained_from == ("a" * 64, own)


def test_with_all_views_each_network_gives_four_slots(store: ModelStore) -> None:
    model = join_models(store, ["first", "second"], "both", all_views=True)
    assert len(encoder_spec(model).slots) == 8
    with pytest.raises(ModelUnsuitable, match="different ways"):
        join_models(store, ["both", "third"], "four")


def test_onnx_and_torch_are_run_together(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "models")
    torch.save(insightface_training("iresnet18", seed=1).state_dict(), tmp_path / "backbone.pth")
    import_insightface(store, tmp_path / "backbone.pth", name="own", accept_license=True)
    level = store.get("own").encoders[0]
    made.arcface_onnx(tmp_path / "other.onnx", dim=level.dim, seed=3)
    store.add(tmp_path / "other.onnx", license_name="other")
    model = join_models(store, ["own", "other"], "both")
    assert {file.role for file in model.files} == {"encoder"}
    expected = [slots_of(store, name) for name in ("own", "other")]
    assert np.allclose(slots_of(store, "both"), np.concatenate(expected, axis=1), atol=1e-5)


def test_what_cannot_be_joined_is_refused(store: ModelStore, tmp_path: Path) -> None:
    for names in ([], ["first"], ["first", "first"]):
        with pytest.raises(UsageError, match="Two or more different models"):
            join_models(store, names, "both")
    made.arcface_onnx(tmp_path / "wide.onnx", dim=32, seed=3)
    store.add(tmp_path / "wide.onnx", license_name="own")
    with pytest.raises(ModelUnsuitable, match="different inputs or outputs"):
        join_models(store, ["first", "wide"], "both")
    join_models(store, ["first", "second"], "both")
    with pytest.raises(ModelUnsuitable, match="the same network"):
        join_models(store, ["both", "first"], "again")
    assert sorted(path.name for path in store.folder.iterdir()) == [
        "both",
        "first",
        "second",
        "third",
        "wide",
    ]
