"""The design of a study: the units, which of them belong together, and which are exchangeable."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gestalt_space.errors import UsageError
from gestalt_space.stats.permutation import Stratum

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Design:
    """Units `(n,)`, such as families or patients.

    `clusters` `(n,)`: numbers from 0 of what is resampled and permuted together. `strata` `(n,)`:
    numbers from 0 of the groups within which labels are exchangeable. All units of a cluster are in
    the same stratum. `unit`: what a cluster is, in words, plural.
    """

    clusters: Numbers
    strata: Numbers
    unit: str = "patients"

    @classmethod
    def of(
        cls,
        clusters: ArrayLike,
        strata: ArrayLike | None = None,
        *,
        unit: str = "patients",
    ) -> Design:
        """A design from any values that are constant within a cluster, or a stratum. Raises
        `ValueError` for a cluster in two strata."""
        numbers = np.unique(np.asarray(clusters), return_inverse=True)[1].astype(np.int64)
        if strata is None:
            places = np.zeros(len(numbers), dtype=np.int64)
        else:
            places = np.unique(np.asarray(strata), return_inverse=True)[1].astype(np.int64)
        if len(np.unique(np.stack([numbers, places]), axis=1).T) != len(np.unique(numbers)):
            raise ValueError("a cluster is in two strata")
        return cls(numbers, places, unit)

    @property
    def count(self) -> int:
        """The number of clusters."""
        return int(self.clusters.max(initial=-1)) + 1

    @property
    def strata_of_clusters(self) -> Numbers:
        """`(c,)`: the stratum of each cluster."""
        found = np.zeros(self.count, dtype=np.int64)
        found[self.clusters] = self.strata
        return found

    def shuffles(self, first: NDArray[np.bool_]) -> list[Stratum]:
        """What is permuted: for each stratum, its clusters `(c,)`, and how many of them are in the
        `first` group."""
        strata = self.strata_of_clusters
        return [
            Stratum(np.flatnonzero(strata == one), int(first[strata == one].sum()))
            for one in np.unique(strata)
        ]


def labellings(shuffles: list[Stratum]) -> int:
    """The number of ways to permute the labels of two groups within strata."""
    return prod(comb(len(one.places), one.take) for one in shuffles)


def least_p(shuffles: list[Stratum], *, mirrored: bool = False) -> float:
    """The smallest p-value that permutation of labels within strata can give. `mirrored`: swapping
    the two groups gives the same statistic, so that the p-value is twice as large if the groups
    have the same size."""
    ways = labellings(shuffles)
    alike = mirrored and all(2 * one.take == len(one.places) for one in shuffles)
    return min(1.0, (2 if alike else 1) / ways)


def require_labellings(
    shuffles: list[Stratum], level: float, *, unit: str = "patients", mirrored: bool = False
) -> None:
    """Raises `UsageError` if there are too few permutations for a p-value to reach a level."""
    least = least_p(shuffles, mirrored=mirrored)
    if least > level:
        raise UsageError(
            f"There are only {labellings(shuffles):,} permutations of these {unit}, so no p-value "
            f"below {least:.3g} is possible; {level:g} is needed.",
            "Add patients, or match on fewer attributes.",
        )
