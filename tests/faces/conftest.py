"""Photos, read once a session, and the real detectors, opened once a session."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from gestalt_space.faces.detection import Detector
from gestalt_space.faces.photos import read_photo
from gestalt_space.faces.registry import detector_factory
from gestalt_space.types import Detection, Photo
from gestalt_space.weights.store import ModelStore

Found = Callable[[str], Mapping[str, Sequence[Detection]]]


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


@pytest.fixture(scope="session")
def found(real_detector: Callable[[str], Detector], wild_photos: Mapping[str, Photo]) -> Found:
    """Gives what a detector finds in each photo in the wild, looked for once."""
    results: dict[str, Mapping[str, Sequence[Detection]]] = {}

    def find(name: str) -> Mapping[str, Sequence[Detection]]:
        if name not in results:
            detector = real_detector(name)
            results[name] = {file: detector.find(photo) for file, photo in wild_photos.items()}
        return results[name]

    return find
