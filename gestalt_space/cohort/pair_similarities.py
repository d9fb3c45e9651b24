"""Similarities of all pairs of families, with the same disorder and with different ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.families import unit_means
from gestalt_space.cohort.selection import Selection


@dataclass(frozen=True)
class PairSimilarities:
    """Similarities −1..1 of two families that share a disorder, and of two without a common
    disorder. A family is the mean of its patients; undiagnosed families are in neither."""

    same: NDArray[np.float32]
    different: NDArray[np.float32]


def pair_similarities(selection: Selection) -> PairSimilarities:
    """The similarities of all pairs of a selection's families, of thousands at the most."""
    families = selection.families
    means = unit_means(selection.patient_means(), families)
    ids = sorted({one for has in selection.disorders for one in has})
    numbers = {one: number for number, one in enumerate(ids)}
    has = np.zeros((len(means), len(ids)), np.float32)
    for family, disorders in zip(families.tolist(), selection.disorders, strict=True):
        has[family, [numbers[one] for one in disorders]] = 1
    first, second = np.triu_indices(len(means), 1)
    shared = (has @ has.T)[first, second] > 0
    known: NDArray[np.bool_] = np.asarray(has.any(axis=1))
    found = (means @ means.T)[first, second]
    return PairSimilarities(found[shared], found[~shared & known[first] & known[second]])
