"""Pictures to train the cover network on: aligned faces with something drawn before them.

Masks, dark glasses, hands, things, and what reaches in from an edge (hair, a scarf, a hat), each of
many materials. What is not to be taken for a cover is drawn as well: clear glasses, shadows, bright
light and colour casts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.faces.alignment import SIZE, TEMPLATE, similarity_transform
from gestalt_space.faces.cover import CELLS
from gestalt_space.simulate.persons import Portrait
from gestalt_space.types import Pixels
from recipes.detector.backgrounds import Random, noise, shapes, stripes, words
from recipes.detector.pictures import developed

Mask = NDArray[np.float32]
"""`(112, 112)`, 0..1: how much of each pixel something hides."""

BARE_SHARE = 0.4
"""Pictures in which nothing is drawn before the face."""
SECOND_SHARE = 0.15
"""Pictures with a second cover among those with one."""
TEXTURES = 20
"""Of each kind, which covers are cut from."""
SHIFT, TURN, STRETCH = 2.5, 4.0, 0.05
"""Standard deviations of a detector's mistakes: pixels, degrees, logarithm of the size. Those of
covered faces are larger than of others."""
HIDES = 0.5
"""Opacity from which a pixel counts as hidden."""


class CoverPainter:
    """Makes training pictures of faces; the same ones for the same seed. Threads may share it."""

    def __init__(self, faces: Sequence[Portrait], rng: Random, *, without: str = "") -> None:
        """`without`: a kind of cover that is never drawn; `rng`: of the textures."""
        self.faces = faces
        self.kinds = {name: draw for name, draw in KINDS.items() if name != without}
        self.textures = [
            make(rng) for _ in range(TEXTURES) for make in (noise, shapes, stripes, words)
        ]

    def picture(self, rng: Random) -> tuple[Pixels, Mask]:
        """A crop `(112, 112, 3)`, and how much of each of its cells is hidden `(CELLS, CELLS)`."""
        crop, hidden = distracted(self._crop(rng), rng), np.zeros((SIZE, SIZE), np.float32)
        if rng.random() >= BARE_SHARE:
            for _ in range(2 if rng.random() < SECOND_SHARE else 1):
                name = list(self.kinds)[int(rng.integers(len(self.kinds)))]
                crop, mask = self.covered(crop, name, rng)
                hidden = np.maximum(hidden, (mask >= HIDES).astype(np.float32))
        return developed(crop, rng), in_cells(hidden)

    def covered(self, crop: Pixels, kind: str, rng: Random) -> tuple[Pixels, Mask]:
        """A crop with a cover of that kind, and what of it is hidden."""
        mask = KINDS[kind](rng)
        if kind == "glasses":
            # A shade lets some light through.
            mask *= np.float32(rng.uniform(0.6, 1.0))
        return _laid(crop, self._material(kind, crop, rng), mask, rng), mask

    def _crop(self, rng: Random) -> Pixels:
        """A face as a detector that errs would align it."""
        portrait = self.faces[int(rng.integers(len(self.faces)))]
        matrix = _mistaken(rng) @ np.vstack(
            [similarity_transform(portrait.landmarks, TEMPLATE), [0, 0, 1]]
        )
        crop = cv2.warpAffine(portrait.pixels, matrix[:2], (SIZE, SIZE))
        return np.asarray(crop if rng.random() < 0.5 else cv2.flip(crop, 1), np.uint8)

    def _material(self, kind: str, crop: Pixels, rng: Random) -> NDArray[np.float32]:
        """What a cover is made of, `(112, 112, 3)` 0..255."""
        if kind == "hand":
            skin = np.median(crop[60:90, 30:82].reshape(-1, 3), axis=0)
            plain = skin * np.exp(rng.normal(0, 0.12)) * np.exp(rng.normal(0, 0.04, 3))
            return np.asarray(_light(rng, 0.16) * plain, np.float32)
        if kind == "edge" and rng.random() < 0.2:
            return np.zeros((SIZE, SIZE, 3), np.float32)  # the photo ends here
        if kind == "glasses" and rng.random() < 0.8:
            return np.asarray(_light(rng, 0.5) * rng.uniform(0, 80, 3), np.float32)
        what = rng.random()
        if what < 0.4:
            plain = rng.uniform(0, 255, 3)
            if rng.random() < 0.5:
                plain = plain.mean() + (plain - plain.mean()) * rng.uniform(0, 0.5)
            return np.asarray(_light(rng, 0.12) * plain, np.float32)
        if what < 0.55:
            return np.asarray(_strands(rng) * rng.uniform(10, 200, 3), np.float32)
        if what < 0.8:
            whole = self.textures[int(rng.integers(len(self.textures)))]
        else:
            whole = self.faces[int(rng.integers(len(self.faces)))].pixels
        side = int(rng.integers(30, min(whole.shape[:2])))
        top, left = (int(v) for v in rng.integers(0, min(whole.shape[:2]) - side + 1, 2))
        piece = np.rot90(whole[top : top + side, left : left + side], int(rng.integers(4)))
        laid = cv2.resize(np.ascontiguousarray(piece), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        return np.asarray(_light(rng, 0.1) * laid, np.float32)


def in_cells(hidden: Mask) -> Mask:
    """The mean of each cell."""
    side = SIZE // CELLS
    return np.asarray(hidden.reshape(CELLS, side, CELLS, side).mean(axis=(1, 3)), np.float32)


def distracted(crop: Pixels, rng: Random) -> Pixels:
    """The face with what hides nothing: clear glasses, a shadow, bright or coloured light."""
    if rng.random() < 0.35:
        crop = _lit(crop, rng)
    if rng.random() < 0.2:
        shade = cv2.GaussianBlur(_edge(rng), (0, 0), rng.uniform(0.5, 12)) * rng.uniform(0.2, 0.65)
        crop = np.asarray(crop * (1 - shade[:, :, None]), np.uint8)
    if rng.random() < 0.15:
        crop = _clear_glasses(crop, rng)
    if rng.random() < 0.1:
        spot = cv2.GaussianBlur(_blob(rng), (0, 0), rng.uniform(3, 10))[:, :, None]
        crop = np.asarray(crop + (255.0 - crop) * spot * rng.uniform(0.2, 0.8), np.uint8)
    return crop


def _lit(crop: Pixels, rng: Random) -> Pixels:
    """Under- or overexposed, with a cast of colour."""
    levels = np.arange(256)[:, None] / 255.0
    gain = np.exp(rng.uniform(-0.6, 0.7)) * np.exp(rng.normal(0, 0.17, 3))
    table = np.clip(levels ** np.exp(rng.normal(0, 0.4)) * gain * 255, 0, 255)
    return np.asarray(cv2.LUT(crop, table.astype(np.uint8)[None]), np.uint8)


def _clear_glasses(crop: Pixels, rng: Random) -> Pixels:
    rims = np.zeros((SIZE, SIZE), np.float32)
    lenses = np.zeros((SIZE, SIZE), np.float32)
    width, height, corner = rng.uniform(11, 19), rng.uniform(8, 15), rng.uniform(2, 4)
    for eye in TEMPLATE[:2]:
        outline = _rounded(eye + rng.normal(0, 1, 2), (width, height), corner)
        cv2.polylines(rims, [outline], True, 1.0, int(rng.integers(1, 3)), cv2.LINE_AA)
        cv2.fillPoly(lenses, [outline], rng.uniform(0, 0.3), cv2.LINE_AA)
    cv2.line(rims, (50, 50), (62, 50), 1.0, 1, cv2.LINE_AA)
    dim = crop * (1 - lenses[:, :, None]) + rng.uniform(0, 255) * lenses[:, :, None]
    shown = dim * (1 - rims[:, :, None]) + rng.uniform(0, 160, 3) * rims[:, :, None]
    return np.asarray(shown, np.uint8)


def _mistaken(rng: Random) -> NDArray[np.float64]:
    """A detector's mistake in the aligned face, `(3, 3)`."""
    angle, size = np.radians(rng.normal(0, TURN)), np.exp(rng.normal(0, STRETCH))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * size
    middle = TEMPLATE.mean(axis=0).astype(np.float64)
    shift = middle - turn @ middle + rng.normal(0, SHIFT, 2)
    return np.vstack([np.column_stack([turn, shift]), [0, 0, 1]])


