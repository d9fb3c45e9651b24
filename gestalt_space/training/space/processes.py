"""Several processes, on one machine or several, that train one network as torchrun starts them.

Each computes the features of its share of a batch. The loss is of the whole batch in every process,
so that a training does not depend on how many there are, but for rounding.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn
from torch.distributed.nn import functional as together

T = TypeVar("T")
N = TypeVar("N", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among `size`; `rank` 0 is the first, which alone writes files."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this one writes."""
        return self.rank == 0

    def share(self, places: NDArray[N]) -> NDArray[N]:
        """This process's part of what all have the whole of."""
        own: NDArray[N] = np.array_split(places, self.size)[self.rank]
        return own

    def joined(self, features: Tensor, count: int) -> Tensor:
        """The features `(count, d)` of a batch, of which this process gives those of its `share`.

        A loss of them has this process's part of the gradient: `add_gradients` brings the parts
        together.
        """
        if self.size == 1:
            return features
        lengths = [len(part) for part in np.array_split(np.arange(count), self.size)]
        padded = features.new_zeros(max(lengths), features.shape[1])
        padded[: len(features)] = features.detach()
        parts = [torch.empty_like(padded) for _ in lengths]
        distributed.all_gather(parts, padded)
        parts = [part[:length] for part, length in zip(parts, lengths, strict=True)]
        parts[self.rank] = features
        return torch.cat(parts)

    def add_gradients(self, weights: Iterable[nn.Parameter]) -> None:
        """Give each weight the sum of its gradients in all processes."""
        if self.size == 1:
            return
        gradients = [one.grad for one in weights if one.grad is not None]
        if not gradients:
            return
        whole = torch.cat([one.flatten() for one in gradients])
        distributed.all_reduce(whole)
        parts = torch.split(whole, [one.numel() for one in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def everybodys(self, own: T) -> list[T]:
        """What each process has, in order."""
        if self.size == 1:
            return [own]
        found: list[Any] = [None] * self.size
        distributed.all_gather_object(found, own)
        return found

    def of_the_first(self, own: T) -> T:
        """What the first process has; the others' is not looked at."""
        return self.everybodys(own if self.is_first else None)[0]  # type: ignore[return-value]


@contextmanager
def started_processes(device: torch.device) -> Iterator[Processes]:
    """The processes that torchrun started this one among; this one alone without it."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Processes()
        return
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(distributed.get_rank(), size)
    finally:
        distributed.destroy_process_group()


def share_norms(network: nn.Module) -> None:
    """Let the batch norms of a network that learn use the mean and variance of the whole batch."""
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm1d):
            norm.__class__ = SharedNorm1d  # the same object: others refer to it
        elif isinstance(norm, nn.BatchNorm2d):
            norm.__class__ = SharedNorm2d


class SharedNorm1d(nn.BatchNorm1d):
    """A batch norm on vectors, whose batch is that of all processes. torch has one for GPUs alone
    (`SyncBatchNorm`)."""

    def forward(self, features: Tensor) -> Tensor:
        """`(n, c)` to the same."""
        return _normed(self, features) if self.training else super().forward(features)


class SharedNorm2d(nn.BatchNorm2d):
    """The same on pictures."""

    def forward(self, features: Tensor) -> Tensor:
        """`(n, c, h, w)` to the same."""
        return _normed(self, features) if self.training else super().forward(features)


def _normed(norm: nn.BatchNorm1d | nn.BatchNorm2d, features: Tensor) -> Tensor:
    assert norm.running_mean is not None  # noqa: S101 - networks for faces keep both
    assert norm.running_var is not None  # noqa: S101
    axes = [0, *range(2, features.ndim)]
    shape = (1, -1, *(1,) * (features.ndim - 2))
    numbers = features.float()
    count = numbers.new_tensor([features.numel() // features.shape[1]])
    sums = _sum(torch.cat([numbers.sum(axes), count]))
    mean = sums[:-1] / sums[-1]
    centred = numbers - mean.view(shape)
    variance = _sum(centred.square().sum(axes)) / sums[-1]
    with torch.no_grad():
        step = norm.momentum or 0.0
        norm.running_mean.lerp_(mean, step)
        norm.running_var.lerp_(variance * sums[-1] / (sums[-1] - 1), step)
    gain = norm.weight * torch.rsqrt(variance + norm.eps)
    return (centred * gain.view(shape) + norm.bias.view(shape)).to(features.dtype)


def _sum(own: Tensor) -> Tensor:
    """The sum over all processes; gradients go back to all of them."""
    whole: Tensor = together.all_reduce(own)  # type: ignore[no-untyped-call]
    return whole
