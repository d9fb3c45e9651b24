"""Likelihood ratios of phenotypes, as Robinson et al. describe them (Am J Hum Genet 2020;107:403):
how often a disorder has a term, against how often disorders have it on average.

Three rules give how often a patient with a disorder has a term that is present:

- The disorder is annotated with the term, or with terms under it: their highest frequency.
- It is annotated with an ancestor of the term, or with another term under that ancestor: the
  finding may be the same one, described otherwise. With the weight `KINSHIP` the ancestor's
  frequency is shared out to the term as it is among all disorders, so that the term weighs as much
  as its ancestor; else the term is there by chance.
- Nothing links them but the root of all phenotypes: the term is there by chance, and its ratio is
  1. The paper takes a ratio of 1 in 100; this is the choice `UNRELATED`.

A term that is present never counts against a disorder, save by that choice. The paper divides an
annotated parent's frequency by the number of its children instead of the second rule. An excluded
term counts as how often patients are without it, against the average; its logarithm has the weight
`EXCLUDED_WEIGHT`. Papers list the known features of a disorder that their patients do not have, so
that an excluded term speaks for the disorder as well as against it.

`KINSHIP`, `EXCLUDED_WEIGHT` and the frequency of annotations without one were chosen on the
training cases of `benchmarks/gene_ranking.py` and on half of the papers of
`benchmarks/disorder_ranking.py`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from gestalt_space.phenotype.ontology import Ontology
from gestalt_space.phenotype.profiles import Profiles, Shares

KINSHIP = 0.2
NEUTRAL = 1.0
UNRELATED = 0.01
EXCLUDED_WEIGHT = 0.25
MOST = 0.95
"""Frequency that counts at most where a term is excluded: annotations are not that sure."""
_DIGITS = 4
"""Of the log10 ratios: a score is the sum of the very numbers that are shown."""
_KEPT = 2_048
"""Terms whose ratios are kept, at most."""


@dataclass(frozen=True, slots=True)
class Matched:
    """What a ratio rests on. `term`: the term itself or the ancestor that it was compared by, None
    where nothing links it to the disorder; `share`: how often the disorder has that term."""

    term: int | None
    share: float


class Likelihoods:
    """Log10 likelihood ratios of terms for the columns of profiles.

    `background` `(n,)`: how often each term is found, above 0. `unrelated`: the ratio of a term
    that has nothing to do with a disorder. May be used by several threads.
    """

    def __init__(
        self,
        ontology: Ontology,
        profiles: Profiles,
        background: Shares,
        unrelated: float = NEUTRAL,
        excluded_weight: float = EXCLUDED_WEIGHT,
    ) -> None:
        self._ontology = ontology
        self._profiles = profiles
        self._background = background
        self._unrelated = unrelated
        self._excluded_weight = excluded_weight
        self._against = profiles.shares / self._background[profiles.columns.owners]
        self._rows: OrderedDict[tuple[int, bool], NDArray[np.float32]] = OrderedDict()
        self._lock = Lock()

    def of(self, term: int, *, is_present: bool) -> NDArray[np.float32]:
        """`(count,)`: log10 ratios of a term that the patient has, or that was looked for and not
        found; to four decimals."""
        key = (term, is_present)
        with self._lock:
            row = self._rows.get(key)
        if row is None:
            row = self._present(term) if is_present else self._excluded(term)
            row.setflags(write=False)
            with self._lock:
                self._rows[key] = row
                if len(self._rows) > _KEPT:
                    self._rows.popitem(last=False)
        return row

    def total(self, present: Iterable[int], excluded: Iterable[int] = ()) -> NDArray[np.float64]:
        """`(count,)`: the sum of the log10 ratios of a patient's terms, to four decimals."""
        found = np.zeros(self._profiles.count, np.float64)
        for term in present:
            found += self.of(term, is_present=True)
        for term in excluded:
            found += self.of(term, is_present=False)
        return np.round(found, _DIGITS)

    def matched(self, term: int, column: int, *, is_present: bool) -> Matched:
        """What the ratio of a term for a column rests on."""
        share = self._profiles.share(term, column)
        if share or not is_present:
            return Matched(term if share else None, share)
        best = Matched(None, 0.0)
        highest = 0.0
        for ancestor in self._kin(term):
            share = self._profiles.share(ancestor, column)
            if share / self._background[ancestor] > highest:
                highest = share / self._background[ancestor]
                best = Matched(ancestor, share)
        return best

    def _present(self, term: int) -> NDArray[np.float32]:
        profiles = self._profiles
        best = np.zeros(profiles.count, np.float32)
        for ancestor in self._kin(term):
            columns = profiles.columns[ancestor]
            best[columns] = np.maximum(best[columns], self._against_of(ancestor))
        ratios = np.maximum(1 + np.float32(KINSHIP) * (best - 1), 1)
        ratios[best == 0] = self._unrelated
        ratios[profiles.columns[term]] = np.maximum(self._against_of(term), 1)
        return _rounded_log10(ratios)

    def _excluded(self, term: int) -> NDArray[np.float32]:
        profiles = self._profiles
        ratios = np.ones(profiles.count, np.float32)
        without = 1 - np.minimum(profiles.shares_of(term), MOST)
        ratios[profiles.columns[term]] = without / (1 - min(float(self._background[term]), MOST))
        return _rounded_log10(ratios, self._excluded_weight)

    def _kin(self, term: int) -> list[int]:
        """The ancestors of a term that are phenotypes."""
        ancestors = self._ontology.ancestors[term]
        is_kin = self._ontology.is_phenotype[ancestors] & (ancestors != term)
        found: list[int] = ancestors[is_kin].tolist()
        return found

    def _against_of(self, term: int) -> Shares:
        """How often the columns of a term have it, against the background."""
        starts = self._profiles.columns.starts
        return self._against[starts[term] : starts[term + 1]]


def _rounded_log10(ratios: Shares, weight: float = 1.0) -> NDArray[np.float32]:
    return np.round(weight * np.log10(ratios), _DIGITS).astype(np.float32)
