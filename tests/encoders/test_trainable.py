from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gestalt_space.encoders.families.iresnet import import_insightface
from gestalt_space.encoders.registry import open_encoder
from gestalt_space.encoders.trainable import TrainableEncoder, open_trainable
from gestalt_space.training.space.rates import freeze
from gestalt_space.training.space.recipe import load_recipe
from gestalt_space.weights.manifest import BUILTIN, InstalledModel, write_manifest
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.encoders.checkpoints import insightface_training


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


def crops() -> np.ndarray:
    return np.stack([made.crop(seed) for seed in range(3)])


def described(trainable: TrainableEncoder) -> np.ndarray:
    images = torch.from_numpy((crops().transpose(0, 3, 1, 2).astype(np.float32) - 127.5) / 127.5)
    with torch.inference_mode():
        found = torch.nn.functional.normalize(trainable.network.eval()(images), dim=1)
    return found.numpy()


def slots_of(model: InstalledModel) -> np.ndarray:
    return open_encoder(model, device="cpu", threads=1).encode(crops())[:, 0]


def test_the_built_in_encoder_has_eleven_layers_in_the_order_of_the_pixels(
    store: ModelStore,
) -> None:
    trainable = open_trainable(store.get(BUILTIN))
    first, last = trainable.layers[0], trainable.layers[-1]
    assert len(trainable.layers) == 11
    assert first[0].weight.shape == (64, 3, 8, 8)
    assert last[-1].weight.shape == (128, 48 * 7 * 7)


def test_an_encoder_that_prepares_its_images_itself_still_does_when_it_was_trained(
    store: ModelStore, tmp_path: Path
) -> None:
    made.arcface_onnx(tmp_path / "embedded.onnx", embedded=True)
    model = store.add(tmp_path / "embedded.onnx", accept_license=True)
    trained = written(open_trainable(model), tmp_path / "trained", store)
    assert np.allclose(slots_of(trained), slots_of(model), atol=1e-5)


def written(trainable: TrainableEncoder, folder: Path, store: ModelStore) -> InstalledModel:
    """Installed from what it wrote."""
    folder.mkdir()
    files = trainable.write(folder)
    write_manifest(replace(trainable.model, name="trained", folder=folder, files=files))
    return store.add(folder, accept_license=True)


def test_an_iresnet_is_trained_from_its_checkpoint(store: ModelStore, tmp_path: Path) -> None:
    path = tmp_path / "backbone.pth"
    torch.save(insightface_training("iresnet18", seed=1).state_dict(), path)
    import_insightface(store, path, name="own", accept_license=True)
    trainable = open_trainable(store.get("own"))
    assert len(trainable.layers) == 1 + 8 + 1
    freeze(trainable, load_recipe("builtin"))
    learning = {n for n, one in trainable.network.named_parameters() if one.requires_grad}
    assert {n for n, _ in trainable.network.named_parameters()} - learning == {"features.weight"}
    kinds = [type(part).__name__ for part in trainable.layers[-1]]
    assert kinds == ["Linear", "BatchNorm1d"]
    with torch.no_grad():
        trainable.network.fc.weight[::2] *= 1.5
    trained = written(trainable, tmp_path / "trained", store)
    assert trained.license == trainable.model.license
    assert not np.allclose(slots_of(trained), slots_of(trainable.model), atol=1e-3)
    assert np.allclose(slots_of(trained), described(trainable), atol=1e-5)
    again = open_trainable(trained).network.state_dict()
    assert all(
        torch.equal(again[name], one) for name, one in trainable.network.state_dict().items()
    )
