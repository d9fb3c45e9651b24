"""Confidence intervals by the bootstrap over patients (Efron and Tibshirani 1993): patients are
drawn with replacement, each with all of their cases, and a figure is computed for every draw.

Means over disorders are over the disorders of the draw. Weights that leave no disorder out (Rubin
1981) were tried: with disorders of two patients, eight in ten of their intervals cover the true
value, against more than nine in ten of these.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.stats.estimates import LEVEL, Estimate

REPLICATES = 1_000
MOST_REPLICATES = 100_000
FEWEST_REPLICATES = 100
"""With fewer, the ends of an interval are determined by two draws."""

_AT_ONCE = 4_000_000
"""Weights in memory at a time, 4 bytes each."""


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """The number of replicates, and the seed. The same number of patients is always resampled in
    the same way, so that two results can be subtracted draw by draw."""

    replicates: int = REPLICATES
    seed: int = 0

    def weights(self, patients: int) -> Iterator[NDArray[np.float32]]:
        """How often each patient is in each draw: blocks `(b, patients)`; each row sums to
        `patients`."""
        rng = np.random.default_rng(self.seed)
        most = max(1, _AT_ONCE // max(patients, 1))
        for start in range(0, self.replicates, most):
            count = min(most, self.replicates - start)
            drawn = rng.integers(0, patients, (count, patients), dtype=np.int32)
            drawn += np.arange(count, dtype=np.int32)[:, None] * patients
            counts = np.bincount(drawn.ravel(), minlength=count * patients)
            yield counts.reshape(count, patients).astype(np.float32)


def estimate(value: float, replicates: NDArray[np.floating]) -> Estimate:
    """A figure with its percentile interval from replicates `(b,)`."""
    low, high = np.quantile(replicates, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(value), float(low), float(high))
