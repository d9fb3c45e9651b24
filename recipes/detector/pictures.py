"""Pictures to train the detector on: faces pasted at many scales and rotations on backgrounds.

A picture comes with the boxes and landmarks of the upright faces in it. Faces that lie on their
side or stand on their head are pasted too, as things that are not to be found: the ladder turns
the photo for them.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.types import Pixels
from recipes.detector.backgrounds import (
    BACKGROUND_SIDE,
    Random,
    colour,
    noise,
    point,
    shapes,
    stripes,
    words,
    write,
)
from recipes.detector.data import SIDE, Faces

SMALLEST_FACE = 13.0
"""Pixels of a face in a training picture, as the root of its box's area."""
UPRIGHT_DEGREES = 52.0
"""Roll up to which a face is to be found."""
LYING_DEGREES = 72.0
"""Roll from which a face is not to be found; between the two, either is right."""
BACKGROUNDS = 480
PLAIN_SHARE = 0.15
"""Pictures on one colour, most often black as the ladder's borders are."""
OVAL_SIDE = 64
MOST_TRIES = 8


@dataclass(slots=True)
class TrainingPicture:
    """`pixels (side, side, 3)` uint8 RGB and its faces: `boxes (k, 4)`, `landmarks (k, 5, 2)`
    float32, and `counted (k,)` bool: False where finding the face is neither right nor wrong.
    """

    pixels: Pixels
    boxes: list[NDArray[np.float64]] = field(default_factory=list)
    landmarks: list[NDArray[np.float64]] = field(default_factory=list)
    counted: list[bool] = field(default_factory=list)
    taken: list[tuple[float, float, float]] = field(default_factory=list)


