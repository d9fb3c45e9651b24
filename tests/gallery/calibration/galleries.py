"""Galleries of descriptors for calibrations, with families and patients of several disorders."""

from __future__ import annotations

import numpy as np

from gestalt_space.ranking.grouping import Grouping, grouping
from gestalt_space.types import Descriptors, Ids
from tests.made import unit

DIM = 24


class Made:
    """A gallery of which parts can be taken: the first patients, or all of some photos.

    Ids stand for photos as in a database: a photo keeps its own, whatever else is taken.
    """

    def __init__(self, patients: int, disorders: int, *, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        told = rng.integers(0, disorders, patients)
        self.pairs = np.stack([np.arange(patients), told], axis=1)
        several = rng.choice(patients, patients // 5, replace=False)
        more = np.stack([several, rng.integers(0, disorders, len(several))], axis=1)
        self.pairs = np.unique(np.concatenate([self.pairs, more]), axis=0)
        self.families = np.where(rng.random(patients) < 0.2, np.arange(patients) // 4, 10**6)
        self.families = np.where(
            self.families == 10**6, patients + np.arange(patients), self.families
        )
        self.owner = np.sort(
            np.concatenate([np.arange(patients), rng.integers(0, patients, patients)])
        )
        centres = unit(rng, disorders, DIM)
        faces = centres[told][self.owner] + 1.5 * unit(rng, len(self.owner), DIM)
        self.faces = (faces / np.linalg.norm(faces, axis=1, keepdims=True)).astype(np.float32)
        # Some photos are of patients without a diagnosis.
        self.undiagnosed = rng.random(patients) < 0.1
        self.pairs = self.pairs[~self.undiagnosed[self.pairs[:, 0]]]

    def first(self, patients: int) -> tuple[Descriptors, Ids, Grouping]:
        """Descriptors, ids and groups with the first patients alone."""
        kept = np.flatnonzero(self.owner < patients)
        pairs = self.pairs[self.pairs[:, 0] < patients]
        found = grouping(np.arange(len(kept)), self.owner[kept], pairs, families=self.families)
        return self.faces[kept], 1_000 + kept, found
