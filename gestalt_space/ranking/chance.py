"""How near a disorder's nearest patient is by chance, given how many patients it has.

The nearest of many is nearer than that of few, so that frequent disorders stand before rare ones in
a ranking by the nearest photo. A similarity is moved and scaled so that one half and one in a
hundred of the patients without a disorder reach the same scores for every number of references:
those that they reach with one. No similarity between patients of one disorder is in these curves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import UsageError
from gestalt_space.ranking.calibration import TAILS, Calibration, references_of
from gestalt_space.ranking.grouping import Grouping, Values

Floats = NDArray[np.float64]

MIDDLE, HIGH = 0.5, 0.01
"""Shares of patients without a disorder who are as similar to it."""
SMALLEST = 1e-6


@dataclass(frozen=True)
class Chance:
    """By numbers of references `(k,)`, as logarithms, ascending: the similarity that half of the
    patients without a disorder reach, and how far above it one in a hundred are. `correlation`,
    0..1: how little more photos of a patient add."""

    sizes: Floats
    middle: Floats
    spread: Floats
    correlation: float

    @classmethod
    def of(cls, calibration: Calibration | None) -> Chance:
        """Raises `UsageError` where a gallery has too few patients for such curves."""
        if calibration is None or not calibration.curves:
            raise UsageError(
                "This gallery is not calibrated, or has too few patients who share a disorder, so "
                "the nearness expected by chance is not known.",
                "Use --aggregation nearest, the published one, or run `gestalt index rebuild`.",
            )
        middle, high = (
            np.array([np.interp(-at, -TAILS, c.similarities) for c in calibration.curves])
            for at in (MIDDLE, HIGH)
        )
        return cls(
            np.log([curve.size for curve in calibration.curves]),
            middle,
            np.maximum(high - middle, SMALLEST),
            calibration.photo_correlation,
        )

    @property
    def steepest(self) -> float:
        """By how much a score can change where a similarity does, at the most."""
        return float((self.spread[0] / self.spread).max())

    def references(self, grouping: Grouping, left_out: NDArray[np.bool_]) -> Floats:
        """How many references `(g, b)` each group has, where patients `(p, b)` are left out."""
        worth = references_of(grouping.photo_counts, self.correlation)[:, None] * ~left_out
        return np.asarray(grouping.member_runs.reduce(worth, np.add))

    def scores(self, nearest: Values, references: Floats) -> Values:
        """Similarities to the nearest photos `(g, b)`, as with one reference."""
        sizes = np.log(np.maximum(references, 1))
        middle = np.interp(sizes, self.sizes, self.middle)
        spread = np.interp(sizes, self.sizes, self.spread)
        moved = self.middle[0] + (nearest - middle) * (self.spread[0] / spread)
        return np.asarray(moved, dtype=nearest.dtype)
