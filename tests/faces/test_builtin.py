from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest

from gestalt_space.errors import ModelDamaged
from gestalt_space.faces.builtin import (
    LEAST_SCORE,
    NUMBERS,
    STRIDES,
    UNITS,
    BuiltinDetector,
    decode,
    grid,
)
from gestalt_space.simulate.persons import Persons, Portrait
from gestalt_space.types import Photo, Pixels
from gestalt_space.weights.store import BUILTIN_FOLDER
from tests import made
from tests.faces.conftest import Found

MODEL = BUILTIN_FOLDER / "detector.onnx"
LARGEST_BYTES = 1_500_000


@pytest.fixture(scope="session")
def builtin() -> BuiltinDetector:
    return BuiltinDetector(MODEL, device="cpu", threads=1)


@pytest.fixture(scope="session")
def portraits() -> list[Portrait]:
    """Faces of people who do not exist."""
    persons, rng = Persons.builtin(), np.random.default_rng(77)
    return [persons.portrait(persons.sample(rng), rng) for _ in range(20)]


def photo(pixels: Pixels) -> Photo:
    return Photo("photo", np.ascontiguousarray(pixels), "0" * 64, "PNG")


def error(landmarks: np.ndarray, truth: np.ndarray) -> float:
    """Mean distance in distances between the eyes."""
    between = np.linalg.norm(truth[1] - truth[0])
    return float(np.linalg.norm(landmarks - truth, axis=1).mean() / between)


def test_the_model_is_small():
    assert MODEL.stat().st_size <= LARGEST_BYTES


def test_simulated_persons_are_found_with_their_landmarks(
    builtin: BuiltinDetector, portraits: list[Portrait]
):
    errors = []
    for portrait in portraits:
        found = builtin.find(photo(portrait.pixels))
        assert len(found) == 1
        assert found[0].box.dtype == found[0].landmarks.dtype == np.float32
        assert LEAST_SCORE <= found[0].score <= 1
        errors.append(error(found[0].landmarks, portrait.landmarks))
    assert np.median(errors) < 0.06


@pytest.mark.parametrize("scale", [0.5, 2.3, 7.0])
def test_landmarks_are_in_pixels_of_the_photo(
    scale: float, builtin: BuiltinDetector, portraits: list[Portrait]
):
    large = cv2.resize(portraits[0].pixels, None, fx=scale, fy=scale)
    (face,) = builtin.find(photo(large))
    truth = (portraits[0].landmarks + 0.5) * scale - 0.5
    assert error(face.landmarks, truth) < 0.12


@pytest.mark.parametrize(("width", "height"), [(333, 201), (201, 333)])
def test_sides_need_not_fit_the_network(
    width: int, height: int, builtin: BuiltinDetector, portraits: list[Portrait]
):
    framed = np.full((height, width, 3), 90, np.uint8)
    framed[height - 160 :, width - 160 :] = portraits[1].pixels
    (face,) = builtin.find(photo(framed))
    truth = portraits[1].landmarks + np.array([width - 160, height - 160])
    assert error(face.landmarks, truth) < 0.12


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_photo_that_does_not_stand_upright_is_turned(
    turns: int, builtin: BuiltinDetector, portraits: list[Portrait]
):
    (face,) = builtin.find(photo(np.rot90(portraits[2].pixels, turns)))
    assert face.step == f"turned {90 * turns}"


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_found_where_nothing_is(seed: int, builtin: BuiltinDetector):
    assert builtin.find(photo(made.crop(seed, 200))) == []


def test_two_faces_are_two(builtin: BuiltinDetector, portraits: list[Portrait]):
    both = np.hstack([portraits[3].pixels, portraits[4].pixels])
    found = sorted(builtin.find(photo(both)), key=lambda face: float(face.box[0]))
    assert len(found) == 2
    assert error(found[1].landmarks - np.array([160, 0]), portraits[4].landmarks) < 0.12


def test_the_same_photo_gives_the_same_faces(builtin: BuiltinDetector, portraits: list[Portrait]):
    first, second = (builtin.find(photo(portraits[5].pixels)) for _ in range(2))
    assert np.array_equal(first[0].landmarks, second[0].landmarks)


@pytest.mark.parametrize("content", [b"", b"text", None])
def test_a_damaged_model_is_told(content: bytes | None, tmp_path: Path):
    path = tmp_path / "detector.onnx"
    path.write_bytes(MODEL.read_bytes()[:5000] if content is None else content)
    with pytest.raises(ModelDamaged, match=r"detector\.onnx"):
        BuiltinDetector(path, device="cpu")


def test_a_cell_says_where_its_face_is():
    middles, units = grid(64, 96)
    assert len(middles) == sum((64 // stride) * (96 // stride) for stride in STRIDES)
    assert set(units) == set(UNITS)
    cells = np.full((NUMBERS, len(middles)), 0.0, np.float32)
    cells[0] = -9
    at = 10
    cells[:, at] = [4, 0.5, 0, np.log(2), np.log(3), *([0.25, -0.25] * 5)]
    scores, boxes, landmarks = decode(cells, 64, 96)
    assert scores == pytest.approx([1 / (1 + np.exp(-4))])
    x, y = middles[at]
    assert boxes[0] == pytest.approx([x + 12 - 24, y - 36, x + 12 + 24, y + 36])
    assert landmarks[0] == pytest.approx(np.tile([x + 6, y - 6], (5, 1)))


@pytest.mark.shared
def test_the_wild_faces_of_yunet_are_found(
    builtin: BuiltinDetector, found: Found, wild_photos: Mapping[str, Photo]
):
    agreed, errors = 0, []
    for file, seen in found("yunet").items():
        if not seen:
            continue
        target = max(seen, key=lambda face: float(np.prod(face.box[2:] - face.box[:2])))
        middle = (target.box[:2] + target.box[2:]) / 2
        for face in builtin.find(wild_photos[file]):
            if (face.box[:2] < middle).all() and (middle < face.box[2:]).all():
                agreed += 1
                errors.append(error(face.landmarks, target.landmarks))
                break
    assert agreed >= 22
    # 0.06 was aimed at, see the model card: YuNet made smaller differs from itself by as much.
    assert np.median(errors) <= 0.10
