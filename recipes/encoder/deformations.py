"""Broad, randomised deformations of faces, so that a space holds for changes nobody planned.

A `Deformation` is what two patients with one disorder share. It is drawn from several kinds that
have nothing in common with each other: named phenotypes, lone bumps of any place, width and
direction, noise of any smoothness, and polynomials over the whole face. What a face shows of it is
drawn again for each patient.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.faces.alignment import TEMPLATE, similarity_transform
from gestalt_space.simulate.canvas import MEAN_LANDMARKS, SIZE, carry, values_at
from gestalt_space.simulate.persons import Portrait
from gestalt_space.simulate.phenotypes import (
    CHANNELS,
    TERMS,
    bump_table,
    change,
    fields_of,
    moved,
    unfolded,
)

LAYERS = len(CHANNELS)
"""Fields of a deformation, in the order of `CHANNELS`."""
_TERM_TABLES = tuple(bump_table(term.bumps) for term in TERMS.values())
_STEEPEST = 0.62
"""Most that neighbouring pixels are moved against each other in training."""


@dataclass(frozen=True, slots=True)
class Deformation:
    """Bumps `(n, 10)` in the order of `Bump`, which group each belongs to, and a smooth field
    `(6, SIZE, SIZE)` or none.
    """

    bumps: NDArray[np.float32]
    groups: NDArray[np.int64]
    field: NDArray[np.float32] | None

    def shown_by(self, rng: np.random.Generator, severity: float) -> Deformation:
        """What one patient shows of it: groups come and go and vary in strength."""
        count = int(self.groups.max()) + 1 if len(self.groups) else 0
        strength = severity * rng.lognormal(0.0, 0.25, count) * (rng.random(count) < 0.92)
        bumps = self.bumps.copy()
        bumps[:, 4:] *= strength[self.groups, None].astype(np.float32)
        whole = np.float32(severity * rng.lognormal(0.0, 0.2))
        return Deformation(bumps, self.groups, None if self.field is None else self.field * whole)

    def fields_on(self, portrait: Portrait) -> NDArray[np.float32]:
        """The fields `(6, SIZE, SIZE)` over this face, made so shallow that nothing folds."""
        fields = np.zeros((LAYERS, SIZE, SIZE), dtype=np.float32)
        if len(self.bumps):
            fields += fields_of(self.bumps, portrait)
        if self.field is not None:
            fields += self.field
        return unfolded(fields, _STEEPEST)


def draw(rng: np.random.Generator) -> Deformation:
    """Draw a deformation of any kind."""
    kind = rng.choice(
        ["terms", "bumps", "noise", "polynomial", "mixed"], p=[0.35, 0.25, 0.15, 0.05, 0.2]
    )
    tables: list[NDArray[np.float32]] = []
    if kind in ("terms", "mixed"):
        tables += _named(rng)
    if kind in ("bumps", "mixed"):
        tables += _bumps(rng, most=12 if kind == "bumps" else 5)
    field = None
    if kind == "noise" or (kind == "mixed" and rng.random() < 0.4):
        field = _noise(rng)
    elif kind == "polynomial":
        field = _polynomial(rng)
    bumps = np.concatenate(tables) if tables else np.zeros((0, 10), np.float32)
    groups = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    return Deformation(bumps, groups.astype(np.int64), field)


def _named(rng: np.random.Generator) -> list[NDArray[np.float32]]:
    chosen = rng.choice(len(_TERM_TABLES), int(rng.integers(2, 8)), replace=False)
    tables = []
    for term in chosen:
        table = _TERM_TABLES[term].copy()
        table[:, 4:] *= rng.gamma(6.0, 2.2 / 6.0)
        tables.append(table)
    return tables


def _bumps(rng: np.random.Generator, most: int) -> list[NDArray[np.float32]]:
    tables = []
    for _ in range(int(rng.integers(2, most + 1))):
        wide = np.exp(rng.uniform(np.log(3.0), np.log(30.0)))
        tall = np.clip(wide * rng.lognormal(0.0, 0.4), 2.5, 35.0)
        size = rng.gamma(3.0, 0.1) * min(wide, tall)
        angle = rng.uniform(0, 2 * np.pi)
        row = np.zeros(10, dtype=np.float32)
        row[:4] = rng.uniform(34, 126), rng.uniform(38, 150), wide, tall
        look = rng.random()
        if look < 0.8:
            row[4:6] = size * np.cos(angle), size * np.sin(angle)
        if look > 0.7:
            row[6] = rng.normal(0, 0.22)
        if look > 0.95:
            row[int(rng.integers(7, 10))] = rng.uniform(0.2, 0.7)
        table = row[None]
        if rng.random() < 0.75:
            other = row.copy()
            other[0], other[4] = SIZE - row[0], -row[4]
            table = np.stack([row, other])
        tables.append(table)
    return tables


def _noise(rng: np.random.Generator) -> NDArray[np.float32]:
    """Gaussian noise on a coarse grid, drawn smooth over the canvas."""
    cells = int(rng.integers(4, 15))
    coarse = rng.normal(0, 1, (cells, cells, 3)).astype(np.float32)
    if rng.random() < 0.75:
        mirrored = coarse[:, ::-1] * np.array([-1, 1, 1], np.float32)
        coarse = (coarse + mirrored) / np.float32(np.sqrt(2))
    smooth = cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    field = np.zeros((LAYERS, SIZE, SIZE), dtype=np.float32)
    field[:2] = smooth[..., :2].transpose(2, 0, 1) * rng.gamma(4.0, 0.07) * SIZE / cells / 2
    if rng.random() < 0.4:
        field[2] = smooth[..., 2] * rng.uniform(0.02, 0.14)
    return field


def _polynomial(rng: np.random.Generator) -> NDArray[np.float32]:
    """A polynomial of third order over the face, as growth changes its proportions."""
    y, x = (np.mgrid[:SIZE, :SIZE].astype(np.float32) - 80) / 60
    even = np.stack([np.ones_like(x), y, x * x, y * y, x * x * y, y**3])
    odd = np.stack([x, x * y, x**3, x * y * y])
    field = np.zeros((LAYERS, SIZE, SIZE), dtype=np.float32)
    field[0] = np.tensordot(rng.normal(0, 1.6, len(odd)), odd, 1)
    field[1] = np.tensordot(rng.normal(0, 1.6, len(even)), even, 1)
    return field


def _target_points() -> NDArray[np.float32]:
    """Where the deformation of a face is told: a grid over the mean face, `(points, 2)`."""
    x, y = np.meshgrid(np.linspace(36, 124, 12), np.linspace(40, 150, 14))
    inside = ((x - 80) / 50) ** 2 + ((y - 92) / 62) ** 2 < 1
    return np.column_stack([x[inside], y[inside]]).astype(np.float32)


TARGET_POINTS = _target_points()
TARGET_LENGTH = 4 * len(TARGET_POINTS)


def deform(portrait: Portrait, fields: NDArray[np.float32]) -> tuple[Portrait, NDArray[np.float32]]:
    """A face changed by fields, and what can be seen of it once the face is aligned.

    The second is `(TARGET_LENGTH,)` float32: at each target point its movement right and down in
    pixels of the aligned face, its change of light, and its loss of relief.
    """
    changed = change(portrait, fields)
    before = carry(TARGET_POINTS, MEAN_LANDMARKS, portrait.landmarks)
    after = moved(before, fields[:2])
    movement = _aligned(after, changed) - _aligned(before, portrait)
    light = values_at(fields[2] - 0.75 * fields[3] - 0.3 * fields[5], after)
    smooth = values_at(fields[4], after)
    target = np.concatenate([movement.T.ravel(), 12 * (light - light.mean()), 3 * smooth])
    return changed, target.astype(np.float32)


def _aligned(points: NDArray[np.float32], portrait: Portrait) -> NDArray[np.float64]:
    matrix = similarity_transform(portrait.landmarks, TEMPLATE)
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])