def _laid(crop: Pixels, material: NDArray[np.float32], mask: Mask, rng: Random) -> Pixels:
    """The material over the crop, with the shadow that it may throw."""
    below = crop.astype(np.float32)
    if rng.random() < 0.5:
        shift = np.array([[1, 0, rng.normal(0, 3)], [0, 1, rng.normal(1, 3)]])
        thrown = cv2.GaussianBlur(cv2.warpAffine(mask, shift, (SIZE, SIZE)), (0, 0), 3.0)
        below *= 1 - thrown[:, :, None] * np.float32(rng.uniform(0.1, 0.5))
    laid = below * (1 - mask[:, :, None]) + np.clip(material, 0, 255) * mask[:, :, None]
    return np.asarray(laid, np.uint8)


def _light(rng: Random, strength: float) -> NDArray[np.float32]:
    """Light that changes slowly over the picture, `(112, 112, 1)` around 1."""
    coarse = rng.normal(1, strength, (int(rng.integers(2, 6)),) * 2).astype(np.float32)
    smooth = cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    return np.asarray(smooth[:, :, None], np.float32)


def _strands(rng: Random) -> NDArray[np.float32]:
    """Hair, wool or folds: noise drawn out along one direction, `(112, 112, 1)` around 1."""
    grain = rng.normal(1, rng.uniform(0.1, 0.5), (2 * SIZE, 2 * SIZE)).astype(np.float32)
    drawn = cv2.blur(grain, (1, int(rng.integers(8, 60))))
    about = cv2.getRotationMatrix2D((SIZE, SIZE), float(rng.normal(0, 40)), 1.0)
    turned = cv2.warpAffine(drawn, about, (2 * SIZE, 2 * SIZE))
    half = SIZE // 2
    return np.asarray(turned[half : half + SIZE, half : half + SIZE, None], np.float32)


