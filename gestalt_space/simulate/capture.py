"""How a face becomes a photo: pose, light, colour, lens, sensor, file, and what is in the way."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from gestalt_space.simulate.canvas import SIZE
from gestalt_space.simulate.persons import Portrait
from gestalt_space.types import Landmarks, Pixels

_CENTRE = np.array([SIZE / 2, SIZE / 2], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Capture:
    """One way of taking a photo.

    `roll` in degrees; `turn`: sideways turn, the share by which the near half of the face is wider;
    `scale` and `shift` (pixels) of the face in the frame; `light`: brightening from left to right,
    top to bottom, and overall, as logarithms; `balance`: gain of red, green and blue; `blur`:
    standard deviation in pixels; `noise`: standard deviation in levels; `resolution`: share of the
    canvas's pixels along a side; `quality`: of JPEG, 1..100; `glasses`, `fringe`: 0 where there are
    none, else how dark the frame is and how far the hair hangs down in pixels.
    """

    roll: float = 0.0
    turn: float = 0.0
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    light: tuple[float, float, float] = (0.0, 0.0, 0.0)
    balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    blur: float = 0.0
    noise: float = 0.0
    resolution: float = 1.0
    quality: int = 95
    glasses: float = 0.0
    fringe: float = 0.0
    seed: int = 0


def sample_capture(rng: np.random.Generator) -> Capture:
    """Draw the way a photo in a clinic or at home is taken."""
    return Capture(
        roll=float(rng.normal(0, 4)),
        turn=float(np.clip(rng.normal(0, 0.05), -0.12, 0.12)),
        scale=float(rng.uniform(0.86, 1.04)),
        shift=(float(rng.normal(0, 3)), float(rng.normal(0, 3))),
        light=(float(rng.normal(0, 0.13)), float(rng.normal(0, 0.09)), float(rng.normal(0, 0.13))),
        balance=(float(rng.normal(1, 0.05)), 1.0, float(rng.normal(1, 0.05))),
        blur=float(max(0.0, rng.normal(0.3, 0.35))),
        noise=float(abs(rng.normal(0, 3.0))),
        resolution=float(rng.uniform(0.55, 1.0) if rng.random() < 0.3 else 1.0),
        quality=int(rng.integers(60, 97)),
        glasses=float(rng.uniform(0.4, 0.95) if rng.random() < 0.05 else 0.0),
        fringe=float(rng.uniform(3, 10) if rng.random() < 0.08 else 0.0),
        seed=int(rng.integers(2**31)),
    )


def take(portrait: Portrait, capture: Capture) -> Portrait:
    """The photo as its file shows it, `(SIZE, SIZE, 3)` uint8, with the landmarks in it."""
    pixels, landmarks = _posed(_worn(portrait, capture), capture)
    pixels = _lit(pixels, capture)
    if capture.resolution < 1.0:
        side = max(16, round(SIZE * capture.resolution))
        small = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
        pixels = np.asarray(cv2.resize(small, (SIZE, SIZE)), np.uint8)
    if capture.blur > 0.15:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), capture.blur), np.uint8)
    if capture.noise > 0.0:
        pixels = cv2.add(pixels, _grain(capture), dtype=cv2.CV_8U)
    stored = cv2.imdecode(jpeg(pixels, capture.quality), cv2.IMREAD_COLOR)
    return Portrait(np.asarray(cv2.cvtColor(stored, cv2.COLOR_BGR2RGB), np.uint8), landmarks)


def commented(data: bytes, words: str) -> bytes:
    """The bytes of a JPEG file, as `jpeg` gives them, with a comment in it."""
    comment = words.encode("ascii")
    # After the first segment, which must follow the start of the file.
    at = 4 + int.from_bytes(data[4:6], "big")
    return data[:at] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + data[at:]


def jpeg(pixels: Pixels, quality: int) -> np.ndarray:
    """RGB pixels as the bytes of a JPEG file, `(n,)` uint8."""
    written, data = cv2.imencode(
        ".jpg", np.ascontiguousarray(pixels[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    if not written:
        raise ValueError("the picture cannot be a JPEG")
    return np.asarray(data)


def _worn(portrait: Portrait, capture: Capture) -> Portrait:
    """Glasses and a fringe go with the face."""
    if not (capture.glasses or capture.fringe):
        return portrait
    picture = portrait.pixels.copy()
    left, right = portrait.landmarks[:2]
    apart = float(np.linalg.norm(right - left))
    if capture.glasses:
        frame = picture.copy()
        radius = (round(0.34 * apart), round(0.27 * apart))
        eyes = [tuple(int(v) for v in np.rint(eye)) for eye in (left, right)]
        for eye in eyes:
            cv2.ellipse(frame, eye, radius, 0, 0, 360, (28, 24, 22), 2, cv2.LINE_AA)
        inner = [(eyes[0][0] + radius[0], eyes[0][1]), (eyes[1][0] - radius[0], eyes[1][1])]
        cv2.line(frame, *inner, (28, 24, 22), 2, cv2.LINE_AA)
        picture = cv2.addWeighted(frame, capture.glasses, picture, 1 - capture.glasses, 0)
    if capture.fringe:
        rng = np.random.default_rng(capture.seed)
        brow = float(min(left[1], right[1])) - 0.32 * apart
        top = picture[max(0, int(brow - 28))].astype(np.float32)
        for x in rng.uniform(left[0] - 0.4 * apart, right[0] + 0.4 * apart, 40):
            colour = [float(v) for v in top[int(np.clip(x, 0, SIZE - 1))] * 0.6]
            end = (
                round(x + rng.normal(0, 4)),
                round(brow + rng.uniform(0.2, 1.0) * capture.fringe),
            )
            cv2.line(picture, (round(x), round(brow - 22)), end, colour, 2, cv2.LINE_AA)
    return Portrait(np.asarray(picture, np.uint8), portrait.landmarks)


def _posed(portrait: Portrait, capture: Capture) -> tuple[Pixels, Landmarks]:
    """Roll, scale and shift as one affine map, the turn as a projective one."""
    angle = np.deg2rad(capture.roll)
    cos, sin = capture.scale * np.cos(angle), capture.scale * np.sin(angle)
    centring = np.array([[1, 0, -_CENTRE[0]], [0, 1, -_CENTRE[1]], [0, 0, 1]])
    affine = np.array(
        [
            [cos, -sin, _CENTRE[0] + capture.shift[0]],
            [sin, cos, _CENTRE[1] + capture.shift[1]],
            [0, 0, 1],
        ]
    )
    turn = np.array(
        [[1 - abs(capture.turn) / 2, 0, 0], [0, 1, 0], [capture.turn / (SIZE / 2), 0, 1]]
    )
    matrix = affine @ turn @ centring
    pixels = cv2.warpPerspective(
        portrait.pixels,
        matrix,
        (SIZE, SIZE),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    points = np.column_stack([portrait.landmarks, np.ones(5)]) @ matrix.T
    return np.asarray(pixels, np.uint8), np.asarray(points[:, :2] / points[:, 2:], np.float32)


def _lit(pixels: Pixels, capture: Capture) -> Pixels:
    across = np.linspace(-1, 1, SIZE, dtype=np.float32)
    gain = np.exp(
        capture.light[0] * across[None, :]
        + capture.light[1] * across[:, None]
        + np.float32(capture.light[2])
    )
    lit = pixels * gain[..., None] * np.array(capture.balance, np.float32)
    return np.asarray(np.clip(lit + 0.5, 0, 255), dtype=np.uint8)


def _grain(capture: Capture) -> np.ndarray:
    """Noise of a sensor: a slice of one field of noise, at a place that the seed says."""
    side = _NOISE.shape[0] - SIZE
    row, column = capture.seed % side, capture.seed // side % side
    grain = _NOISE[row : row + SIZE, column : column + SIZE] * np.float32(capture.noise)
    return np.asarray(np.rint(grain), np.int16)


_NOISE = np.random.default_rng(1839).standard_normal((SIZE * 3, SIZE * 3, 3)).astype(np.float32)
