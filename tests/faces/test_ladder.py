from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from gestalt_space.faces import ladder
from gestalt_space.faces.ladder import GREATEST_RATIO, LEAST_SIDE
from gestalt_space.faces.rungs import RESCALED, tile_sets
from gestalt_space.types import Detection, Landmarks, Pixels

TURNS = ("turned 90", "turned 180", "turned 270")
RUNGS = ("as is", "padded", "rescaled", *TURNS, "turned 0", *TURNS)
COLOURS = np.array(
    [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [255, 0, 255], [120, 120, 120]]
)
"""Of the five landmarks, and of the rectangle that they lie in."""
LEVEL_EYES = np.array([[5, 5], [25, 5], [15, 9], [7, 13], [23, 13]], np.float32)
"""Landmarks of an upright face."""
SHAPES = [(480, 640), (640, 480), (333, 517), (97, 131), (320, 320), (200, 611)]
TOLERANCE = 1.5


def climb(
    pixels: Pixels,
    detect: Callable[[Pixels], list[Detection]],
    *,
    enough: float = 0.0,
    sure: float = 0.0,
    view: int = 10_000,
) -> list[Detection]:
    """The ladder, without tiles where nothing is said of the detector's input."""
    return ladder.climb(pixels, detect, ladder.Scores(enough, sure, sure, sure), view=view)


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
        return [Detection(np.array([1, 2, 30, 40], np.float32), LEVEL_EYES, score)]


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
@pytest.mark.parametrize("number", range(len(RUNGS)))
def test_every_rung_leads_back_to_the_photos_own_pixels(
    number: int, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
):
    # The marker lies in the turned rungs, and only the way back is looked at here.
    monkeypatch.setattr(ladder, "_lies", lambda face: False)
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

    (found,) = climb(pixels, detect, enough=0.9, sure=0.9)
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
    ("scores", "step", "calls"),
    [
        ([0.95], "as is", 1),
        ([0.9], "as is", 1),
        ([0.7, 0.95], "padded", 2),
        ([0.7, None, 0.95], "rescaled", 3),
        ([0.7, None, 0.6, 0.9], "turned 90", 10),
        ([None, None, None, None, 0.95, 0.97], "turned 270", 10),
        ([0.7, 0.7, 0.7, 0.7, 0.89, 0.7, 0.7], "as is", 10),
        ([None, 0.6, 0.7, 0.65], "rescaled", 10),
    ],
)
def test_the_first_sure_rung_is_taken_else_the_surest_upright_one(
    scores: list[float | None], step: str, calls: int
):
    detect = Scores(*scores)
    (found,) = climb(np.zeros((100, 120, 3), np.uint8), detect, enough=0.9, sure=0.9)
    assert found.step == step
    assert detect.calls == calls
    assert found.score == max(s for s in [scores[RUNGS.index(step)]] if s is not None)


@pytest.mark.parametrize(
    ("scores", "step", "calls"),
    [
        ([0.5], "as is", 4),
        ([0.75], "as is", 1),
        ([None, 0.6], "padded", 5),
    ],
)
def test_less_than_sure_may_be_enough_for_an_upright_rung(
    scores: list[float | None], step: str, calls: int
):
    detect = Scores(*scores)
    (found,) = climb(np.zeros((40, 40, 3), np.uint8), detect, enough=0.5, sure=0.75)
    assert (found.step, detect.calls) == (step, calls)


def test_a_turned_face_that_is_not_sure_is_not_taken():
    detect = Scores(None, None, None, None, 0.85)
    assert climb(np.zeros((100, 120, 3), np.uint8), detect, enough=0.9, sure=0.9) == []


def turned_back(face: Detection, quarter_turns: int, shape: tuple[int, int]) -> Detection:
    """A face of an upright picture of that shape as it lies in the picture turned."""
    points = turned_points(face.landmarks, quarter_turns, *shape)
    corners = turned_points(face.box.reshape(2, 2), quarter_turns, *shape)
    box = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    return replace(face, box=box.astype(np.float32), landmarks=points.astype(np.float32))