def _mask(rng: Random) -> Mask:
    """A mask over mouth and nose, from ear to ear."""
    top = rng.uniform(58, 80)
    side = rng.uniform(12, 30)
    bridge = top + rng.uniform(2, 12)
    outline = [
        [side - 6, bridge + rng.normal(3, 4)],
        [40, bridge - 1],
        [56, top],
        [72, bridge - 1],
        [118 - side, bridge + rng.normal(3, 4)],
        [112 - side, rng.uniform(95, 112)],
        [76, 130],
        [36, 130],
        [side, rng.uniform(95, 112)],
    ]
    # One in four leaves the nose free, as a scarf does.
    down = 18.0 if rng.random() < 0.25 else 0.0
    return _filled([np.array(outline) + np.array((0, down))], rng)


def _glasses(rng: Random) -> Mask:
    """Dark glasses, or goggles in one piece."""
    width, height, corner = rng.uniform(13, 22), rng.uniform(9, 17), rng.uniform(1.6, 4)
    down = rng.uniform(-2, 4)
    parts = [
        _rounded(eye + np.array((away * rng.uniform(0, 3), down)), (width, height), corner)
        for eye, away in zip(TEMPLATE[:2], (-1, 1), strict=True)
    ]
    bridge = rng.uniform(2, 5) if rng.random() < 0.85 else height * 0.8
    middle = TEMPLATE[:2].mean(axis=0) + np.array((0, down - rng.uniform(0, 4)))
    parts.append(_rounded(middle, (14, bridge), 4))
    return _filled(parts, rng)


