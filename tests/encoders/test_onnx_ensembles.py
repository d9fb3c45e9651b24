"""Several ONNX files as one model: each of them is run, with every view."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.encoders.preparation import ALL_VIEWS, grey
from gestalt_space.encoders.registry import encoder_spec, open_encoder
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


def test_files_that_do_not_go_together_are_no_model(tmp_path: Path):
    for name, dim in (("a", 8), ("b", 16)):
        made.arcface_onnx(tmp_path / f"{name}.onnx", dim=dim)
    from gestalt_space.errors import ModelDamaged

    model = ModelStore(tmp_path / "models").add(tmp_path, name="ab", license_name="made")
    with pytest.raises(ModelDamaged, match="have different inputs or outputs"):
        open_encoder(model, device="cpu")