class Sideways:
    """A photo on its side: as it is shown first, a poor face; turned upright, the true one."""

    def __init__(self, poor: Detection, true: Detection, upright_shape: tuple[int, int]) -> None:
        self.poor, self.true, self.shape = poor, true, upright_shape
        self.calls = 0

    def __call__(self, pixels: Pixels) -> list[Detection]:
        self.calls += 1
        if self.calls == 1:
            return [self.poor]
        # The mark in the corner tells the way up.
        is_upright = pixels.shape[:2] == self.shape and pixels[0, 0, 0] == 255
        return [self.true] if is_upright else []


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
@pytest.mark.parametrize(
    ("poor_score", "lies", "true_score", "taken"),
    [
        (0.8, True, 0.8, True),
        (0.8, True, 0.79, False),
        (0.8, False, 0.99, False),
        (0.6, False, 0.71, True),
        (0.6, False, 0.69, False),
    ],
)
def test_a_face_that_lies_or_is_in_doubt_gives_way_to_an_upright_one_of_the_turned_picture(
    quarter_turns: int, poor_score: float, lies: bool, true_score: float, taken: bool
):
    shape = (120, 90)
    upright_picture = np.zeros((*shape, 3), np.uint8)
    upright_picture[0, 0] = 255
    true = Detection(
        np.array([20, 30, 60, 80], np.float32), LEVEL_EYES + np.array([25, 40]), true_score
    )
    lying = turned_back(true, quarter_turns, shape)
    poor = replace(lying, score=poor_score)
    if not lies:
        poor = replace(poor, landmarks=LEVEL_EYES + lying.box[:2])
    pixels = np.ascontiguousarray(np.rot90(upright_picture, quarter_turns))
    (found,) = climb(pixels, Sideways(poor, true, shape), enough=0.5, sure=0.75)
    expected = lying if taken else poor
    assert found.step == (f"turned {90 * quarter_turns}" if taken else "as is")
    assert np.allclose(found.landmarks, expected.landmarks, atol=1e-3)
    assert np.allclose(found.box, expected.box, atol=1e-3)


def test_a_turned_face_at_another_place_does_not_displace_the_one_that_lies():
    shape = (120, 90)
    upright_picture = np.zeros((*shape, 3), np.uint8)
    upright_picture[0, 0] = 255
    true = Detection(np.array([20, 30, 60, 80], np.float32), LEVEL_EYES + np.array([25, 40]), 0.9)
    lying = turned_back(true, 1, shape)
    poor = replace(lying, score=0.6, box=lying.box + np.array([40, 0, 40, 0], np.float32))
    pixels = np.ascontiguousarray(np.rot90(upright_picture, 1))
    (found,) = climb(pixels, Sideways(poor, true, shape), enough=0.5, sure=0.75)
    assert found.step == "as is"


def test_of_a_mother_and_a_child_who_lies_the_mother_is_kept():
    shape = (120, 90)
    upright_picture = np.zeros((*shape, 3), np.uint8)
    upright_picture[0, 0] = 255
    child = Detection(np.array([20, 30, 60, 80], np.float32), LEVEL_EYES + np.array([25, 40]), 0.9)
    lying = replace(turned_back(child, 1, shape), score=0.8)
    mother = Detection(np.array([85, 2, 115, 30], np.float32), LEVEL_EYES + np.array([85, 5]), 0.95)
    sideways = Sideways(lying, child, shape)

    def detect(pixels: Pixels) -> list[Detection]:
        found = sideways(pixels)
        return [mother, *found] if sideways.calls == 1 else found

    pixels = np.ascontiguousarray(np.rot90(upright_picture, 1))
    kept, laid = climb(pixels, detect, enough=0.5, sure=0.75)
    assert np.array_equal(kept.landmarks, mother.landmarks)
    assert (kept.step, laid.step, laid.score) == ("as is", "turned 90", 0.9)


def with_faces(height: int, width: int, *corners: tuple[int, int], side: int = 120) -> Pixels:
    """A grey picture with white squares, which stand for faces."""
    pixels = np.full((height, width, 3), 90, np.uint8)
    for x, y in corners:
        pixels[y : y + side, x : x + side] = 255
    return pixels


def seen_at(view: int, least: int = 55) -> Callable[[Pixels], list[Detection]]:
    """Sees squares of so many pixels of its input, when the picture is shown in that size."""

    def detect(pixels: Pixels) -> list[Detection]:
        scale = min(1.0, view / max(pixels.shape[:2]))
        white = (pixels[:, :, 0] == 255).astype(np.uint8)
        _, _, boxes, _ = cv2.connectedComponentsWithStats(white)
        return [
            Detection(
                np.array([x, y, x + w, y + h], np.float32), LEVEL_EYES + np.array([x, y]), 0.95
            )
            for x, y, w, h, _ in boxes[1:].tolist()
            if min(w, h) * scale >= least
        ]

    return detect


@pytest.mark.parametrize("shape", [(1600, 1100), (300, 4000)])
@pytest.mark.parametrize("at", [(0.0, 0.0), (0.31, 0.47), (0.5, 0.5), (1.0, 1.0)])
def test_a_small_face_of_a_large_photo_is_found_in_a_tile_wherever_it_is(
    shape: tuple[int, int], at: tuple[float, float]
):
    height, width = shape
    x, y = int((width - 120) * at[0]), int((height - 120) * at[1])
    (found,) = climb(
        with_faces(height, width, (x, y)), seen_at(320), enough=0.9, sure=0.9, view=320
    )
    assert found.step == "tile"
    assert found.box.tolist() == [x, y, x + 120, y + 120]
    assert np.array_equal(found.landmarks, LEVEL_EYES + np.array([x, y]))


