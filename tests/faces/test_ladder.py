from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from gestalt_space.faces.ladder import GREATEST_RATIO, LEAST_SIDE, RESCALED, climb
from gestalt_space.types import Detection, Landmarks, Pixels

RUNGS = ("as is", "padded", "rescaled", "turned 0", "turned 90", "turned 180", "turned 270")
COLOURS = np.array(
    [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [255, 0, 255], [120, 120, 120]]
)
"""Of the five landmarks, and of the rectangle that they lie in."""
SHAPES = [(480, 640), (640, 480), (333, 517), (97, 131), (320, 320), (200, 611)]
TOLERANCE = 1.5


def marked(height: int, width: int) -> tuple[Pixels, Detection]:
    """A black photo with one marker, and where the marker lies."""
    pixels = np.zeros((height, width, 3), np.uint8)
    x0, y0 = width // 5, height // 6
    x1, y1 = x0 + width // 2, y0 + height // 2
    pixels[y0 : y1 + 1, x0 : x1 + 1] = COLOURS[5]
    shares = np.array([[0.25, 0.25], [0.75, 0.25], [0.5, 0.5], [0.3, 0.75], [0.7, 0.75]])
    landmarks = np.round(shares * [x1 - x0, y1 - y0] + [x0, y0])
    radius = min(height, width) // 18
    for (x, y), colour in zip(landmarks.astype(int), COLOURS, strict=False):
        pixels[y - radius : y + radius + 1, x - radius : x + radius + 1] = colour
    box = np.array([x0, y0, x1, y1], np.float32)
    return pixels, Detection(box=box, landmarks=landmarks.astype(np.float32), score=0.9)


