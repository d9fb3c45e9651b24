"""What the machines of a cluster have, and what a worker takes of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of a cluster: its name, and the cores and GPUs that it gives to the cluster."""

    name: str
    cpus: int
    gpus: int


@dataclass(frozen=True, slots=True)
class Resources:
    """What each worker takes of its machine: whole cores and whole GPUs."""

    cpus: int = 1
    gpus: int = 0

    def places(self, nodes: Iterable[Node]) -> int:
        """How many such workers those machines can hold at once."""
        return sum(
            min(
                node.cpus // self.cpus if self.cpus else node.gpus,
                node.gpus // self.gpus if self.gpus else node.cpus,
            )
            for node in nodes
        )
