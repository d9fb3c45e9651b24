"""Similarities of terms by their information content, and of sets of terms by best matches.

Resnik (IJCAI 1995): the information content of the most informative common ancestor. Lin (ICML
1998): twice that, over the sum of the two terms' own. Jiang and Conrath (ROCLING 1997): a distance,
the sum of the two terms' own less twice that of the ancestor; here 1 / (1 + distance), so that
higher is closer.
"""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gestalt_space.phenotype.ontology import Ontology, Places, Rows
from gestalt_space.phenotype.profiles import Profiles

Measure = Literal["resnik", "lin", "jiang-conrath"]
MEASURES: tuple[Measure, ...] = ("resnik", "lin", "jiang-conrath")


def information_content(profiles: Profiles, among: NDArray[np.bool_]) -> NDArray[np.float32]:
    """`(n,)`: -ln of the share of the columns `among` that have a term; of a term that none has, as
    if one had it."""
    counts = np.bincount(
        profiles.columns.owners, among[profiles.columns.values], minlength=len(profiles.columns)
    )
    total = max(int(among.sum()), 1)
    return (-np.log(np.clip(counts, 1, total) / total)).astype(np.float32)


class Similarities:
    """Similarities of an ontology's terms. `information` `(n,)`: their information content, which
    grows from ancestors to descendants."""

    def __init__(self, ontology: Ontology, information: NDArray[np.float32]) -> None:
        self._ontology = ontology
        self.information = information

    @cached_property
    def _descendants(self) -> Rows:
        return self._ontology.descendants

    def to_all(self, term: int, measure: Measure = "resnik") -> NDArray[np.float32]:
        """`(n,)`: how similar a term is to each term."""
        information = self.information
        shared = np.zeros(len(information), np.float32)
        ancestors = self._ontology.ancestors[term]
        # The most informative ancestor comes last, and stays.
        for ancestor in ancestors[np.argsort(information[ancestors], kind="stable")]:
            shared[self._descendants[ancestor]] = information[ancestor]
        both = information + information[term]
        if measure == "resnik":
            return shared
        if measure == "lin":
            return np.where(both > 0, 2 * shared / np.where(both > 0, both, 1), 0)
        return np.asarray(1 / (1 + np.maximum(both - 2 * shared, 0)), np.float32)

    def matrix(self, terms: Places | tuple[int, ...], measure: Measure) -> NDArray[np.float32]:
        """`(q, n)`: how similar each of some terms is to each term."""
        rows = [self.to_all(int(term), measure) for term in terms]
        return np.array(rows, np.float32).reshape(len(rows), len(self.information))

    def of_sets(self, first: tuple[int, ...], second: tuple[int, ...], measure: Measure) -> float:
        """The best-match average of two sets of terms, such as those of two patients: the mean over
        both directions of the mean over terms of the closest term of the other set. 0 where one is
        empty."""
        if not first or not second:
            return 0.0
        found = self.matrix(first, measure)[:, list(second)]
        return float((found.max(1).mean() + found.max(0).mean()) / 2)


def best_matches(
    matrix: NDArray[np.float32], own: Rows, *, is_symmetric: bool
) -> NDArray[np.float32]:
    """`(count,)`: the best-match average of a query and each column of profiles.

    `matrix` `(q, n)`: of the query's terms; `own`: the terms of each column. The mean over the
    query's terms of the closest term of the column; with `is_symmetric` averaged with the mean over
    the column's terms of the closest one of the query. 0 for a column without terms.
    """
    found = np.zeros(len(own), np.float32)
    lengths = np.diff(own.starts)
    filled = np.flatnonzero(lengths)
    if not len(filled) or not len(matrix):
        return found
    starts = own.starts[:-1][filled]
    sums = np.zeros(len(filled), np.float64)
    closest = np.zeros(matrix.shape[1], np.float32)
    for row in matrix:
        sums += np.maximum.reduceat(row[own.values], starts)
        np.maximum(closest, row, out=closest)
    averages = sums / len(matrix)
    if is_symmetric:
        back = np.add.reduceat(closest[own.values], starts, dtype=np.float64) / lengths[filled]
        averages = (averages + back) / 2
    found[filled] = averages
    return found
