"""A model's encoder as it is trained: its network and layers, and how it is written again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from gestalt_space.encoders.family import family_of
from gestalt_space.encoders.networks import load_network
from gestalt_space.encoders.registry import encoder_spec
from gestalt_space.encoders.specification import EncoderSpec
from gestalt_space.encoders.torch_preparation import TorchPreparation
from gestalt_space.errors import ModelUnsuitable
from gestalt_space.weights.manifest import InstalledModel, ModelFile, sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, eq=False)
class TrainableEncoder:
    """An installed encoder whose network can be trained: float32, on the processor, without its
    class layer.

    Aligned faces go through `preparation.sized`, `preparation` and `network`, in this order.
    `fixed`: names of weights that never learn.
    """

    model: InstalledModel
    spec: EncoderSpec
    preparation: TorchPreparation
    network: nn.Module
    fixed: frozenset[str] = frozenset()

    @property
    def file(self) -> ModelFile:
        """The model's only file with an encoder."""
        (file,) = self.model.encoders
        return file

    @cached_property
    def layers(self) -> tuple[tuple[nn.Module, ...], ...]:
        """Its parts with weights, from the pixels to the descriptor. A norm or an activation
        belongs to the layer before it, and what is in no part, such as the positions of a vision
        transformer, to the first."""
        layers: list[list[nn.Module]] = []
        for part in _parts(self.network):
            if not layers or any(weights.ndim > 1 for weights in part.parameters()):
                layers.append([])
            layers[-1].append(part)
        if own := list(self.network.parameters(recurse=False)):
            layers[0].append(nn.ParameterList(own))
        return tuple(map(tuple, layers))

    def write(self, folder: Path) -> tuple[ModelFile, ...]:
        """Write the network as it is now, in the format in which it was read."""
        network = self.network.cpu().eval().to(memory_format=torch.contiguous_format)
        family = family_of(self.file.kind)
        if family.write is not None:
            return family.write(folder, self.file, network)
        return (write_safetensors(folder, self.file, network),)


def open_trainable(model: InstalledModel) -> TrainableEncoder:
    """The encoder of a model to be trained.

    Raises `ModelUnsuitable` for an ensemble or a model without an encoder, and what `load_network`
    raises.
    """
    spec = encoder_spec(model)
    if len(model.encoders) > 1:
        raise ModelUnsuitable(
            f"The model {model.name} has {len(model.encoders)} encoders. Only one can be trained "
            "at a time.",
            "Choose a model with one encoder: `gestalt models list`.",
        )
    (file,) = model.encoders
    trainable = family_of(file.kind).trainable
    network = load_network(model, file) if trainable is None else trainable(model)
    fixed = {name for name, one in network.named_parameters() if not one.requires_grad}
    return TrainableEncoder(model, spec, TorchPreparation(spec), network.train(), frozenset(fixed))


def write_safetensors(folder: Path, file: ModelFile, network: nn.Module) -> ModelFile:
    """Write a network's weights under the name of the file that it was read from."""
    from safetensors.torch import save_file

    path = folder / file.file
    save_file({name: one.contiguous() for name, one in network.state_dict().items()}, path)
    return written(replace(file, classes=0), path)


def written(file: ModelFile, path: Path) -> ModelFile:
    """What a manifest says of a file that now lies at `path`."""
    return replace(
        file, file=path.name, sha256=sha256_of(path), bytes=path.stat().st_size, modified_ns=0
    )


def _parts(network: nn.Module) -> Iterator[nn.Module]:
    """The network's parts in their order; a sequence is as many."""
    for child in network.children():
        if isinstance(child, nn.ModuleDict):
            yield from child.values()
        elif isinstance(child, nn.Sequential):
            yield from child
        else:
            yield child