class Painter:
    """Makes training pictures from faces; the same ones for the same seed. Threads may share it."""

    def __init__(self, faces: Faces, rng: Random, drawn: Faces | None = None) -> None:
        """`drawn`: further faces, of which one in ten pasted ones is taken; `rng`: of the
        backgrounds.
        """
        self.faces = faces
        self.drawn = drawn
        self.backgrounds = [self._background(rng) for _ in range(BACKGROUNDS)]

    def picture(self, side: int, rng: Random) -> TrainingPicture:
        """One picture of that side, with any number of faces from none to five."""
        picture = TrainingPicture(self._cut_background(side, rng))
        kind = rng.random()
        if kind < 0.5:
            self._paste(picture, rng, _log_uniform(rng, 0.16 * side, 1.05 * side), first=True)
        elif kind < 0.86:
            self._paste(picture, rng, _log_uniform(rng, SMALLEST_FACE, 0.6 * side), first=True)
            for _ in range(int(rng.integers(0, 5))):
                self._paste(picture, rng, _log_uniform(rng, SMALLEST_FACE, 0.4 * side))
        else:
            for _ in range(int(rng.integers(0, 4))):
                self._paste_no_face(picture, rng)
        if rng.random() < 0.2:
            self._paste_no_face(picture, rng)
        if rng.random() < 0.25:
            _scribble(picture, rng)
        picture.pixels = developed(picture.pixels, rng)
        return picture

    def _face(self, rng: Random) -> tuple[Pixels, NDArray[np.float64], NDArray[np.float64]]:
        faces = self.faces
        if self.drawn is not None and rng.random() < 0.1:
            faces = self.drawn
        row = int(rng.integers(len(faces)))
        mirrored = int(rng.random() < 0.5)
        pixels = faces.pixels[row]
        if mirrored:
            pixels = np.asarray(cv2.flip(pixels, 1), np.uint8)
        points = faces.landmarks[row, mirrored].astype(np.float64)
        box = faces.boxes[row, mirrored].astype(np.float64)
        if rng.random() < 0.22:
            pixels = cover_face(pixels.copy(), points, rng)
        return pixels, points, box

    def _paste(
        self, picture: TrainingPicture, rng: Random, size: float, *, first: bool = False
    ) -> None:
        """Paste a face of that size, unless no place is free for it."""
        pixels, points, box = self._face(rng)
        degrees = _roll(rng)
        own = float(np.sqrt(np.prod(box[2:] - box[:2])))
        middle = (box[:2] + box[2:]) / 2
        place = _place(picture, rng, size, first)
        if place is None:
            return
        scale = size / own
        pixels, halved = _shrunk(pixels, scale)
        turn = _rotation(degrees) @ np.diag(np.array([1, rng.uniform(0.92, 1.08)])) * scale
        matrix = np.column_stack([turn, place - turn @ middle])
        _lay(picture, pixels, _before(matrix, halved), box / halved, rng, first=first)
        moved = points @ matrix[:, :2].T + matrix[:, 2]
        half = (box[2:] - box[:2]) / 2 * scale
        cosine, sine = abs(np.cos(np.radians(degrees))), abs(np.sin(np.radians(degrees)))
        reach = np.hypot(half * cosine, half[::-1] * sine)
        picture.taken.append((place[0], place[1], size))
        side = len(picture.pixels)
        inside = ((moved >= 0) & (moved < side)).all(axis=1)
        lies = abs((np.degrees(np.arctan2(*(moved[1] - moved[0])[::-1])) + 180) % 360 - 180)
        if lies >= LYING_DEGREES:
            return
        picture.boxes.append(np.concatenate([place - reach, place + reach]))
        picture.landmarks.append(moved)
        picture.counted.append(bool(lies <= UPRIGHT_DEGREES and inside.sum() >= 4))

    def _paste_no_face(self, picture: TrainingPicture, rng: Random) -> None:
        """A scrambled face, or an oval of the colour of skin with marks on it."""
        side = len(picture.pixels)
        size = _log_uniform(rng, 20, 0.8 * side)
        place = _place(picture, rng, size, first=False)
        if place is None:
            return
        pixels, points, box = self._face(rng)
        change = _scrambled if rng.random() < 0.55 else _oval
        pixels = change(pixels, points, rng)
        scale = size / float(np.sqrt(np.prod(box[2:] - box[:2])))
        turn = _rotation(rng.uniform(-180, 180)) * scale
        matrix = np.column_stack([turn, place - turn @ ((box[:2] + box[2:]) / 2)])
        _lay(picture, pixels, matrix, box, rng)
        picture.taken.append((place[0], place[1], size))

    def _cut_background(self, side: int, rng: Random) -> Pixels:
        if rng.random() < PLAIN_SHARE:
            plain = np.zeros((side, side, 3), np.uint8)
            plain[:] = colour(rng) if rng.random() < 0.4 else 0
            return plain
        whole = self.backgrounds[int(rng.integers(len(self.backgrounds)))]
        scale = rng.uniform(side / BACKGROUND_SIDE, 2.0)
        room = BACKGROUND_SIDE - side / scale
        x, y = rng.uniform(0, max(room, 1e-3), 2)
        matrix = np.array([[scale, 0, -x * scale], [0, scale, -y * scale]])
        return np.asarray(
            cv2.warpAffine(whole, matrix, (side, side), borderMode=cv2.BORDER_REFLECT), np.uint8
        )

    def _background(self, rng: Random) -> Pixels:
        makers = (
            noise,
            noise,
            shapes,
            stripes,
            words,
            self._tiles,
            self._tiles,
            self._blurred,
        )
        return makers[int(rng.integers(len(makers)))](rng)

    def _tiles(self, rng: Random) -> Pixels:
        """Small pieces of photos, too small to show a face, in a wall."""
        tile = int(rng.choice([16, 24, 32, 48]))
        wall = np.zeros((BACKGROUND_SIDE, BACKGROUND_SIDE, 3), np.uint8)
        for y in range(0, BACKGROUND_SIDE, tile):
            for x in range(0, BACKGROUND_SIDE, tile):
                photo = self.faces.pixels[int(rng.integers(len(self.faces)))]
                left, top = rng.integers(0, SIDE - tile, 2)
                wall[y : y + tile, x : x + tile] = photo[top : top + tile, left : left + tile][
                    : BACKGROUND_SIDE - y, : BACKGROUND_SIDE - x
                ]
        return wall

    def _blurred(self, rng: Random) -> Pixels:
        """The rim of a photo, where no face is, drawn out and blurred."""
        photo = self.faces.pixels[int(rng.integers(len(self.faces)))]
        width = int(rng.integers(10, 24))
        strip = photo[:, :width] if rng.random() < 0.5 else photo[:, -width:]
        drawn = cv2.resize(strip, (BACKGROUND_SIDE, BACKGROUND_SIDE))
        return np.asarray(cv2.blur(drawn, (int(rng.integers(1, 30)), 1)), np.uint8)


def _place(
    picture: TrainingPicture, rng: Random, size: float, first: bool
) -> NDArray[np.float64] | None:
    side = len(picture.pixels)
    margin = min(0.45 * size, 0.42 * side)
    for _ in range(MOST_TRIES):
        place = rng.uniform(margin, side - margin, 2)
        if first or all(
            max(abs(place[0] - x), abs(place[1] - y)) > 0.85 * (size + other)
            for x, y, other in picture.taken
        ):
            return np.asarray(place)
    return None


