"""Encoders as networks that can be trained: opening one, its layers, and writing it again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from gestalt_space.encoders import trainable as encoders
from gestalt_space.encoders.families.iresnet import write_insightface
from gestalt_space.encoders.family import family_of
from gestalt_space.encoders.iresnet_training import TrainableIResNet
from gestalt_space.encoders.networks import fill
from gestalt_space.encoders.registry import encoder_spec, find_encoder_model
from gestalt_space.encoders.specification import EncoderSpec
from gestalt_space.errors import ModelUnsuitable
from gestalt_space.training.encoder_export import write_onnx
from gestalt_space.training.encoder_network import DIM, EncoderNetwork
from gestalt_space.weights.manifest import InstalledModel, ModelFile, sha256_of
from gestalt_space.weights.store import ModelStore


class FoldedEncoder(nn.Module):
    """The built-in encoder as its file has it: each batch norm is a part of the convolution before
    it. `(n, 3, 112, 112)` float32 to `(n, DIM)`."""

    def __init__(self) -> None:
        super().__init__()
        *body, linear, _ = EncoderNetwork().trunk
        assert isinstance(linear, nn.Linear)  # noqa: S101 - the network's own layout
        self.body = nn.Sequential(*map(_without_norms, body))
        self.space = nn.Linear(linear.in_features, DIM)

    def forward(self, images: Tensor) -> Tensor:
        """Descriptors before they are brought to unit length."""
        features: Tensor = self.space(self.body(images))
        return features


def _without_norms(module: nn.Module) -> nn.Module:
    """A part of the network with a bias in place of each batch norm."""
    if isinstance(module, nn.BatchNorm2d):
        return nn.Identity()
    for name, part in module.named_children():
        setattr(module, name, _without_norms(part))
    if isinstance(module, nn.Sequential) and any(isinstance(m, nn.Identity) for m in module):
        convolution = module[0]
        assert isinstance(convolution, nn.Conv2d)  # noqa: S101 - the network's own layout
        convolution.bias = nn.Parameter(torch.zeros(convolution.out_channels))
    return module


@dataclass(frozen=True)
class Trainable:
    """An installed encoder, ready to be trained.

    `layers`: its parts with weights, from the pixels to the descriptor; a norm or an activation
    belongs to the layer before it. `fixed`: names of weights that never learn.
    """

    model: InstalledModel
    file: ModelFile
    spec: EncoderSpec
    network: nn.Module
    layers: tuple[tuple[nn.Module, ...], ...]
    fixed: frozenset[str]

    def write(self, folder: Path) -> tuple[ModelFile, ...]:
        """Write the network as it is now, in the format in which it was read."""
        network = self.network.cpu().eval().to(memory_format=torch.contiguous_format)
        if isinstance(network, TrainableIResNet):
            tensors = {name: one.numpy() for name, one in network.state_dict().items()}
            return write_insightface(folder, tensors)
        if family_of(self.file.kind).is_onnx:
            path = folder / "encoder.onnx"
            write_onnx(network, path)
            facts = replace(self.file, kind="arcface")  # not the one of this package any more
        else:
            from safetensors.torch import save_file

            path = folder / self.file.file
            save_file({name: one.contiguous() for name, one in network.state_dict().items()}, path)
            facts = replace(self.file, classes=0)
        return (
            replace(
                facts,
                file=path.name,
                sha256=sha256_of(path),
                bytes=path.stat().st_size,
                modified_ns=0,
            ),
        )


def open_trainable(store: ModelStore, name: str) -> Trainable:
    """The encoder of an installed model.

    Raises `ModelNotInstalled`, `ModelDamaged`, or `ModelUnsuitable` for an ensemble and for an ONNX
    file of another network than the built-in one.
    """
    model = find_encoder_model(store, name)
    if len(model.encoders) > 1:
        raise ModelUnsuitable(
            f"The model {name} has {len(model.encoders)} encoders. One is trained at a time.",
            "Choose a model with one encoder: --set model=NAME.",
        )
    file = model.encoders[0]
    is_onnx = family_of(file.kind).is_onnx
    network = _read_folded(model, file) if is_onnx else encoders.open_trainable(model).network
    fixed = {name for name, one in network.named_parameters() if not one.requires_grad}
    return Trainable(model, file, encoder_spec(model), network, _layers(network), frozenset(fixed))


def _read_folded(model: InstalledModel, file: ModelFile) -> nn.Module:
    graph = onnx.load(str(model.checked_path(file))).graph
    kept = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    network = FoldedEncoder()
    tensors = {}
    for name in network.state_dict():
        # So the exporter names a bias that came of folding.
        values = kept.get(name, kept.get(f"{name.removesuffix('bias')}weight_bias"))
        if values is not None:
            tensors[name] = torch.from_numpy(np.array(values, np.float32))
    try:
        fill(network, tensors, "the built-in encoder")
    except ModelUnsuitable as error:
        raise ModelUnsuitable(
            f"{file.file} of the model {model.name} cannot be trained: of ONNX files, only the "
            "built-in encoder and what was trained from it can.",
            "Install the network from its checkpoint: `gestalt models import-insightface`.",
        ) from error
    return network


def _layers(network: nn.Module) -> tuple[tuple[nn.Module, ...], ...]:
    parts: list[nn.Module] = []
    for child in network.children():
        parts += child if isinstance(child, nn.Sequential) else [child]
    layers: list[list[nn.Module]] = []
    for part in parts:
        if not layers or any(weights.ndim > 1 for weights in part.parameters()):
            layers.append([])
        layers[-1].append(part)
    return tuple(map(tuple, layers))
