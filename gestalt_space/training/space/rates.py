"""Which layers learn, and how fast."""

from __future__ import annotations

from typing import Any

from torch import nn

from gestalt_space.encoders.trainable import TrainableEncoder
from gestalt_space.errors import UsageError
from gestalt_space.training.space.adapters import adapters_of
from gestalt_space.training.space.recipe import Recipe


def trained_layers(start: TrainableEncoder, recipe: Recipe) -> tuple[tuple[nn.Module, ...], ...]:
    """The last layers of an encoder, those that learn. Raises `UsageError` if there are fewer."""
    count = recipe.trained_layers or len(start.layers)
    if count > len(start.layers):
        raise UsageError(
            f"trained_layers is {count}, but the network has {len(start.layers)} layers.",
            "Use 0 to train them all.",
        )
    return start.layers[len(start.layers) - count :]


def freeze(start: TrainableEncoder, recipe: Recipe) -> None:
    """Let nothing but the last layers learn, and the norms of these alone follow the batches; or,
    with adapters, nothing but these. What a family never trains stays as it is."""
    start.network.eval().requires_grad_(False)
    for layer in trained_layers(start, recipe):
        for part in layer:
            for learning in adapters_of(part) if recipe.adapter_rank else [part]:
                learning.train().requires_grad_(True)
    for name, weights in start.network.named_parameters():
        if name in start.fixed:
            weights.requires_grad_(False)


def parameter_groups(
    start: TrainableEncoder, loss: nn.Module, recipe: Recipe
) -> list[dict[str, Any]]:
    """The parameters that `freeze` lets learn, with their learning rate and weight decay, layer by
    layer, then those of the loss.

    The last layer learns at the recipe's rate, each one before it `layer_decay` times as fast as
    the next.
    """
    layers = trained_layers(start, recipe)
    groups: list[dict[str, Any]] = [
        {
            "params": [
                weights for part in layer for weights in part.parameters() if weights.requires_grad
            ],
            "lr": recipe.rate * recipe.layer_decay ** (len(layers) - 1 - place),
            "weight_decay": recipe.decay,
        }
        for place, layer in enumerate(layers)
    ]
    own = list(loss.parameters())
    if own:
        groups.append({"params": own, "lr": recipe.class_rate, "weight_decay": recipe.class_decay})
    return groups
