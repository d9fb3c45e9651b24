"""200 pictures without a face: what a detector is tested on must not be what it was trained on.

Half of them are cut from the sample pictures that scikit-image, scikit-learn and Matplotlib bring
along, as far as nobody is in them (brick, coffee, a cat, a motorcycle, the moon, a page …); the
others are made here, by other means than the training's own: noise of natural spectra, mosaics,
discs out of focus, and held-out photos cut into 36 tiles that are shuffled.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.faces.photos import read_photo
from gestalt_space.types import Pixels

COUNT = 200
SIDE = 320
SAMPLES = {
    "skimage": "data/{brick,cell,chelsea,chessboard_RGB,clock_motion,coffee,color,grass,gravel,"
    "horse,hubble_deep_field,ihc,logo,moon,motorcycle_left,motorcycle_right,page,phantom,retina,"
    "rocket,text}",
    "sklearn": "datasets/images/{china,flower}",
    "matplotlib": "mpl-data/sample_data/{Minduka_Present_Blue_Pack,logo2}",
}

Random = np.random.Generator


def pictures_without_a_face(photos: NDArray[np.uint8], seed: int = 11) -> list[Pixels]:
    """`COUNT` pictures; `photos (n, h, w, 3)`: those to be shuffled."""
    rng = np.random.default_rng(seed)
    samples = samples_without_a_face()
    pictures = [_fitted(sample) for sample in samples]
    while samples and len(pictures) < COUNT // 2:
        pictures.append(_cut(samples[int(rng.integers(len(samples)))], rng))
    makers = (_clouds, _mosaic, _discs)
    while len(pictures) < COUNT:
        turn = len(pictures) % 4
        if turn < len(makers):
            pictures.append(makers[turn](rng))
        else:
            pictures.append(_shuffled(photos[int(rng.integers(len(photos)))], rng))
    return pictures


def large_picture(samples: Sequence[Pixels], height: int, width: int, rng: Random) -> Pixels:
    """Parts of six of the samples side by side, blown up to fill a large picture."""
    rows, columns = (2, 3) if width >= height else (3, 2)
    size = -(-width // columns), -(-height // rows)
    parts = [
        cv2.resize(_part(samples[int(rng.integers(len(samples)))], size, rng), size)
        for _ in range(rows * columns)
    ]
    whole = np.vstack([np.hstack(parts[at * columns :][:columns]) for at in range(rows)])
    return np.ascontiguousarray(whole[:height, :width], np.uint8)


def _part(sample: Pixels, size: tuple[int, int], rng: Random) -> Pixels:
    height, width = sample.shape[:2]
    scale = min(1.0, width / size[0], height / size[1]) * rng.uniform(0.6, 1.0)
    across, down = max(1, int(size[0] * scale)), max(1, int(size[1] * scale))
    left, top = (int(rng.integers(0, room + 1)) for room in (width - across, height - down))
    return sample[top : top + down, left : left + across]


def samples_without_a_face() -> list[Pixels]:
    """The sample pictures that are installed, in their own size."""
    found = []
    for module, pattern in SAMPLES.items():
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            continue
        folder, _, names = pattern.partition("{")
        for name in names.rstrip("}").split(","):
            paths = sorted((Path(spec.origin).parent / folder).glob(f"{name}.*"))
            found += [read_photo(path).pixels for path in paths]
    return found


def _fitted(pixels: Pixels) -> Pixels:
    scale = min(1.0, 2 * SIDE / max(pixels.shape[:2]))
    size = round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _cut(pixels: Pixels, rng: Random) -> Pixels:
    height, width = pixels.shape[:2]
    side = int(min(height, width) * rng.uniform(0.25, 0.9))
    top, left = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
    part = np.rot90(pixels[top : top + side, left : left + side], int(rng.integers(4)))
    return np.asarray(cv2.resize(np.ascontiguousarray(part), (SIDE, SIDE)), np.uint8)


def _clouds(rng: Random) -> Pixels:
    """Noise whose power falls with frequency as that of natural pictures does."""
    fy, fx = np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[None]
    fall = np.maximum(np.hypot(fy, fx), 1 / SIDE) ** rng.uniform(0.8, 1.8)
    shades = []
    for _ in range(3):
        waves = np.fft.ifft2(np.fft.fft2(rng.standard_normal((SIDE, SIDE))) / fall).real
        shades.append((waves - waves.mean()) / waves.std() * rng.uniform(25, 60))
    mixed = np.stack(shades, axis=-1) @ (np.eye(3) * 0.4 + 0.2)
    return np.asarray(np.clip(mixed + rng.uniform(60, 200, 3), 0, 255), np.uint8)


def _mosaic(rng: Random) -> Pixels:
    """The cells of random points, each of one colour."""
    points = rng.uniform(0, SIDE, (int(rng.integers(8, 90)), 2))
    y, x = np.mgrid[:SIDE, :SIDE]
    away = (x[..., None] - points[:, 0]) ** 2 + (y[..., None] - points[:, 1]) ** 2
    shades = rng.integers(0, 256, (len(points), 3), dtype=np.uint8)
    return np.asarray(shades[away.argmin(axis=-1)], np.uint8)


def _discs(rng: Random) -> Pixels:
    """Lights out of focus, in the colours of skin as well."""
    total = np.full((SIDE, SIDE, 3), rng.uniform(10, 160, 3), np.float32)
    for _ in range(int(rng.integers(5, 50))):
        disc = np.zeros((SIDE, SIDE), np.float32)
        at = tuple(int(v) for v in rng.integers(0, SIDE, 2))
        cv2.circle(disc, at, int(rng.integers(4, 60)), 1.0, -1)
        disc = cv2.GaussianBlur(disc, (0, 0), rng.uniform(0.8, 6))[..., None]
        tint = rng.uniform((120, 70, 50), (255, 200, 180)) if rng.random() < 0.5 else None
        shade = rng.uniform(0, 255, 3) if tint is None else tint
        total += disc * rng.uniform(0.3, 1) * (shade - total)
    return np.asarray(np.clip(total, 0, 255), np.uint8)


def _shuffled(photo: Pixels, rng: Random, count: int = 6) -> Pixels:
    tile = min(photo.shape[:2]) // count
    tiles: Sequence[Pixels] = [
        photo[y * tile : (y + 1) * tile, x * tile : (x + 1) * tile]
        for y in range(count)
        for x in range(count)
    ]
    order = rng.permutation(count * count).reshape(count, count)
    shuffled = np.vstack([np.hstack([tiles[int(number)] for number in row]) for row in order])
    return np.asarray(cv2.resize(shuffled, (SIDE, SIDE)), np.uint8)