def find_marker(pixels: Pixels) -> list[Detection]:
    """The marker of `marked`, wherever and however turned it lies."""
    rows, columns = np.nonzero(pixels.max(axis=2) > COLOURS[5].max() // 2)
    if not len(rows):
        return []
    points = []
    for colour in COLOURS[:5]:
        near = cv2.inRange(pixels, np.maximum(colour - 60, 0), np.minimum(colour + 60, 255))
        points.append(np.argwhere(near).mean(axis=0)[::-1])
    box = np.array([columns.min(), rows.min(), columns.max(), rows.max()], np.float32)
    return [Detection(box=box, landmarks=np.array(points, np.float32), score=0.9)]


def answering(
    when: Callable[[Pixels, Detection], bool],
) -> Callable[[Pixels], list[Detection]]:
    """Finds the marker where a condition holds."""
    return lambda pixels: [found for found in find_marker(pixels) if when(pixels, found)]


def on_call(number: int) -> Callable[[Pixels], list[Detection]]:
    """Finds the marker when it is called for that time, from 0."""
    calls = iter(range(100))
    return lambda pixels: find_marker(pixels) if next(calls) == number else []


class Scores:
    """Gives one detection of the score that is next, or none for `None`."""

    def __init__(self, *scores: float | None) -> None:
        self.scores = scores
        self.calls = 0

    def __call__(self, pixels: Pixels) -> list[Detection]:
        score = self.scores[self.calls] if self.calls < len(self.scores) else None
        self.calls += 1
        if score is None:
            return []
        return [Detection(np.array([1, 2, 30, 40], np.float32), np.ones((5, 2), np.float32), score)]


def upright(pixels: Pixels, found: Detection) -> bool:
    eyes, mouth = found.landmarks[:2], found.landmarks[3:]
    return bool(eyes[0, 0] < eyes[1, 0] and eyes[:, 1].max() < mouth[:, 1].min())


def turned_points(points: Landmarks, quarter_turns: int, height: int, width: int) -> Landmarks:
    """Where points of a `(height, width)` picture lie after `np.rot90` of so many quarter turns."""
    for _ in range(quarter_turns % 4):
        points = np.stack([points[:, 1], width - 1 - points[:, 0]], axis=1)
        height, width = width, height
    return points


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("number", range(7))
def test_every_rung_leads_back_to_the_photos_own_pixels(number: int, shape: tuple[int, int]):
    pixels, true = marked(*shape)
    (found,) = climb(pixels, on_call(number))
    assert found.step == RUNGS[number]
    assert np.abs(found.landmarks - true.landmarks).max() <= TOLERANCE
    assert np.abs(found.box - true.box).max() <= TOLERANCE
    assert found.box.dtype == found.landmarks.dtype == np.float32


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_a_photo_that_lies_on_its_side_is_turned(quarter_turns: int, shape: tuple[int, int]):
    pixels, true = marked(*shape)
    lying = np.ascontiguousarray(np.rot90(pixels, quarter_turns))
    (found,) = climb(lying, answering(upright))
    assert found.step == f"turned {90 * quarter_turns}"
    expected = turned_points(true.landmarks, quarter_turns, *shape)
    assert np.abs(found.landmarks - expected).max() <= TOLERANCE
    corners = turned_points(true.box.reshape(2, 2), quarter_turns, *shape)
    box = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    assert np.abs(found.box - box).max() <= TOLERANCE


def test_a_face_that_fills_the_frame_is_given_a_border():
    pixels, true = marked(400, 500)
    x0, y0, x1, y1 = true.box.astype(int)
    filled = np.ascontiguousarray(pixels[y0 : y1 + 1, x0 : x1 + 1])

    def bordered(image: Pixels, found: Detection) -> bool:
        return bool(found.box.min() > 20 and found.box[2] < image.shape[1] - 20)

    (found,) = climb(filled, answering(bordered))
    assert found.step == "padded"
    assert np.abs(found.landmarks - (true.landmarks - [x0, y0])).max() <= TOLERANCE
    assert np.abs(found.box - [0, 0, x1 - x0, y1 - y0]).max() <= TOLERANCE


def test_a_face_that_is_too_large_is_rescaled():
    pixels, true = marked(600, 640)
    (found,) = climb(pixels, answering(lambda image, face: face.box[2] - face.box[0] < 200))
    assert found.step == "rescaled"
    assert np.abs(found.landmarks - true.landmarks).max() <= TOLERANCE


def test_a_face_that_is_too_small_is_rescaled():
    pixels, true = marked(90, 100)
    (found,) = climb(pixels, answering(lambda image, face: face.box[2] - face.box[0] > 120))
    assert found.step == "rescaled"
    assert np.abs(found.landmarks - true.landmarks).max() <= TOLERANCE


def test_a_photo_in_which_all_is_well_is_looked_at_once_and_as_it_is():
    pixels, _ = marked(480, 640)
    seen: list[Pixels] = []

    def detect(image: Pixels) -> list[Detection]:
        seen.append(image)
        return find_marker(image)

    (found,) = climb(pixels, detect, sure=0.9)
    assert found.step == "as is"
    assert np.array_equal(found.landmarks, find_marker(pixels)[0].landmarks)
    assert len(seen) == 1
    assert np.array_equal(seen[0], pixels)


def test_the_detector_sees_whole_pictures_in_memory_order():
    pixels, _ = marked(200, 300)
    seen: list[Pixels] = []

    def detect(image: Pixels) -> list[Detection]:
        seen.append(image)
        return []

    assert climb(pixels, detect) == []
    assert len(seen) == len(RUNGS)
    for image in seen:
        assert image.dtype == np.uint8
        assert image.flags.c_contiguous
    assert max(seen[2].shape[:2]) == RESCALED


@pytest.mark.parametrize(
    ("scores", "sure", "step", "calls"),
    [
        ([0.95], 0.9, "as is", 1),
        ([0.9], 0.9, "as is", 1),
        ([0.7, 0.95], 0.9, "padded", 2),
        ([0.7, None, 0.95], 0.9, "rescaled", 3),
        ([0.7, None, 0.6, None, 0.8], 0.9, "turned 90", 7),
        ([0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7], 0.9, "as is", 7),
        ([None, 0.6, 0.7, 0.65], 0.9, "rescaled", 7),
        ([None, None, None, None, None, 0.95, 0.97], 0.9, "turned 270", 7),
        ([0.01], 0.0, "as is", 1),
        ([0.0], 0.0, "as is", 1),
        ([None, 0.3, 0.9], 0.0, "padded", 2),
    ],
)
def test_the_first_sure_rung_is_taken_else_the_surest(
    scores: list[float | None], sure: float, step: str, calls: int
):
    detect = Scores(*scores)
    (found,) = climb(np.zeros((100, 120, 3), np.uint8), detect, sure=sure)
    assert found.step == step
    assert detect.calls == calls
    assert found.score == max(s for s in [scores[RUNGS.index(step)]] if s is not None)


@pytest.mark.parametrize(
    ("scores", "step", "calls"),
    [
        ([0.75], "as is", 1),
        ([0.7, 0.79], "as is", 2),
        ([0.7, 0.81], "turned 180", 2),
        ([0.7, None], "as is", 2),
        ([None, 0.6, 0.9], "turned 180", 3),
    ],
)
def test_a_face_in_doubt_is_given_up_for_a_much_surer_one_of_the_photo_upside_down(
    scores: list[float | None], step: str, calls: int
):
    detect = Scores(*scores)
    (found,) = climb(np.zeros((100, 120, 3), np.uint8), detect, doubt=0.75)
    assert (found.step, detect.calls) == (step, calls)


def test_a_face_in_doubt_that_says_itself_it_lies_on_its_side_is_kept():
    def detect(pixels: Pixels) -> list[Detection]:
        eyes_upright = np.array([[5, 5], [5, 25], [9, 15], [13, 7], [13, 23]], np.float32)
        return [Detection(np.array([0, 0, 30, 30], np.float32), eyes_upright, 0.6)]

    (found,) = climb(np.zeros((100, 120, 3), np.uint8), detect, doubt=0.75)
    assert found.step == "as is"


def test_all_faces_of_the_rung_are_kept():
    pixels, true = marked(300, 300)
    far = Detection(true.box + 5, true.landmarks + 5, 0.2)
    found = climb(pixels, lambda image: [true, far], sure=0.9)
    assert [face.score for face in found] == [0.9, 0.2]


def test_where_nothing_is_found_the_answer_is_empty():
    assert climb(np.zeros((100, 100, 3), np.uint8), Scores(), sure=0.9) == []


@pytest.mark.parametrize(
    ("height", "width"),
    [
        (1, 1),
        (LEAST_SIDE - 1, 100),
        (100, LEAST_SIDE - 1),
        (LEAST_SIDE, LEAST_SIDE * GREATEST_RATIO + 1),
        (60_000, 20),
    ],
)
def test_a_tiny_or_extremely_long_photo_has_no_face_and_is_not_looked_at(height: int, width: int):
    detect = Scores(0.99)
    assert climb(np.zeros((height, width, 3), np.uint8), detect) == []
    assert detect.calls == 0


@pytest.mark.parametrize(
    ("height", "width"), [(LEAST_SIDE, LEAST_SIDE), (LEAST_SIDE, LEAST_SIDE * GREATEST_RATIO)]
)
def test_the_smallest_and_longest_photos_climb_the_whole_ladder(height: int, width: int):
    detect = Scores()
    assert climb(np.zeros((height, width, 3), np.uint8), detect) == []
    assert detect.calls == len(RUNGS)
