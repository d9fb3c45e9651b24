"""Which terms patients and controls have in different shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.phenotype.ontology import Ontology
from gestalt_space.stats.adjustment import false_discovery_rates
from gestalt_space.stats.permutation import TIE, Stratum, draw_groups

PERMUTATIONS = 100_000
"""Many, as p-values are adjusted for hundreds of terms. They cost little."""
FEWEST = 2
"""Families that have a term. Fewer are not compared."""


@dataclass(frozen=True, slots=True)
class TermShare:
    """A term in both groups. `patients`, `controls`: the share of families that have it, where of
    some families a part of the members does; `p`: two-sided; `q`: adjusted for the false discovery
    rate over all terms that are compared."""

    id: str
    name: str
    patients: float
    controls: float
    p: float
    q: float

    @property
    def difference(self) -> float:
        """The share of patients minus that of controls."""
        return self.patients - self.controls


def term_shares(
    ontology: Ontology,
    terms: NDArray[np.int32],
    has: NDArray[np.float64],
    first: NDArray[np.bool_],
    strata: Sequence[Stratum],
    seed: int,
) -> tuple[TermShare, ...]:
    """The terms `(t,)` that two or more units have, and not all, those that distinguish most first.

    `has` `(u, t)`: the share of each unit's members who have each term or something under it;
    `first` `(u,)`: which units are patients. A term is left out if exactly the same members have a
    term under it. Labels are permuted within `strata`.
    """
    kept = _distinct(ontology, terms, has)
    terms, has = terms[kept], has[:, kept]
    patients, controls = has[first].mean(axis=0), has[~first].mean(axis=0)
    observed = np.abs(patients - controls) - TIE
    reached = np.zeros(len(terms), np.int64)
    values, total = has.astype(np.float32), has.sum(axis=0)
    sizes = int(first.sum()), int(np.sum(~first))
    draws = draw_groups(np.random.default_rng([seed, 4]), strata, len(first), PERMUTATIONS)
    for block in draws:
        sums = block @ values
        differences = np.abs(sums / sizes[0] - (total - sums) / sizes[1])
        reached += np.count_nonzero(differences >= observed, axis=0)
    p = (reached + 1) / (PERMUTATIONS + 1)
    q = false_discovery_rates(p.tolist())
    found = [
        TermShare(ontology.id_of(term), ontology.names[term], *map(float, row))
        for term, *row in zip(terms, patients, controls, p, q, strict=True)
    ]
    return tuple(sorted(found, key=lambda one: (one.p, -abs(one.difference), one.id)))


def _distinct(
    ontology: Ontology, terms: NDArray[np.int32], has: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which terms are compared."""
    kept = (np.count_nonzero(has, axis=0) >= FEWEST) & (np.ptp(has, axis=0) > 0)
    alike: dict[bytes, list[int]] = {}
    for place in np.flatnonzero(kept).tolist():
        alike.setdefault(has[:, place].tobytes(), []).append(place)
    for places in alike.values():
        for place in places:
            ancestors = ontology.ancestors[terms[place]]
            kept[[one for one in places if one != place and terms[one] in ancestors]] = False
    return np.asarray(kept)
