"""A map of the aligned face: how much each place speaks for a line, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.explain.regions import masses
from gestalt_space.faces.alignment import SIZE, TEMPLATE, similarity_transform
from gestalt_space.faces.regions import REGIONS
from gestalt_space.stats.estimates import Estimate
from gestalt_space.stats.resampling import Bootstrap, estimate
from gestalt_space.types import Landmarks

Values = NDArray[np.float32]
FEWEST = 5
"""Of fewer repeats, no interval is given."""


@dataclass(frozen=True, eq=False)
class FaceMap:
    """`repeats` `(r, 112, 112)`: the map computed `r` times, each time with other fills or other
    masks; their mean is the map. Above 0: what speaks for the line; below: against it. Units are
    those of the score for a pixel, but only ratios have a meaning."""

    repeats: Values

    @cached_property
    def values(self) -> Values:
        """The map `(112, 112)`."""
        return np.asarray(self.repeats.mean(axis=0), np.float32)

    @cached_property
    def is_blank(self) -> bool:
        """Whether nothing speaks for the line."""
        return not (self.values > 0).any()

    @cached_property
    def speaks_for(self) -> float:
        """What speaks for the line as a share of what speaks for or against it, 0..1; NaN for a
        map of zeros."""
        total = float(np.abs(self.values).sum(dtype=np.float64))
        return float(np.maximum(self.values, 0).sum(dtype=np.float64)) / total if total else np.nan

    def shares(self, bootstrap: Bootstrap = Bootstrap()) -> dict[str, Estimate]:  # noqa: B008
        """The share of each region in all that speaks for the line, 0..1; all NaN if nothing does.

        The interval is that of the bootstrap over repeats: it says how much the share depends on
        the draw of fills or masks, and nothing of other photos of the patient or other patients.
        NaN with fewer than `FEWEST` repeats.
        """
        values = masses(self.values)
        if len(self.repeats) < FEWEST:
            nothing = float("nan")
            return {
                name: Estimate(float(value), nothing, nothing)
                for name, value in zip(REGIONS, values, strict=True)
            }
        flat = self.repeats.reshape(len(self.repeats), -1)
        drawn = np.concatenate(
            [
                masses((weights @ flat).reshape(-1, SIZE, SIZE))
                for weights in bootstrap.weights(len(flat))
            ]
        )
        drawn = drawn[np.isfinite(drawn).all(axis=1)]
        return {
            name: estimate(float(value), drawn[:, number])
            if len(drawn)
            else Estimate(float("nan"), float("nan"), float("nan"))
            for number, (name, value) in enumerate(zip(REGIONS, values, strict=True))
        }


def correlation(one: FaceMap, other: FaceMap) -> float:
    """Spearman's rank correlation of two maps over all pixels, -1..1; NaN for a flat one."""
    from scipy.stats import rankdata

    ranks = [rankdata(each.values.ravel()) for each in (one, other)]
    first, second = (rank - rank.mean() for rank in ranks)
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / length if length else float("nan")


def on_photo(values: Values, landmarks: Landmarks, height: int, width: int) -> Values:
    """A map `(112, 112)` on the photo `(height, width)` that the face was cut out of, NaN where the
    aligned face does not reach: the inverse of the alignment."""
    matrix = similarity_transform(landmarks, TEMPLATE)
    laid = cv2.warpAffine(
        values,
        matrix,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=float("nan"),
    )
    return np.asarray(laid, np.float32)