def test_faces_of_several_tiles_are_found_once_each():
    corners = [(10, 10), (1000, 700), (1640, 400), (1880, 1380)]
    found = climb(with_faces(1500, 2000, *corners), seen_at(320), enough=0.9, sure=0.9, view=320)
    assert sorted(tuple(face.box[:2]) for face in found) == sorted(corners)


def test_a_face_of_a_tile_has_to_be_sure():
    unsure = [replace(face, score=0.8) for face in seen_at(320)(with_faces(200, 200, (9, 9)))]
    photo = np.zeros((2000, 1500, 3), np.uint8)

    def detect(pixels: Pixels) -> list[Detection]:
        return unsure if pixels.shape[:2] == (640, 640) else []

    assert climb(photo, detect, enough=0.9, sure=0.9, view=320) == []
    assert climb(photo, detect, enough=0.9, sure=0.8, view=320)[0].step == "tile"


def test_tiles_are_looked_at_before_anything_is_turned():
    pixels = with_faces(1500, 2000, (1000, 700))
    seen = seen_at(320)

    def detect(image: Pixels) -> list[Detection]:
        turned = [Detection(np.array([9, 9, 90, 90], np.float32), LEVEL_EYES, 0.99)]
        return turned if image.shape[:2] == (640, 560) else seen(image)

    (found,) = climb(pixels, detect, enough=0.9, sure=0.9, view=320)
    assert found.step == "tile"


@pytest.mark.parametrize("shape", [(400, 300), (640, 640), (900, 700)])
def test_a_photo_that_is_not_large_has_no_tiles(shape: tuple[int, int]):
    assert list(tile_sets(np.zeros((*shape, 3), np.uint8), 320)) == []


@pytest.mark.parametrize(
    ("shape", "sides"),
    [
        ((2000, 4000), [2560, 1280, 640]),
        ((960, 960), [640]),
        ((1000, 17_000), [1280, 640]),
        ((100, 900), [200]),
    ],
)
def test_tiles_cover_the_photo_from_large_to_small(shape: tuple[int, int], sides: list[int]):
    sets = [list(tiles) for tiles in tile_sets(np.zeros((*shape, 3), np.uint8), 320)]
    assert [max(tiles[0].picture.shape[:2]) for tiles in sets] == sides
    for tiles in sets:
        covered = np.zeros(shape, bool)
        for tile in tiles:
            left, top = tile.back[:, 2].astype(int)
            covered[top : top + tile.picture.shape[0], left : left + tile.picture.shape[1]] = True
        assert covered.all()


def test_the_count_of_tiles_is_bounded():
    assert list(tile_sets(np.zeros((20, 1_000_000, 3), np.uint8), 320)) == []


def test_all_faces_of_the_rung_are_kept():
    pixels, true = marked(300, 300)
    far = Detection(true.box + 5, true.landmarks + 5, 0.2)
    found = climb(pixels, lambda image: [true, far], sure=0.9)
    assert [face.score for face in found] == [0.9, 0.2]


def test_where_nothing_is_found_the_answer_is_empty():
    assert climb(np.zeros((100, 100, 3), np.uint8), Scores(), sure=0.9) == []


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (LEAST_SIDE - 1, 100), (100, LEAST_SIDE - 1), (60_000, 15)]
)
def test_a_tiny_photo_has_no_face_and_is_not_looked_at(height: int, width: int):
    detect = Scores(0.99)
    assert climb(np.zeros((height, width, 3), np.uint8), detect) == []
    assert detect.calls == 0


def test_a_panorama_is_looked_at_in_tiles_alone():
    seen: list[Pixels] = []

    def detect(image: Pixels) -> list[Detection]:
        seen.append(image)
        return []

    assert climb(np.zeros((100, GREATEST_RATIO * 100 + 1, 3), np.uint8), detect, view=640) == []
    assert {image.shape[:2] for image in seen} == {(100, 200)}


@pytest.mark.parametrize(
    ("height", "width"), [(LEAST_SIDE, LEAST_SIDE), (LEAST_SIDE, LEAST_SIDE * 4)]
)
def test_the_smallest_photos_climb_the_whole_ladder(height: int, width: int):
    detect = Scores()
    assert climb(np.zeros((height, width, 3), np.uint8), detect) == []
    assert detect.calls == len(RUNGS)
