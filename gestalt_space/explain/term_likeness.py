"""A face, or a disorder, as HPO terms: which terms move a face of this space in the direction that
leads from the gallery's mean to it.

Along the direction of a term people differ already. So each direction is weighed by the inverse of
the patients' covariance, as in a linear discriminant (Fisher 1936), whose covariance is shrunk
(Ledoit and Wolf 2004), and what is found is measured in standard deviations of the patients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import UsageError

Floats = NDArray[np.float64]

FEWEST_PATIENTS = 20
"""With fewer, the spread of patients along a direction means nothing."""


@dataclass(frozen=True, slots=True)
class TermLikeness:
    """How much a face looks as a term makes faces look.

    `term`: its identifier; `deviations`: in standard deviations of the patients, 0 is their mean;
    `beyond`: the share of the patients who look so less, 0..1.
    """

    term: str
    deviations: float
    beyond: float


def check_patients(count: int) -> None:
    """Raises `UsageError` for fewer than `FEWEST_PATIENTS`."""
    if count < FEWEST_PATIENTS:
        raise UsageError(
            f"{count} patients are too few to compare with.",
            f"At least {FEWEST_PATIENTS} are needed.",
        )


class TermScale:
    """The directions of terms among the patients of a gallery.

    `patients` `(p, d)`: their mean descriptors, each patient once; `directions` `(t, d)`: the mean
    moves of `terms` in the same space. Raises `UsageError` for fewer than `FEWEST_PATIENTS`.
    """

    def __init__(
        self, patients: NDArray[np.floating], directions: Floats, terms: tuple[str, ...]
    ) -> None:
        from sklearn.covariance import LedoitWolf

        check_patients(len(patients))
        self.terms = terms
        rows = np.asarray(patients, np.float64)
        self._mean = rows.mean(axis=0)
        precision = LedoitWolf().fit(rows).precision_
        self._weights = directions @ precision
        self._scores = (rows - self._mean) @ self._weights.T
        self._spread = self._scores.std(axis=0, ddof=1)

    def likeness(self, descriptor: NDArray[np.floating]) -> tuple[TermLikeness, ...]:
        """Each term, the one that a descriptor `(d,)` is most like first."""
        score = self._weights @ (np.asarray(descriptor, np.float64) - self._mean)
        # A term that moves nobody has no direction, and nobody looks like it.
        deviations = np.divide(
            score, self._spread, out=np.zeros_like(score), where=self._spread > 0
        )
        beyond = (self._scores < score).mean(axis=0)
        return tuple(
            TermLikeness(self.terms[term], float(deviations[term]), float(beyond[term]))
            for term in np.argsort(-deviations, kind="stable")
        )
