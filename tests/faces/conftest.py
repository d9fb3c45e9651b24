"""Photos, read once a session, and the real detectors, opened once a session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gestalt_space.faces.detection import Detector
from gestalt_space.faces.photos import read_photo
from gestalt_space.faces.registry import detector_factory
from gestalt_space.types import Photo
from gestalt_space.weights.store import ModelStore


@pytest.fixture(scope="session")
def wild_photos(wild: Path) -> Mapping[str, Photo]:
    """The photos in the wild by file name."""
    return {path.name: read_photo(path) for path in sorted(wild.iterdir())}


@pytest.fixture(scope="session")
def real_detector(real_store: ModelStore) -> Callable[[str], Detector]:
    """Gives the real detector of a name, opened when it is first asked for."""
    opened: dict[str, Detector] = {}

    def detector(name: str) -> Detector:
        if name not in opened:
            opened[name] = detector_factory(real_store, name, device="cpu")[1](2)
        return opened[name]

    return detector
