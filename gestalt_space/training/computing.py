"""Where a training computes, and in which numbers; batches that are drawn while it does."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import torch

from gestalt_space.devices import Device, cores
from gestalt_space.encoders.precision import fast_precisions, torch_device

T = TypeVar("T")
M = TypeVar("M", bound=torch.nn.Module)

AHEAD = 3
"""Batches that each core may draw before they are used."""


@dataclass(frozen=True, slots=True)
class Computing:
    """A device, and whether convolutions run in bfloat16 there, the rest in float32."""

    device: torch.device
    half: bool

    @classmethod
    def on(cls, device: Device = "auto") -> Computing:
        """The device of that name; `auto` takes a GPU where one works.

        bfloat16 is used where the hardware multiplies in it: elsewhere it is many times slower
        than float32. Raises `DeviceUnavailable` or `UsageError`.
        """
        place = torch_device(device)
        return cls(place, half="bf16" in fast_precisions(place))

    def placed(self, network: M) -> M:
        """The network there, its convolutions laid out as they run fastest."""
        return network.to(self.device).to(memory_format=torch.channels_last)

    def mixed(self) -> torch.autocast:
        """A context in which convolutions run in the numbers of this device."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.half)

    def repeatable(self) -> None:
        """Ask the libraries for the same sums each time."""
        if self.device.type == "cuda":
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
            torch.backends.cudnn.benchmark = False
            torch.backends.cudnn.deterministic = True

    def __str__(self) -> str:
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu"
        numbers = "bfloat16" if self.half else "float32"
        return f"{name} in {numbers}, {torch.get_num_threads()} threads"


def drawn_ahead(draw: Callable[[int], T], steps: range) -> Iterator[T]:
    """What `draw` gives for each step, in order, drawn on all cores a few steps ahead."""
    pool = ThreadPoolExecutor(cores(), thread_name_prefix="drawing")
    numbers = iter(steps)
    waiting: deque[Future[T]] = deque()
    try:
        waiting.extend(pool.submit(draw, step) for step in islice(numbers, AHEAD * cores()))
        while waiting:
            drawn = waiting.popleft().result()
            waiting.extend(pool.submit(draw, step) for step in islice(numbers, 1))
            yield drawn
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
