"""Several ONNX files as one model: each of them is run, with every view."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from gestalt_space.encoders.export import export_encoder, exported_input
from gestalt_space.encoders.networks import load_network
from gestalt_space.encoders.preparation import ALL_VIEWS, grey
from gestalt_space.encoders.registry import encoder_spec, open_encoder
from gestalt_space.encoders.torch_encoder import TorchEncoder
from gestalt_space.errors import ModelUnsuitable
from gestalt_space.types import Slots
from gestalt_space.weights.store import ModelStore
from tests import made

CROPS = np.stack([made.crop(seed) for seed in range(3)])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    """Two networks, each alone and both together."""
    folder = tmp_path_factory.mktemp("ensemble")
    store = ModelStore(folder / "models")
    (folder / "both").mkdir()
    for seed, name in enumerate(("first", "second")):
        path = folder / "both" / f"{name}.onnx"
        made.arcface_onnx(path, dim=16, seed=seed)
        store.add(path, license_name="made by the tests")
    store.add(folder / "both", name="both", license_name="made by the tests")
    return store


def alone(store: ModelStore, name: str, crops: np.ndarray) -> Slots:
    return open_encoder(store.get(name), device="cpu").encode(np.ascontiguousarray(crops))


def test_each_file_gives_a_slot(store: ModelStore):
    encoder = open_encoder(store.get("both"), device="cpu")
    slots = encoder.encode(CROPS)
    assert encoder.spec.slots == ("model0", "model1")
    assert slots.shape == (3, 2, 16)
    assert encoder.run.runtime == "onnxruntime"
    for place, name in enumerate(("first", "second")):
        assert np.array_equal(slots[:, place], alone(store, name, CROPS)[:, 0])


def test_each_view_of_each_file_gives_a_slot(store: ModelStore):
    views = (ALL_VIEWS[0], ALL_VIEWS[3])
    model = replace(store.get("both"), views=tuple(view.name for view in views))
    slots = open_encoder(model, device="cpu").encode(CROPS)
    assert slots.shape == (3, len(encoder_spec(model).slots), 16) == (3, 4, 16)
    shown = (CROPS, grey(CROPS)[:, :, ::-1])
    for place, name in enumerate(("first", "second")):
        for number, faces in enumerate(shown):
            expected = alone(store, name, faces)[:, 0]
            assert np.allclose(slots[:, 2 * place + number], expected, atol=1e-6)


def test_in_another_precision_each_file_gives_its_slots_too(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        "gestalt_space.encoders.precision.processor_precisions", lambda: ("float32", "bf16")
    )
    exact = open_encoder(store.get("both"), device="cpu").encode(CROPS)
    slots = open_encoder(store.get("both"), device="cpu", precision="bf16").encode(CROPS)
    assert np.einsum("nsd,nsd->ns", slots, exact).min() > 0.999


@pytest.mark.parametrize("batch", ["batch", 1])
@pytest.mark.parametrize("runtime", ["torch", "exported"])
def test_two_files_and_two_views_give_four_slots_however_they_are_run(
    batch: int | str, runtime: str, tmp_path: Path
):
    (tmp_path / "both").mkdir()
    for seed in range(2):
        made.arcface_onnx(tmp_path / "both" / f"{seed}.onnx", seed=seed, batch=batch)
    store = ModelStore(tmp_path / "models")
    added = store.add(tmp_path / "both", license_name="made by the tests")
    views = (ALL_VIEWS[0], ALL_VIEWS[3])
    model = replace(added, views=tuple(view.name for view in views))
    expected = open_encoder(model, device="cpu").encode(CROPS)
    spec = encoder_spec(model)
    if runtime == "torch":
        networks = [load_network(model, file) for file in model.encoders]
        torch_encoder = TorchEncoder(spec, networks, views, device=torch.device("cpu"))
        whole = torch_encoder.encode(CROPS)
    else:
        export_encoder(model, tmp_path / "whole.onnx")
        session = onnxruntime.InferenceSession(
            str(tmp_path / "whole.onnx"), providers=["CPUExecutionProvider"]
        )
        whole = session.run(None, {"faces": exported_input(CROPS, spec)})[0]
    assert whole.shape[1:] == (len(spec.slots), 16) == (4, 16)
    assert np.abs(whole - expected).max() < 1e-6


@pytest.mark.parametrize("other", [{"dim": 8}, {"size": 224}, {"embedded": True}])
def test_files_that_do_not_go_together_are_not_installed(other: dict[str, Any], tmp_path: Path):
    (tmp_path / "both").mkdir()
    made.arcface_onnx(tmp_path / "both" / "a.onnx")
    made.arcface_onnx(tmp_path / "both" / "b.onnx", **other)
    store = ModelStore(tmp_path / "models")
    with pytest.raises(ModelUnsuitable, match=r"a\.onnx \(112 pixels.*b\.onnx") as caught:
        store.add(tmp_path / "both", license_name="made by the tests")
    assert "one by one" in caught.value.hint
    assert store.sound_models() == [store.get("builtin")]
