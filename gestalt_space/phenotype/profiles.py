"""How often each disorder has each phenotype, its own and those that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gestalt_space.phenotype.annotations import Annotations
from gestalt_space.phenotype.ontology import Ontology, Places, Rows

UNKNOWN_FREQUENCY = 0.5
"""Taken for an annotation that says nothing of how often."""
_PRIOR_PATIENTS = 1.0
_PRIOR_SHARE = 0.5

Shares = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Frequencies:
    """One row for each disorder and each term that it is annotated with, all `(k,)`: `disorder`,
    `term`: places; `share`: how often, above 0 and up to 1. A row may be there twice."""

    disorder: Places
    term: Places
    share: Shares


@dataclass(frozen=True)
class Profiles:
    """Phenotypes of some disorders or genes, known by their columns 0..count-1.

    `columns`: for each term of the ontology, the columns that have it or something under it, in
    ascending order; `shares`: how often, for each of those values. `own`: for each column the terms
    that it is annotated with itself.
    """

    count: int
    columns: Rows
    shares: Shares
    own: Rows

    def shares_of(self, term: int) -> Shares:
        """How often the columns of a term have it, in their order."""
        return self.shares[self.columns.starts[term] : self.columns.starts[term + 1]]

    def share(self, term: int, column: int) -> float:
        """How often a column has a term; 0 where nothing is known."""
        found = self.columns[term]
        at = int(np.searchsorted(found, column))
        has = at < len(found) and found[at] == column
        return float(self.shares_of(term)[at]) if has else 0.0

    @cached_property
    def has_any(self) -> NDArray[np.bool_]:
        """`(count,)`: which columns have any phenotype."""
        return np.diff(self.own.starts) > 0

    def background(self, among: NDArray[np.bool_]) -> Shares:
        """`(n,)`: how often each term is found in the columns `among`, on average, of those that
        have phenotypes at all. Of a term that none has: as if one had it, and how often is not
        known."""
        counted = among & self.has_any
        sums = np.bincount(
            self.columns.owners,
            self.shares * counted[self.columns.values],
            minlength=len(self.columns),
        )
        count = max(int(counted.sum()), 1)
        return np.maximum(sums / count, UNKNOWN_FREQUENCY / count).astype(np.float32)


def pooled(annotations: Annotations, rows: Places | None = None) -> Frequencies:
    """The statements on each disorder and term as one frequency; `rows`: of those alone.

    Counts of several papers are added up, with half a patient of one more: 3 of 4 are 70 %. Where
    there are no counts, shares are averaged. A term that is reported as absent, or was found in
    nobody, is left out.
    """
    told = annotations
    at = np.arange(len(told.term)) if rows is None else rows
    width = int(told.term.max(initial=0)) + 1
    keys = told.disorder[at].astype(np.int64) * width + told.term[at]
    pairs, of_pair = np.unique(keys, return_inverse=True)

    def total(values: NDArray[np.float32] | NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(of_pair, values, len(pairs)), np.float64)

    is_present = ~told.is_not[at]
    seen, looked = total(told.seen[at] * is_present), total(told.looked[at] * is_present)
    has_share = is_present & ~np.isnan(told.share[at])
    shares = total(np.where(has_share, told.share[at], 0))
    counted = (seen + _PRIOR_SHARE * _PRIOR_PATIENTS) / (looked + _PRIOR_PATIENTS)
    counted[seen == 0] = 0
    found = np.where(
        looked > 0,
        counted,
        np.where(total(has_share) > 0, shares / np.maximum(total(has_share), 1), UNKNOWN_FREQUENCY),
    )
    keep = (total(is_present) > 0) & (found > 0)
    return Frequencies(
        (pairs[keep] // width).astype(np.int32),
        (pairs[keep] % width).astype(np.int32),
        found[keep].astype(np.float32),
    )


def with_genes(frequencies: Frequencies, annotations: Annotations) -> Frequencies:
    """Frequencies of disorders and, in the columns after them, of genes: a gene has what any of its
    disorders has, as often as the one that has it most often."""
    genes = annotations.disorder_genes
    times = np.diff(genes.starts)[frequencies.disorder]
    at = _spans(genes.starts[frequencies.disorder], times)
    return Frequencies(
        np.concatenate(
            [frequencies.disorder, genes.values[at] + np.int32(len(annotations.disorders))]
        ),
        np.concatenate([frequencies.term, np.repeat(frequencies.term, times)]),
        np.concatenate([frequencies.share, np.repeat(frequencies.share, times)]),
    )


def profiles_of(ontology: Ontology, frequencies: Frequencies, count: int) -> Profiles:
    """Profiles of `count` columns. Who has a term has its ancestors, at least as often: the
    frequency of a term is the highest of those of the terms under it."""
    ancestors, width = ontology.ancestors, len(ontology)
    times = np.diff(ancestors.starts)[frequencies.term]
    terms = ancestors.values[_spans(ancestors.starts[frequencies.term], times)]
    columns, shares = np.repeat(frequencies.disorder, times), np.repeat(frequencies.share, times)
    # By one key, which is sorted several times as fast as two.
    keys = terms.astype(np.int64) * count + columns
    order = np.argsort(keys, kind="stable")
    keys, firsts = np.unique(keys[order], return_index=True)
    highest = np.maximum.reduceat(shares[order], firsts) if len(firsts) else shares
    starts = np.searchsorted(keys, np.arange(width + 1, dtype=np.int64) * count)
    pairs = np.unique(frequencies.disorder.astype(np.int64) * width + frequencies.term)
    return Profiles(
        count,
        Rows(starts, (keys % count).astype(np.int32)),
        np.asarray(highest, np.float32),
        Rows(
            np.searchsorted(pairs, np.arange(count + 1, dtype=np.int64) * width),
            (pairs % width).astype(np.int32),
        ),
    )


def _spans(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The places starts[i], starts[i] + 1, … of each span, one after another."""
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.asarray(np.repeat(starts, lengths) + within)
