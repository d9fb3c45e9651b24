from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from gestalt_space.documents.models import model_installed_document
from gestalt_space.encoders.families.iresnet import import_insightface, write_insightface
from gestalt_space.encoders.iresnet import IResNet
from gestalt_space.encoders.iresnet_training import TrainableIResNet
from gestalt_space.encoders.preparation import sized
from gestalt_space.encoders.registry import encoder_spec, open_encoder
from gestalt_space.encoders.torch_encoder import unit
from gestalt_space.encoders.trainable import open_trainable
from gestalt_space.errors import ModelUnsuitable
from gestalt_space.weights.manifest import InstalledModel
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.documents.validation import assert_valid
from tests.encoders.checkpoints import insightface_training

CROPS = np.stack([made.crop(seed) for seed in range(4)])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> InstalledModel:
    """An IResNet-18 of InsightFace's training, installed."""
    folder = tmp_path_factory.mktemp("trained")
    torch.save(insightface_training("iresnet18", seed=1).state_dict(), folder / "backbone.pth")
    store = ModelStore(folder / "models")
    return import_insightface(store, folder / "backbone.pth", accept_license=True)


def faces(model: InstalledModel) -> torch.Tensor:
    return torch.from_numpy(sized(CROPS, encoder_spec(model))).permute(0, 3, 1, 2)


def test_it_is_the_network_that_insightface_trains():
    theirs = insightface_training("iresnet18", seed=3)
    ours = TrainableIResNet("iresnet18").eval()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(2, 3, 112, 112, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(ours(images), theirs(images))


def test_it_describes_faces_as_the_installed_encoder_does(trained: InstalledModel):
    one = open_trainable(trained)
    assert isinstance(one.network, TrainableIResNet)
    assert one.spec == encoder_spec(trained)
    with torch.no_grad():
        slots = unit(one.network.eval()(one.preparation(faces(trained)))).numpy()
    exact = open_encoder(trained, device="cpu").encode(CROPS)[:, 0]
    assert np.abs(slots - exact).max() < 1e-5


def test_it_learns_and_its_norms_follow_the_faces(trained: InstalledModel, tmp_path: Path):
    one = open_trainable(trained)
    network = one.network
    assert network.training
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    images = one.preparation(faces(trained))
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01)
    aim = torch.randn(len(CROPS), 512, generator=torch.Generator().manual_seed(0))
    losses = []
    for _ in range(3):
        loss = (unit(network(images)) * aim).sum(dim=1).mean()
        optimiser.zero_grad()
        loss.backward()
        losses.append(loss.item())
        without = [name for name, one in network.named_parameters() if one.grad is None]
        assert without == ["features.weight"]
        optimiser.step()
    assert losses[2] < losses[0]
    after = network.state_dict()
    still = [name for name, tensor in before.items() if torch.equal(tensor, after[name])]
    assert still == ["features.weight"]

    state = {name: tensor.numpy() for name, tensor in after.items()}
    encoder, training = write_insightface(tmp_path, state)
    fused = IResNet("iresnet18").eval()
    fused.load_state_dict(load_file(tmp_path / encoder.file), strict=False)
    with torch.no_grad():
        difference = unit(fused(images)) - unit(network.eval()(images))
    assert difference.abs().max() < 1e-5
    assert training.role == "training"
    assert {name for name in after if not name.endswith("num_batches_tracked")} == set(
        load_file(tmp_path / training.file)
    )


def test_both_files_are_in_the_documents_of_the_model(trained: InstalledModel):
    document = model_installed_document(trained)
    assert_valid(document)
    roles = [one["role"] for one in document["installed"]["files"]]
    assert roles == ["encoder", "training"]


def test_a_model_of_before_is_trained_as_it_is_run(trained: InstalledModel):
    older = replace(trained, files=trained.encoders)
    assert encoder_spec(older).fingerprint == encoder_spec(trained).fingerprint
    one = open_trainable(older)
    assert isinstance(one.network, IResNet)
    assert one.network.training
    assert all(parameter.requires_grad for parameter in one.network.parameters())


def test_onnx_files_are_trained_as_torch_reads_them(tiny_store: ModelStore):
    model = tiny_store.get("tiny")
    one = open_trainable(model)
    features = one.network(one.preparation(faces(model)))
    unit(features)[:, 0].sum().backward()
    assert all(parameter.grad is not None for parameter in one.network.parameters())
    exact = open_encoder(model, device="cpu").encode(CROPS)[:, 0]
    assert np.abs(unit(features).detach().numpy() - exact).max() < 1e-5


def test_of_an_ensemble_none_is_trained(trained: InstalledModel):
    both = replace(trained, files=trained.files + trained.encoders)
    with pytest.raises(ModelUnsuitable, match="2 encoders"):
        open_trainable(both)


def test_an_unknown_architecture_is_told():
    with pytest.raises(ModelUnsuitable, match="iresnet7"):
        TrainableIResNet("iresnet7")