def _hand(rng: Random) -> Mask:
    """A palm and fingers, from any side."""
    mask = np.zeros((SIZE, SIZE), np.float32)
    target = np.array([56, 72]) + rng.normal(0, 20, 2)
    angle = rng.uniform(0, 2 * np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    size = rng.uniform(0.7, 1.3)
    palm = target + along * size * rng.uniform(10, 40)
    axes = round(size * 24), round(size * 20)
    at = int(palm[0]), int(palm[1])
    cv2.ellipse(mask, at, axes, np.degrees(angle), 0, 360, 1.0, -1, cv2.LINE_AA)
    arm = palm + along * 120
    cv2.line(mask, at, (int(arm[0]), int(arm[1])), 1.0, round(size * 30), cv2.LINE_AA)
    for place in np.linspace(-1, 1, int(rng.integers(1, 5))):
        start = palm + across * place * size * 15
        lean = across * place * rng.uniform(-2, 14) - along * size * rng.uniform(22, 46)
        end = start + lean
        ends = [(int(x), int(y)) for x, y in (start, end)]
        cv2.line(mask, ends[0], ends[1], 1.0, round(size * rng.uniform(7, 11)), cv2.LINE_AA)
    return _softened(mask, rng)


def _thing(rng: Random) -> Mask:
    """Anything: a phone, a toy, a cup, a microphone, a dummy."""
    kind = rng.random()
    if kind < 0.35:
        return _softened(_blob(rng), rng)
    middle = np.array([56, 76]) + rng.normal(0, [20, 18])
    if kind < 0.7:
        half = rng.uniform(6, 34), rng.uniform(6, 34)
        turn = cv2.getRotationMatrix2D((0, 0), float(rng.uniform(0, 180)), 1.0)[:, :2]
        corners = _rounded((0, 0), half, rng.uniform(2, 30)) @ turn.T + middle
        return _filled([corners], rng)
    if kind < 0.85:
        # A dummy: a shield before the mouth.
        at = TEMPLATE[3:].mean(axis=0) + rng.normal(0, 2, 2)
        return _filled([_rounded(at, (rng.uniform(9, 18), rng.uniform(7, 15)), 2)], rng)
    mask = np.zeros((SIZE, SIZE), np.float32)
    ends = rng.uniform(-10, SIZE + 10, (2, 2)).astype(int)
    thick = int(rng.integers(2, 22))
    cv2.line(mask, tuple(ends[0].tolist()), tuple(ends[1].tolist()), 1.0, thick, cv2.LINE_AA)
    return _softened(mask, rng)


def _edge(rng: Random) -> Mask:
    """What reaches in from an edge over part of the face, its border a wave."""
    along = np.arange(-60, 180, 4.0)
    wave = sum(
        rng.normal(0, 5) * np.sin(along / rng.uniform(5, 40) + rng.uniform(0, 6)) for _ in range(3)
    )
    depth = rng.uniform(25, 75)
    border = np.column_stack([along, wave + depth])
    outline = np.vstack([border, [[180, -200], [-60, -200]]])
    turn = cv2.getRotationMatrix2D((56, 72), float(rng.uniform(0, 360)), 1.0)
    moved = outline @ turn[:, :2].T + turn[:, 2]
    return _filled([moved], rng)


KINDS: Mapping[str, Callable[[Random], Mask]] = {
    "mask": _mask,
    "glasses": _glasses,
    "hand": _hand,
    "thing": _thing,
    "edge": _edge,
}
"""What is drawn before faces."""


def _blob(rng: Random) -> Mask:
    """A closed curve of no particular shape."""
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    wave = sum(
        rng.normal(0, 0.25 / n) * np.cos(n * angles + rng.uniform(0, 6)) for n in range(1, 6)
    )
    reach = rng.uniform(8, 36) * np.exp(wave)
    flat = np.exp(rng.normal(0, 0.3))
    middle = np.array([56, 74]) + rng.normal(0, 22, 2)
    outline = np.column_stack([np.cos(angles) * reach * flat, np.sin(angles) * reach / flat])
    mask = np.zeros((SIZE, SIZE), np.float32)
    cv2.fillPoly(mask, [(outline + middle).astype(np.int32)], 1.0, cv2.LINE_AA)
    return mask


def _rounded(
    middle: Sequence[float] | NDArray[np.floating], half: tuple[float, float], power: float
) -> NDArray[np.int32]:
    """A superellipse of that power: 2 is an ellipse, 4 and more a rounded rectangle."""
    angles = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    unit = np.column_stack([np.cos(angles), np.sin(angles)])
    curve = np.sign(unit) * np.abs(unit) ** (2 / power) * half
    return np.asarray(curve + np.asarray(middle), np.int32)


def _filled(outlines: Sequence[NDArray[np.generic]], rng: Random) -> Mask:
    mask = np.zeros((SIZE, SIZE), np.float32)
    for outline in outlines:
        cv2.fillPoly(mask, [outline.astype(np.int32)], 1.0, cv2.LINE_AA)
    return _softened(mask, rng)


def _softened(mask: Mask, rng: Random) -> Mask:
    """With an edge as a camera would have it."""
    soft = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.3, 1.4))
    return np.asarray(np.minimum(soft, 1), np.float32)
