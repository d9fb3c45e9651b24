"""How the photos of a request are read and encoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

from gestalt_space.devices import Device, Precision
from gestalt_space.errors import UsageError

Engine = Literal["local", "ray"]
"""What encodes many photos: this process, or the workers of a Ray cluster."""
ENGINES: tuple[Engine, ...] = ("local", "ray")


def parse_engine(name: str, address: str | None) -> Engine:
    """The engine of that name. Raises `UsageError`, also for an address without `ray`."""
    for engine in ENGINES:
        if name == engine:
            if address is not None and engine != "ray":
                raise UsageError("--address is the address of a Ray cluster.", "Add --engine ray.")
            return engine
    raise UsageError(f"Unknown engine {name!r}.", f"Choose one of: {', '.join(ENGINES)}.")


@dataclass(frozen=True, slots=True)
class PhotoOptions:
    """Options of a request, not of the gallery.

    `space`: name of an installed encoder's model; None for the gallery's own. `precision`: None for
    the one in the settings for that model. `landmarks`: a file of landmarks, instead of a detector.
    `engine`: what encodes where photos are added, filled or encoded in bulk; `address`: of the Ray
    cluster, None for the one in the settings, else a Ray on this machine.
    """

    space: str | None = None
    detector: str = "auto"
    landmarks: Path | None = None
    device: Device = "auto"
    precision: Precision | None = None
    engine: Engine = "local"
    address: str | None = None


class PhotoChanges(TypedDict, total=False):
    """Some of `PhotoOptions`, as keyword arguments."""

    space: str | None
    detector: str
    landmarks: Path | None
    device: Device
    precision: Precision | None
    engine: Engine
    address: str | None
