"""What of a face is explained: a number that is the higher, the more the face looks like a line.

A line is a disorder of the gallery, by its nearest patient or its centroid, or a class of a
classifier.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from gestalt_space.classifiers.region_ensemble import RegionEnsemble
from gestalt_space.descriptors import to_descriptors
from gestalt_space.encoders.specification import Encoder
from gestalt_space.errors import DescriptorError
from gestalt_space.types import Crops

if TYPE_CHECKING:
    from gestalt_space.encoders.differentiable import DifferentiableEncoder

Floats = NDArray[np.float64]

_LEAST = 1e-12
"""Probabilities are not taken to be smaller: their logarithm would be no number."""


class Target(Protocol):
    """What a face may look like."""

    def scores(self, crops: Crops) -> Floats:
        """Aligned faces `(n, 112, 112, 3)` uint8 RGB to `(n,)`; higher is more alike. Raises
        `DescriptorError` for a face that gives no finite number."""
        ...


@dataclass(frozen=True, eq=False)
class LineTarget:
    """A line of the gallery: the inner product of a face's descriptor with `direction` `(d,)`.

    `differentiable` opens the encoder for gradients; it raises where that is not possible.
    """

    encoder: Encoder
    direction: Floats
    differentiable: Callable[[], DifferentiableEncoder]

    def scores(self, crops: Crops) -> Floats:
        """See `Target.scores`."""
        descriptors = to_descriptors(self.encoder.encode(crops)).astype(np.float64)
        return _finite(descriptors @ self.direction)


@dataclass(frozen=True, eq=False)
class ClassTarget:
    """A class of a classifier, by its number: the logarithm of its odds."""

    classifier: RegionEnsemble
    number: int

    def scores(self, crops: Crops) -> Floats:
        """See `Target.scores`."""
        found = self.classifier.probabilities(crops)[:, self.number]
        return _finite(np.log(np.maximum(found, _LEAST)) - np.log(np.maximum(1 - found, _LEAST)))


def direction_to(line: NDArray[np.floating], others: NDArray[np.floating]) -> Floats:
    """Where a line `(d,)` lies, seen from the middle of all lines `others` `(d,)`.

    The similarity to a line alone is high for anything that looks like a face. What is peculiar to
    the line is how much more similar a face is to it than to lines in general: the difference of
    two inner products, which is the inner product with the difference.
    """
    return np.asarray(_unit(line) - others, np.float64)


def _unit(line: NDArray[np.floating]) -> Floats:
    vector = np.asarray(line, np.float64)
    return np.asarray(vector / np.linalg.norm(vector))


def _finite(scores: Floats) -> Floats:
    if not np.isfinite(scores).all():
        raise DescriptorError(
            "The encoder gives a vector that is zero or not finite for a part of this face.",
            "Try another photo.",
        )
    return np.asarray(scores, np.float64)