def developed(pixels: Pixels, rng: Random) -> Pixels:
    """A picture as a worse camera would have it: light, colour, blur, noise, JPEG."""
    side = len(pixels)
    if rng.random() < 0.15:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.5, 2.2)), np.uint8)
    if rng.random() < 0.12:
        small = int(side * rng.uniform(0.35, 0.8))
        shrunk = cv2.resize(pixels, (small, small), interpolation=cv2.INTER_AREA)
        pixels = np.asarray(cv2.resize(shrunk, (side, side)), np.uint8)
    if rng.random() < 0.75:
        levels = np.arange(256)[:, None] / 255.0
        gamma = np.exp(rng.normal(0, 0.3))
        gain = rng.uniform(0.6, 1.35) * np.exp(rng.normal(0, 0.08, 3))
        table = np.clip((levels**gamma * gain + rng.uniform(-0.15, 0.15)) * 255, 0, 255)
        pixels = np.asarray(cv2.LUT(pixels, table.astype(np.uint8)[None]), np.uint8)
    if rng.random() < 0.14:
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        pixels = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), np.uint8)
    if rng.random() < 0.15:
        grain = np.empty(pixels.shape, np.int16)
        cv2.setRNGSeed(int(rng.integers(2**31)))
        cv2.randn(grain, 0, rng.uniform(2, 18))
        pixels = np.asarray(cv2.add(pixels, grain, dtype=cv2.CV_8U), np.uint8)
    if rng.random() < 0.15:
        quality = int(rng.integers(20, 85))
        _, data = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, quality))
        pixels = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return pixels


def _log_uniform(rng: Random, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(max(high, low + 1)))))


def _roll(rng: Random) -> float:
    """Degrees: mostly near upright, some far from it, some anywhere."""
    kind = rng.random()
    if kind < 0.68:
        return float(rng.normal(0, 13))
    return float(rng.uniform(-60, 60) if kind < 0.88 else rng.uniform(-180, 180))


def _rotation(degrees: float) -> NDArray[np.float64]:
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cosine, -sine], [sine, cosine]])


def _shrunk(pixels: Pixels, scale: float) -> tuple[Pixels, float]:
    """The pixels halved until a warp by what is left of the scale does not alias, and by what."""
    by = 1.0
    while scale * by < 0.6:
        by *= 2
    if by == 1:
        return pixels, by
    size = round(len(pixels) / by)
    return np.asarray(cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA), np.uint8), by


def _before(matrix: NDArray[np.float64], halved: float) -> NDArray[np.float64]:
    """The transform for pixels that are `halved` times smaller; middles of pixels stay middles."""
    shift = matrix[:, :2] @ np.full(2, (halved - 1) / 2)
    return np.column_stack([matrix[:, :2] * halved, matrix[:, 2] + shift])


def _lay(
    picture: TrainingPicture,
    pixels: Pixels,
    matrix: NDArray[np.float64],
    box: NDArray[np.float64],
    rng: Random,
    *,
    first: bool = False,
) -> None:
    """Lay a photo on the picture: whole, cut out softly around the face, or drawn to the rim."""
    side = len(picture.pixels)
    kind = rng.random()
    if kind < 0.25 and first:
        picture.pixels = np.asarray(
            cv2.warpAffine(pixels, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE), np.uint8
        )
        return
    left, top, right, bottom = _reach(matrix, len(pixels), side)
    matrix = matrix - np.array([[0, 0, left], [0, 0, top]])
    size = right - left, bottom - top
    below = np.ascontiguousarray(picture.pixels[top:bottom, left:right])
    if kind < 0.65:
        laid = cv2.warpAffine(pixels, matrix, size, dst=below, borderMode=cv2.BORDER_TRANSPARENT)
    else:
        above = cv2.warpAffine(pixels, matrix, size, borderMode=cv2.BORDER_REPLICATE)
        grown = (box[2:] - box[:2]) * rng.uniform(1.05, 1.6)
        corner = (box[:2] + box[2:]) / 2 - grown / 2
        fit = np.diag(grown / OVAL_SIDE)
        from_oval = np.column_stack([matrix[:, :2] @ fit, matrix[:, :2] @ corner + matrix[:, 2]])
        mask = cv2.warpAffine(_soft_oval(), from_oval, size)
        laid = cv2.blendLinear(above, below, mask, 1 - mask)
    picture.pixels[top:bottom, left:right] = laid


def _reach(matrix: NDArray[np.float64], width: int, side: int) -> tuple[int, int, int, int]:
    """The part of a picture that a photo of that width reaches: left, top, right, bottom."""
    corners = np.array([[0, 0], [width, 0], [0, width], [width, width]])
    moved = corners @ matrix[:, :2].T + matrix[:, 2]
    low = np.clip(np.floor(moved.min(axis=0)), 0, side - 1).astype(int)
    high = np.clip(np.ceil(moved.max(axis=0)), low + 1, side).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


