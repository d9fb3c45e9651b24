"""What the machines of a cluster have, and what a worker takes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of a cluster: its name as `machine_name`, and the cores and GPUs that it gives to
    the cluster."""

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


def repeated_names(machines: Iterable[tuple[str, str]]) -> frozenset[str]:
    """The names that several machines have, each given as host name and IP address."""
    times = Counter(name for name, _ in set(machines))
    return frozenset(name for name, count in times.items() if count > 1)


def machine_name(name: str, ip: str, repeated: Collection[str]) -> str:
    """What messages call a machine: its host name, and where that is `repeated` its IP address."""
    return f"{name} ({ip})" if name in repeated else name
