from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from gestalt_space.devices import Precision
from gestalt_space.encoders import precision, registry
from gestalt_space.encoders.onnx_arcface import ArcFaceEncoder
from gestalt_space.encoders.registry import (
    detector_device,
    encoder_spec,
    find_encoder_model,
    open_encoder,
    why_not_native,
)
from gestalt_space.errors import (
    DeviceUnavailable,
    GraphUnknown,
    ModelNotInstalled,
    ModelUnsuitable,
    UsageError,
)
from gestalt_space.types import EncodingRun
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


@pytest.mark.parametrize("able", [("float32",), ("float32", "bf16")])
def test_float32_is_what_runs_whatever_the_processor_can_do(
    able: tuple[Precision, ...], tiny_store: ModelStore, monkeypatch: pytest.MonkeyPatch
):
    before = sorted(tiny_store.folder.iterdir())
    monkeypatch.setattr(precision, "processor_precisions", lambda: able)
    encoder = open_encoder(tiny_store.get("tiny"))
    encoder.encode(np.stack([made.crop(seed) for seed in range(8)]))
    assert encoder.run == EncodingRun("float32", "cpu", "onnxruntime", onnxruntime.__version__)
    assert sorted(tiny_store.folder.iterdir()) == before


def test_a_precision_without_hardware_is_refused(
    tiny_store: ModelStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(precision, "processor_precisions", lambda: ("float32",))
    with pytest.raises(DeviceUnavailable, match="bf16") as caught:
        open_encoder(tiny_store.get("tiny"), device="cpu", precision="bf16")
    assert "[precisions]" in caught.value.hint
    with pytest.raises(UsageError, match="float7"):
        open_encoder(tiny_store.get("tiny"), precision="float7")  # type: ignore[arg-type]


def test_a_precision_asked_for_by_name_runs_in_torch(
    tiny_store: ModelStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(precision, "processor_precisions", lambda: ("float32", "bf16"))
    crops = np.stack([made.crop(seed) for seed in range(5)])
    encoder = open_encoder(tiny_store.get("tiny"), device="cpu", precision="bf16")
    assert encoder.run == EncodingRun("bf16", "cpu", "torch", torch.__version__)
    exact = open_encoder(tiny_store.get("tiny"), device="cpu").encode(crops)
    slots = encoder.encode(crops)
    assert 0.999 < np.einsum("nsd,nsd->ns", slots, exact).min() < 1 - 1e-7


def test_a_graph_that_is_not_understood_runs_in_float32_alone(
    tiny_store: ModelStore, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object) -> None:
        raise GraphUnknown("The graph has the operator Frobnicate.")

    monkeypatch.setattr(registry, "load_network", refuse)
    monkeypatch.setattr(precision, "processor_precisions", lambda: ("float32", "bf16"))
    model = tiny_store.get("tiny")
    assert isinstance(open_encoder(model, device="cpu"), ArcFaceEncoder)
    assert "Frobnicate" in (why_not_native(model) or "")
    with pytest.raises(GraphUnknown, match="Frobnicate"):
        open_encoder(model, device="cpu", precision="bf16")


def test_detectors_stay_on_the_processor_while_torch_has_the_gpu(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registry, "cuda_provider", lambda: False)
    monkeypatch.setattr(registry, "torch_device", lambda device: torch.device("cuda"))
    assert detector_device("cuda") == "cpu"
    assert detector_device("auto") == "auto"
    monkeypatch.setattr(registry, "cuda_provider", lambda: True)
    assert detector_device("cuda") == "cuda"