@functools.cache
def _soft_oval() -> NDArray[np.float32]:
    mask = np.zeros((OVAL_SIDE, OVAL_SIDE), np.float32)
    cv2.ellipse(mask, (32, 32), (27, 28), 0, 0, 360, 1.0, -1)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 1.6), np.float32)


def cover_face(pixels: Pixels, points: NDArray[np.float64], rng: Random) -> Pixels:
    """A face behind a medical mask, sunglasses, or something before a part of it."""
    between = float(np.linalg.norm(points[1] - points[0]))
    plain = colour(rng)
    kind = rng.random()
    if kind < 0.4:
        across = points[1] - points[0]
        bridge = points[:2].mean(axis=0) * 0.35 + points[2] * 0.65
        chin = points[3:].mean(axis=0) + (points[3:].mean(axis=0) - points[2]) * 1.2
        reach = rng.uniform(0.75, 1.0)
        outline = [
            bridge - across * reach * 0.9,
            bridge,
            bridge + across * reach * 0.9,
            chin + across * 0.5,
            chin - across * 0.5,
        ]
        cv2.fillPoly(pixels, [np.array(outline).astype(np.int32)], plain, cv2.LINE_AA)
    elif kind < 0.75:
        dark = tuple(int(v) for v in rng.integers(0, 70, 3))
        axes = round(between * rng.uniform(0.28, 0.46)), round(between * rng.uniform(0.2, 0.38))
        glass = pixels.copy()
        for eye in points[:2]:
            cv2.ellipse(glass, point(eye), axes, 0, 0, 360, dark, -1, cv2.LINE_AA)
        cv2.line(glass, point(points[0]), point(points[1]), dark, max(1, round(between / 20)))
        opaque = rng.uniform(0.45, 1.0)
        pixels = np.asarray(cv2.addWeighted(glass, opaque, pixels, 1 - opaque, 0), np.uint8)
    else:
        middle = points.mean(axis=0) + rng.normal(0, 0.7, 2) * between
        axes = round(between * rng.uniform(0.15, 0.5)), round(between * rng.uniform(0.3, 1.0))
        angle = rng.uniform(0, 180)
        cv2.ellipse(pixels, point(middle), axes, angle, 0, 360, plain, -1, cv2.LINE_AA)
    return pixels


def _scrambled(pixels: Pixels, points: NDArray[np.float64], rng: Random) -> Pixels:  # noqa: ARG001
    """A photo whose tiles change places, each turned by chance."""
    count = int(rng.integers(3, 6))
    tile = SIDE // count
    order = rng.permutation(count * count)
    result = pixels.copy()
    for target, source in enumerate(order):
        y, x = divmod(target, count)
        v, u = divmod(int(source), count)
        piece = pixels[v * tile : (v + 1) * tile, u * tile : (u + 1) * tile]
        result[y * tile : (y + 1) * tile, x * tile : (x + 1) * tile] = np.rot90(
            piece, int(rng.integers(4))
        )
    return result


def _oval(pixels: Pixels, points: NDArray[np.float64], rng: Random) -> Pixels:
    """An oval of the face's own colour with a few marks in places where no eyes would be."""
    skin = np.median(pixels[60:140, 60:140].reshape(-1, 3), axis=0)
    result = np.full_like(pixels, 0)
    result[:] = colour(rng)
    axes = int(rng.integers(50, 85)), int(rng.integers(65, 95))
    middle = SIDE // 2, SIDE // 2
    cv2.ellipse(result, middle, axes, 0, 0, 360, tuple(float(v) for v in skin), -1, cv2.LINE_AA)
    between = float(np.linalg.norm(points[1] - points[0]))
    for _ in range(int(rng.integers(0, 7))):
        at = rng.normal(SIDE / 2, 32, 2)
        radius = max(2, round(between * rng.uniform(0.04, 0.16)))
        cv2.circle(result, point(at), radius, colour(rng), -1, cv2.LINE_AA)
    return result


def _scribble(picture: TrainingPicture, rng: Random) -> None:
    """A few lines and words over everything."""
    side = len(picture.pixels)
    for _ in range(int(rng.integers(1, 4))):
        start, end = rng.integers(0, side, (2, 2))
        if rng.random() < 0.5:
            cv2.line(picture.pixels, point(start), point(end), colour(rng), 1, cv2.LINE_AA)
        else:
            write(picture.pixels, rng)
