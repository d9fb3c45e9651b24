"""How the photos of a request are read and encoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from gestalt_space.devices import Device, Precision


@dataclass(frozen=True, slots=True)
class PhotoOptions:
    """Options of a request, not of the gallery.

    `space`: name of an installed encoder's model; None for the gallery's own. `precision`: None for
    the one in the settings for that model. `landmarks`: a file of landmarks, instead of a detector.
    """

    space: str | None = None
    detector: str = "auto"
    landmarks: Path | None = None
    device: Device = "auto"
    precision: Precision | None = None


class PhotoChanges(TypedDict, total=False):
    """Some of `PhotoOptions`, as keyword arguments."""

    space: str | None
    detector: str
    landmarks: Path | None
    device: Device
    precision: Precision | None
