from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import ModelNotInstalled, UsageError
from gestalt_space.faces.aligned import AlignedDetector
from gestalt_space.faces.alignment import TEMPLATE
from gestalt_space.faces.builtin import BuiltinDetector
from gestalt_space.faces.registry import auto_detector, detector_factory
from gestalt_space.types import Photo
from gestalt_space.weights.store import ModelStore
from tests import made


@pytest.fixture
def landmarks(tmp_path: Path) -> Path:
    path = tmp_path / "points.csv"
    numbers = ",".join(str(value) for value in TEMPLATE.ravel())
    path.write_text(f"photo,x1,y1,x2,y2,x3,y3,x4,y4,x5,y5\na.jpg,{numbers}\n")
    return path


@pytest.fixture
def empty_store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


def test_an_unknown_detector_is_refused_with_the_known_ones(empty_store: ModelStore):
    with pytest.raises(UsageError, match="mtcnn") as caught:
        detector_factory(empty_store, "mtcnn")
    assert "scrfd, yunet, builtin, aligned, landmarks" in caught.value.hint


def test_without_any_model_the_built_in_one_is_taken(empty_store: ModelStore):
    for name in ("auto", "builtin"):
        title, make = detector_factory(empty_store, name, device="cpu")
        assert title == "builtin"
        assert isinstance(make(1), BuiltinDetector)


@pytest.mark.parametrize("name", ["scrfd", "yunet"])
def test_without_a_model_the_error_names_the_next_command(name: str, empty_store: ModelStore):
    with pytest.raises(ModelNotInstalled) as caught:
        detector_factory(empty_store, name)
    assert "gestalt models pull yunet" in caught.value.hint


@pytest.mark.parametrize("name", ["auto", "builtin"])
def test_a_store_without_the_built_in_models_says_so(name: str, tmp_path: Path):
    with pytest.raises(ModelNotInstalled):
        detector_factory(ModelStore(tmp_path, builtin=None), name)


@pytest.mark.parametrize("name", ["scrfd", "yunet"])
def test_a_model_that_is_an_encoder_alone_is_no_detector(name: str, tiny_store: ModelStore):
    with pytest.raises(ModelNotInstalled):
        detector_factory(tiny_store, name)


def test_aligned_needs_no_model(empty_store: ModelStore):
    name, make = detector_factory(empty_store, "aligned")
    assert name == "aligned"
    assert isinstance(make(1), AlignedDetector)


@pytest.mark.parametrize("name", ["auto", "landmarks"])
def test_a_landmarks_file_is_the_detector(name: str, empty_store: ModelStore, landmarks: Path):
    title, make = detector_factory(empty_store, name, landmarks=landmarks)
    assert title == "landmarks of points.csv"
    (found,) = make(1).find(Photo("a.jpg", made.crop(1), "0" * 64, "PNG"))
    assert np.array_equal(found.landmarks, TEMPLATE)


def test_landmarks_without_a_file_are_refused(empty_store: ModelStore):
    with pytest.raises(UsageError, match="--landmarks FILE"):
        detector_factory(empty_store, "landmarks")


@pytest.mark.parametrize("name", ["scrfd", "yunet", "builtin", "aligned"])
def test_a_landmarks_file_beside_another_detector_is_refused(
    name: str, empty_store: ModelStore, landmarks: Path
):
    with pytest.raises(UsageError, match="must be used together"):
        detector_factory(empty_store, name, landmarks=landmarks)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("auto", "scrfd of arcface-mbf"),
        ("scrfd", "scrfd of arcface-mbf"),
        ("yunet", "yunet"),
        ("builtin", "builtin"),
    ],
)
def test_auto_takes_the_best_and_says_which(name: str, title: str, real_store: ModelStore):
    found, make = detector_factory(real_store, name, device="cpu")
    assert found == title
    assert auto_detector(real_store) == "scrfd of arcface-mbf"
    assert make(1).name == title.split()[0]
