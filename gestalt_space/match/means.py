"""The first lines by the means of patients' photos: found by products with the means, which err by
little, then scored by the photos of the few groups that may be among the first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.gallery.group_means import GroupMeans
from gestalt_space.gallery.snapshot import gallery_changed
from gestalt_space.index.codes import rounding
from gestalt_space.index.exact import exact_similarities
from gestalt_space.index.segment import rows_at_once
from gestalt_space.match.view import GalleryView, OwnFamily
from gestalt_space.ranking.aggregation import SHORTEST, Aggregation, with_direction
from gestalt_space.ranking.contenders import (
    BlendRule,
    Contender,
    GivenRule,
    Nearest,
    Rule,
    contenders,
    group_bests,
    may_be_first,
)
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.types import Descriptors

BY_MEANS: frozenset[Aggregation] = frozenset({"patient-mean", "centroid", "blend"})
"""Aggregations that are ranked here."""
ROUNDED = 2.0**-23
"""More than a mean or a centroid's length errs by being rounded to float32, twice."""
DIGITS = 12
"""Scores that agree so far are one: sums of the same numbers in another order."""
MOST_PHOTOS, MOST_SHARE = 4096, 0.02
"""Photos of contenders, and share of all, beyond which a blend is first narrowed down by the
similarities to all photos."""
_FARTHEST = -1.01
"""Below any similarity."""

Floats = NDArray[np.float64]


def contenders_by_means(
    probe: Descriptors, nearest: Nearest, family: OwnFamily, view: GalleryView
) -> tuple[list[Contender], Nearest]:
    """The groups that score highest for a probe `(d,)`, best first, with those at one score with
    the last, and the photos that their places are of. `nearest`: photos nearest to the probe."""
    how, k = view.question.aggregation, view.question.k
    groups = view.groups.without(family.keys)
    products = groups.means.products(probe)
    error = rounding(groups.dim) + ROUNDED
    if how == "patient-mean":
        scores = groups.highest(products)
        first = may_be_first(scores - error, scores + error, k)
    else:
        cosines = groups.cosines(products)
        # What a product errs counts for more where a centroid is short.
        margin = (error + ROUNDED * np.abs(cosines)) / np.maximum(groups.lengths, SHORTEST)
        margin[groups.counts == 0] = 0
        first = may_be_first(cosines - margin, cosines + margin, k)
        if how == "blend":
            first = _first_blends(probe, nearest, view, groups, cosines, margin)
    if not len(first):
        return [], nearest
    exact = _Exact.of(probe, view, groups, first)
    evidence = Nearest(exact.rows, exact.owners, exact.similarities, -np.inf)
    keys = groups.groups[first]
    rule: Rule = (
        BlendRule(keys, exact.cosines) if how == "blend" else GivenRule(keys, exact.cosines)
    )
    if how == "patient-mean":
        rule = GivenRule(keys, exact.highest_means)
    bests = group_bests(evidence, exact.which, keys[exact.group])
    return contenders(bests, evidence.bound, k, rule) or [], evidence


def _first_blends(
    probe: Descriptors,
    found: Nearest,
    view: GalleryView,
    groups: GroupMeans,
    cosines: Floats,
    margin: Floats,
) -> Numbers:
    """Places of the groups that may be first by the mean of the nearest photo and the cosine."""
    best = groups.highest(_bests(found, groups.means.keys))
    low = np.where(np.isneginf(best), _FARTHEST, best - found.tolerance)
    high = np.maximum(best + found.tolerance, found.bound)
    k = view.question.k
    first = may_be_first((low + cosines - margin) / 2, (high + cosines + margin) / 2, k)
    if len(first) <= k or np.isneginf(found.bound):
        return first
    members = groups.means.keys[np.unique(groups.members_of(first)[1])]
    most = max(MOST_PHOTOS, int(MOST_SHARE * len(view.state)))
    if view.photo_counts[members].sum() <= most:
        return first
    return _first_blends(probe, _all_photos(probe, view), view, groups, cosines, margin)


def _bests(found: Nearest, keys: Numbers) -> Floats:
    """The similarity of the nearest photo found of each patient, by keys `(p,)`, ascending: `(p,)`,
    -inf where none is."""
    best = np.full(len(keys), -np.inf)
    known = np.isin(found.patients, keys)
    np.maximum.at(best, np.searchsorted(keys, found.patients[known]), found.similarities[known])
    return best


def _all_photos(probe: Descriptors, view: GalleryView) -> Nearest:
    """Every photo that may be evidence, with similarities that err."""
    state = view.state
    there = state.patients >= 0
    rows = np.flatnonzero(there if view.rows is None else there & view.rows)
    similarities = state.searcher.similarities(probe[None])[0][rows]
    return Nearest(
        rows,
        state.patients[rows],
        similarities.astype(np.float64),
        -np.inf,
        rounding(state.searcher.dim),
    )


@dataclass(frozen=True)
class _Exact:
    """Some groups `(c,)` by all photos `(r,)` of their patients, in double precision.

    `rows`, `owners` (keys of patients) and `similarities` `(r,)`; `which` and `group` `(x,)`: which
    photos are of which groups. `highest_means` `(c,)`: of the patient who is nearest on average;
    `cosines` `(c,)`: to the centroids.
    """

    rows: Numbers
    owners: Numbers
    similarities: Floats
    which: Numbers
    group: Numbers
    highest_means: Floats
    cosines: Floats

    @classmethod
    def of(
        cls, probe: Descriptors, view: GalleryView, groups: GroupMeans, first: Numbers
    ) -> _Exact:
        """Of groups at places `first` `(c,)`, each with a patient or more."""
        from scipy.sparse import csr_array

        group, members = groups.members_of(first)
        keys = groups.means.keys[np.unique(members)]
        rows = _rows_of(view, keys)
        owners = view.state.column_at("patients", rows)
        if not np.isin(owners, keys).all():
            # They are wiped this moment, by whoever cleans the files of those who were removed.
            raise gallery_changed()
        patient = np.searchsorted(keys, owners)
        weights = 1 / np.bincount(patient, minlength=len(keys))
        member = np.searchsorted(np.unique(members), members)
        belongs = csr_array((np.ones(len(group)), (group, member)), (len(first), len(keys)))
        of_patient = csr_array(
            (weights[patient], (patient, np.arange(len(rows)))), (len(keys), len(rows))
        )
        of_group = (belongs @ of_patient).tocsc()
        similarities = np.empty(len(rows))
        sums = np.zeros((len(first), groups.dim))
        step = rows_at_once(groups.dim)
        for start in range(0, len(rows), step):
            block = slice(start, start + step)
            vectors = view.state.vectors_at(rows[block])
            similarities[block] = exact_similarities(probe, vectors)
            sums += of_group[:, block] @ vectors
        counts = np.bincount(group, minlength=len(first))
        lengths = with_direction(np.linalg.norm(sums, axis=1) / counts)
        means = np.bincount(patient, similarities, minlength=len(keys)) * weights
        highest = np.full(len(first), -np.inf)
        np.maximum.at(highest, group, means[member])
        totals = np.bincount(group, means[member], minlength=len(first))
        pairs = of_group.tocoo()
        return cls(
            rows,
            owners,
            similarities,
            pairs.col,
            pairs.row,
            np.round(highest, DIGITS),
            np.round(totals / (lengths * counts), DIGITS),
        )


def _rows_of(view: GalleryView, patients: Numbers) -> Numbers:
    rows = view.state.rows_of(patients)
    return rows if view.rows is None else rows[view.rows[rows]]
