from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from gestalt_space.encoders.gestaltmatcher import (
    FaceNet,
    Published,
    read_arc,
    read_facenet,
    read_insightface,
)
from gestalt_space.encoders.iresnet import IResNet, randomised
from gestalt_space.encoders.networks import fill
from gestalt_space.errors import ModelUnsuitable
from gestalt_space.weights.pickles import read_checkpoint
from tests.encoders.checkpoints import PublishedFaceNet, fine_tuned, insightface_training
from tests.encoders.graphs import by_torch, least_cosine, random_images

IMAGES = (random_images(4, (3, 112, 112)) - 127.5) / 127.5
GREY = random_images(4, (1, 100, 100)) / 255


def filled(network: nn.Module, found: Published) -> nn.Module:
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in found.weights.items()}
    fill(network, tensors, found.architecture)
    return network.eval()


def arrays(network: nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in network.state_dict().items()}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, nn.Module]:
    path = tmp_path_factory.mktemp("arc") / "s1_glint360k_r18.pth"
    return path, fine_tuned(path, "iresnet18", seed=4)


def test_a_fine_tuned_checkpoint_gives_what_the_module_gives(checkpoint: tuple[Path, nn.Module]):
    path, module = checkpoint
    found = read_arc(read_checkpoint(path))
    assert found.architecture == "iresnet18"
    ours = by_torch(filled(IResNet("iresnet18"), found), IMAGES)
    with torch.inference_mode():
        scores, features = module(torch.from_numpy(IMAGES))
    assert least_cosine(ours, features.numpy()) > 0.99999
    ours_scores = ours @ found.classifier["weight"].T + found.classifier["bias"]
    assert np.allclose(ours_scores, scores.numpy(), atol=1e-3)


def test_a_checkpoint_with_a_layer_too_few_or_too_many_is_refused(
    checkpoint: tuple[Path, nn.Module],
):
    state = read_checkpoint(checkpoint[0])
    missing = {name: array for name, array in state.items() if not name.startswith("base.PRelu_3.")}
    with pytest.raises(ModelUnsuitable, match="8 PReLU"):
        read_arc(missing)
    with pytest.raises(ModelUnsuitable, match=r"base\.Sigmoid_0\.x"):
        read_arc({**state, "base.Sigmoid_0.x": np.zeros(1)})
    with pytest.raises(ModelUnsuitable, match="missing base"):
        read_arc({"conv1.weight": np.zeros((64, 3, 3, 3))})
    half = {**state, "classifier.1.bias": state["classifier.1.bias"]}
    del half["classifier.1.weight"]
    with pytest.raises(ModelUnsuitable, match="class layer"):
        read_arc(half)


@pytest.mark.parametrize("architecture", ["iresnet18", "iresnet34"])
def test_insightfaces_training_is_folded_to_the_same_features(architecture: str):
    network = insightface_training(architecture, seed=5)
    found = read_insightface(arrays(network))
    assert found.architecture == architecture
    ours = by_torch(filled(IResNet(architecture), found), IMAGES[:2])
    assert least_cosine(ours, by_torch(network, IMAGES[:2])) > 0.99999


def test_another_training_is_refused():
    state = arrays(insightface_training("iresnet18", seed=5))
    missing = {name: array for name, array in state.items() if name != "layer2.1.bn2.bias"}
    with pytest.raises(ModelUnsuitable, match=r"missing layer2\.1\.bn2\.bias"):
        read_insightface(missing)
    with pytest.raises(ModelUnsuitable, match=r"head\.weight"):
        read_insightface({**state, "head.weight": np.zeros(3)})
    with pytest.raises(ModelUnsuitable, match="0, 0, 0, 0 blocks"):
        read_insightface({"weight": np.zeros(3)})


@pytest.mark.parametrize(("act", "name"), [(nn.ReLU, "facenet-relu"), (nn.PReLU, "facenet-prelu")])
def test_gestaltmatchers_networks_give_what_they_gave(act: type[nn.Module], name: str):
    network = PublishedFaceNet(11, act)
    randomised(network, seed=6)
    found = read_facenet(arrays(network))
    assert found.architecture == name
    ours = by_torch(filled(FaceNet(name), found), GREY)
    assert ours.shape == (4, 320)
    with torch.inference_mode():
        scores, features = network(torch.from_numpy(GREY))
    assert least_cosine(ours, features.numpy()) > 0.99999
    ours_scores = ours @ found.classifier["weight"].T + found.classifier["bias"]
    assert np.allclose(ours_scores, scores.numpy(), atol=1e-3)


def test_weights_of_another_network_are_refused():
    state = arrays(PublishedFaceNet(3))
    with pytest.raises(ModelUnsuitable, match=r"base\.0\.conv\.weight"):
        read_facenet({"conv1.weight": np.zeros(3)})
    with pytest.raises(ModelUnsuitable, match=r"head\.weight"):
        read_facenet({**state, "head.weight": np.zeros(3)})
    del state["base.4.norm.bias"]
    with pytest.raises(ModelUnsuitable, match=r"missing: base\.4\.norm\.bias"):
        filled(FaceNet(), read_facenet(state))
    with pytest.raises(ModelUnsuitable, match="facenet-tanh"):
        FaceNet("facenet-tanh")
