"""Where a training computes, and in which numbers."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TypeVar

import torch

from gestalt_space.counts import counted_text
from gestalt_space.devices import Device
from gestalt_space.encoders.precision import fast_precisions, torch_device

M = TypeVar("M", bound=torch.nn.Module)


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

    @property
    def shares_cores(self) -> bool:
        """Whether it computes on the cores that prepare photos."""
        return self.device.type == "cpu"

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

    def seed(self, number: int) -> None:
        """Seed what torch draws at random on devices of this kind. `torch.manual_seed` seeds every
        kind, which takes long if it is done for each batch."""
        torch.default_generator.manual_seed(number)
        if self.device.type == "cuda":
            torch.cuda.manual_seed_all(number)

    def __str__(self) -> str:
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu"
        numbers = "bfloat16" if self.half else "float32"
        threads = counted_text(torch.get_num_threads(), "thread")
        return f"{name} in {numbers}, {threads}"
