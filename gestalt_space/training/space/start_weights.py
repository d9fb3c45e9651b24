"""The mean of the weights that a training started from and of those it learned (WiSE-FT, Wortsman
2022, arXiv 2109.01903): much of what the start tells of disorders that are not trained stays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from gestalt_space.training.space.adapters import LowRank

State = dict[str, Tensor]


class StartWeights:
    """Those of a network before a training, with its adapters. `share`: of what was learned in the
    mean, above 0; with 1 it is what was learned."""

    def __init__(self, network: nn.Module, share: float) -> None:
        self._share = share
        self._start: State = {} if share == 1 else _blended(network)

    def mean(self, network: nn.Module) -> State:
        """The state of the network with the mean in the place of its weights."""
        state: State = network.state_dict()
        for name, start in self._start.items():
            state[name] = torch.lerp(start, state[name], self._share)
        return state

    @contextmanager
    def applied(self, network: nn.Module) -> Iterator[None]:
        """The network has the mean, and afterwards what it learned."""
        state = network.state_dict()
        learned = {name: state[name].clone() for name in self._start}
        network.load_state_dict(self.mean(network))
        try:
            yield
        finally:
            network.load_state_dict(learned, strict=False)


def _blended(network: nn.Module) -> State:
    """Copies of all weights that a mean is taken of. The numbers that an adapter starts from are
    not: the matrix that it multiplies them by begins with zeros."""
    drawn = {
        f"{name}.down" for name, module in network.named_modules() if isinstance(module, LowRank)
    }
    return {
        name: weights.detach().clone()
        for name, weights in network.state_dict().items()
        if weights.is_floating_point() and name not in drawn
    }
