"""Homes, galleries and photos of the tests of a gallery as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gestalt_space.home import Gallery
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import make_home, open_gallery


@pytest.fixture
def home(tmp_path: Path, tiny_store: ModelStore) -> Path:
    return make_home(tmp_path / "home", tiny_store)


@pytest.fixture
def gallery(home: Path) -> Iterator[Gallery]:
    with open_gallery(home) as opened:
        yield opened


@pytest.fixture
def photo(tmp_path: Path) -> Callable[[int], Path]:
    """Makes the photo of a seed: a person of its own."""
    folder = tmp_path / "photos"
    folder.mkdir()
    return lambda seed: made.photo_file(folder / f"p{seed}.png", seed)


@pytest.fixture
def other_store(tmp_path: Path) -> ModelStore:
    """A store with the model `other`, larger than `tiny`."""
    made.arcface_onnx(tmp_path / "other.onnx", dim=64, seed=5)
    store = ModelStore(tmp_path / "other-models")
    store.add(tmp_path / "other.onnx", name="other", license_name="made by the tests")
    return store
