"""Low-rank adapters (LoRA, Hu 2022, arXiv 2106.09685) for few patients: the weights of a layer
stay, and the product of two thin matrices is learned and added to them."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from gestalt_space.errors import UsageError

WEIGHT = "weight"


class LowRank(nn.Module):
    """Adds a matrix of a rank to the weights `(out, …)` of a layer; nothing at first."""

    def __init__(self, weights: Tensor, rank: int) -> None:
        super().__init__()
        out, into = weights.shape[0], weights[0].numel()
        rank = min(rank, out, into)
        self.down = nn.Parameter(torch.randn(rank, into) / math.sqrt(into))
        self.up = nn.Parameter(torch.zeros(out, rank))

    def forward(self, weights: Tensor) -> Tensor:
        """Weights to the same shape."""
        with torch.autocast(weights.device.type, enabled=False):
            return weights + (self.up @ self.down).view_as(weights)

    @torch.no_grad()
    def right_inverse(self, weights: Tensor) -> Tensor:
        """What must stay so that these weights are the sum."""
        return weights - (self.up @ self.down).view_as(weights)


def add_adapters(parts: Iterable[nn.Module], rank: int) -> None:
    """Give each convolution and each linear map among these parts an adapter of that rank. The
    numbers that it starts from are drawn by torch.

    Raises `UsageError` if there is none to give one to.
    """
    adapted = [
        one for part in parts for one in part.modules() if isinstance(one, nn.Conv2d | nn.Linear)
    ]
    if not adapted:
        raise UsageError(
            "The layers to train have no convolution or linear map that an adapter could be "
            "added to.",
            "Use --set adapter_rank=0, or train more layers.",
        )
    for module in adapted:
        adapter = LowRank(module.weight, rank).to(module.weight.device)
        parametrize.register_parametrization(module, WEIGHT, adapter)


def adapters_of(part: nn.Module) -> list[nn.Module]:
    """The adapters inside a part of a network."""
    return [one for one in part.modules() if isinstance(one, LowRank)]


def merge_adapters(network: nn.Module) -> None:
    """Make what the adapters of a network add a part of its weights, and take them away."""
    for module in list(network.modules()):
        if parametrize.is_parametrized(module, WEIGHT):
            parametrize.remove_parametrizations(module, WEIGHT, leave_parametrized=True)
