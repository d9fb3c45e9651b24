"""A model's encoder as it is trained: its network, with the preparation that it is run with."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from gestalt_space.encoders.family import family_of
from gestalt_space.encoders.networks import load_network
from gestalt_space.encoders.registry import encoder_spec
from gestalt_space.encoders.specification import EncoderSpec
from gestalt_space.encoders.torch_preparation import TorchPreparation
from gestalt_space.errors import ModelUnsuitable
from gestalt_space.weights.manifest import InstalledModel


@dataclass(frozen=True, slots=True, eq=False)
class TrainableEncoder:
    """A network in training mode, float32, on the processor, without its class layer.

    Aligned faces go through `preparation.sized`, `preparation` and `network`, in this order.
    """

    spec: EncoderSpec
    preparation: TorchPreparation
    network: nn.Module


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
    return TrainableEncoder(spec, TorchPreparation(spec), network.train())
