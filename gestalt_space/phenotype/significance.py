"""How often a random patient is as similar to a disorder: p values as those of the Phenomizer
(Köhler et al., Am J Hum Genet 2009;85:457). They make disorders with many and with few terms
comparable, for each number of terms of the patient."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from gestalt_space.phenotype.ontology import Places, Rows
from gestalt_space.phenotype.similarity import Measure, Similarities, best_matches

MOST_TERMS = 10
"""Patients with more terms are compared with random patients of so many."""
SAMPLES = 1_000


class Significance:
    """P values of best-match averages for each column of profiles.

    `drawn_from`: the terms that random patients have, each as likely. For each number of terms,
    `samples` patients are drawn once, with the seed.
    """

    def __init__(
        self,
        similarities: Similarities,
        own: Rows,
        drawn_from: Places,
        *,
        measure: Measure = "resnik",
        is_symmetric: bool = True,
        samples: int = SAMPLES,
        seed: int = 0,
    ) -> None:
        self._similarities = similarities
        self._own = own
        self._drawn_from = drawn_from
        self._measure: Measure = measure
        self._is_symmetric = is_symmetric
        self._samples = samples
        self._seed = seed
        self._nulls: OrderedDict[int, NDArray[np.float32]] = OrderedDict()

    def p_values(self, scores: NDArray[np.float32], terms: int) -> NDArray[np.float64]:
        """`(count,)`: p of the scores of a patient with so many terms, never 0."""
        null = self.null(terms)
        above = self._samples - np.array(
            [np.searchsorted(one, score) for one, score in zip(null, scores, strict=True)]
        )
        return (above + 1) / (self._samples + 1)

    def null(self, terms: int) -> NDArray[np.float32]:
        """`(count, samples)`: ascending scores of random patients with so many terms."""
        terms = min(max(terms, 1), MOST_TERMS, len(self._drawn_from))
        if terms not in self._nulls:
            rng = np.random.default_rng([self._seed, terms])
            null = np.empty((len(self._own), self._samples), np.float32)
            for sample in range(self._samples):
                drawn = rng.choice(self._drawn_from, terms, replace=False)
                matrix = self._similarities.matrix(drawn, self._measure)
                null[:, sample] = best_matches(matrix, self._own, is_symmetric=self._is_symmetric)
            null.sort(axis=1)
            self._nulls[terms] = null
        return self._nulls[terms]
