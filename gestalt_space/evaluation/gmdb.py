"""The four standard evaluations on GMDB (Hsieh 2022; Hustinx 2023).

Every test image is a query of its own. The distance of two images is the mean cosine distance of
like slots; syndromes stand by their nearest gallery image. A syndrome's share of test images whose
true syndrome is among the first k is averaged over the syndromes of the test set, unweighted, and
then over the splits. (F: frequent, R: rare syndromes; F→F+R: frequent test images, both galleries.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.evaluation.topk import TOPS, hits_of, mean_over_groups
from gestalt_space.interop.encodings import Encodings
from gestalt_space.interop.gmdb import SplitRow, Splits
from gestalt_space.ranking.aggregation import score_groups
from gestalt_space.ranking.grouping import Numbers, grouping
from gestalt_space.ranking.ranks import ranks_of

NEAR = 1e-5
"""Scores that lie closer than this to the true syndrome's are computed again in double precision,
so that no rank depends on the order of the rows."""

_BLOCK = 256


@dataclass(frozen=True, slots=True)
class StandardEvaluation:
    """One of the four. Sizes are images, means over the splits. `top`: for each k the accuracy in
    percent. `absent`: syndromes that are tested without an image in the gallery, whose test images
    count as not found."""

    test: str
    gallery: str
    gallery_size: float
    test_size: float
    top: dict[int, float]
    splits: int
    syndromes: float
    absent: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GmdbResult:
    """All four, and what was missing: images that the splits name and the encodings lack, and
    images left out because a slot is missing or a vector is no vector. `single`: syndromes of one
    patient in test and gallery together, which are tested against others alone."""

    version: str
    evaluations: tuple[StandardEvaluation, ...]
    missing: tuple[str, ...]
    incomplete: tuple[str, ...]
    unsound: tuple[str, ...]
    single: tuple[str, ...]
    slots: int
    dim: int


def evaluate_gmdb(encodings: Encodings, splits: Splits) -> GmdbResult:
    """The four evaluations, F→F, R→R, F→F+R and R→F+R, joined by image identifier."""
    rows = (
        *splits.frequent_gallery,
        *splits.frequent_test,
        *splits.rare_gallery,
        *splits.rare_test,
    )
    place = {image: number for number, image in enumerate(encodings.images)}
    named = dict.fromkeys(row.image for row in rows)
    left_out = {*encodings.incomplete, *encodings.unsound}
    missing = tuple(image for image in named if image not in place and image not in left_out)
    table = _Table(encodings, splits, place)
    rare = splits.rare_splits
    frequent_only = [(splits.frequent_test, splits.frequent_gallery)]
    of_split = {
        split: (
            tuple(row for row in splits.rare_test if row.split == split),
            tuple(row for row in splits.rare_gallery if row.split == split),
        )
        for split in rare
    }
    both = {split: (*splits.frequent_gallery, *of_split[split][1]) for split in rare}
    evaluations = (
        table.evaluate("frequent", "frequent", frequent_only),
        table.evaluate("rare", "rare", [of_split[split] for split in rare]),
        table.evaluate(
            "frequent", "frequent+rare", [(splits.frequent_test, both[split]) for split in rare]
        ),
        table.evaluate(
            "rare", "frequent+rare", [(of_split[split][0], both[split]) for split in rare]
        ),
    )
    return GmdbResult(
        version=splits.version,
        evaluations=evaluations,
        missing=missing,
        incomplete=tuple(image for image in encodings.incomplete if image in named),
        unsound=tuple(image for image in encodings.unsound if image in named),
        single=_single(rows),
        slots=len(encodings.slots),
        dim=encodings.vectors.shape[2],
    )


@dataclass(frozen=True, slots=True)
class _Split:
    """Top-k `(k,)`, 0..1, of one split, and how many images and syndromes it rests on."""

    top: NDArray[np.float64]
    test: int
    gallery: int
    syndromes: int
    absent: frozenset[str]


class _Table:
    """The similarities of all test images to all images, computed once."""

    def __init__(self, encodings: Encodings, splits: Splits, place: dict[str, int]) -> None:
        test = [*splits.frequent_test, *splits.rare_test]
        self.encodings = encodings
        self.place = place
        self.tested = np.unique([place[row.image] for row in test if row.image in place]).astype(
            np.int64
        )
        probes = encodings.descriptors(self.tested)
        self.similarities = np.empty((len(probes), len(encodings.images)), dtype=np.float32)
        for start in range(0, len(encodings.images), _BLOCK):
            block = slice(start, start + _BLOCK)
            np.matmul(probes, encodings.descriptors(block).T, out=self.similarities[:, block])

    def evaluate(
        self,
        test: str,
        gallery: str,
        pairs: Sequence[tuple[Sequence[SplitRow], Sequence[SplitRow]]],
    ) -> StandardEvaluation:
        """One evaluation, the mean over pairs of test rows and gallery rows."""
        found = [self._split(*pair) for pair in pairs]
        tops = np.array([split.top for split in found]).reshape(-1, len(TOPS))
        mean = tops.mean(axis=0) if len(tops) else np.full(len(TOPS), np.nan)
        return StandardEvaluation(
            test=test,
            gallery=gallery,
            gallery_size=_mean([split.gallery for split in found]),
            test_size=_mean([split.test for split in found]),
            top={k: round(100 * float(share), 2) for k, share in zip(TOPS, mean, strict=True)},
            splits=len(pairs),
            syndromes=_mean([split.syndromes for split in found]),
            absent=tuple(sorted(set().union(*(split.absent for split in found)), key=_by_number)),
        )

    def _split(self, test: Sequence[SplitRow], gallery: Sequence[SplitRow]) -> _Split:
        """The test images that are encoded, against the gallery images that are."""
        test = [row for row in test if row.image in self.place]
        gallery = [row for row in gallery if row.image in self.place]
        labels = sorted({row.label for row in (*test, *gallery)}, key=_by_number)
        number = {label: place for place, label in enumerate(labels)}
        truth = np.array([number[row.label] for row in test], dtype=np.int64)
        owners = np.array([number[row.label] for row in gallery], dtype=np.int64)
        pairs = np.stack([np.arange(len(owners)), owners], axis=1)
        groups = grouping(np.arange(len(owners)), np.arange(len(owners)), pairs)
        places = np.searchsorted(groups.groups, truth)
        places[places == len(groups.groups)] = 0
        known = groups.groups[places] == truth if len(groups.groups) else np.zeros(len(truth), bool)
        rows = np.searchsorted(self.tested, _places(test, self.place))
        columns = _places(gallery, self.place)
        similarities = self.similarities[np.ix_(rows, columns)]
        scores = score_groups(similarities, groups, ["nearest"])["nearest"]
        true_places = np.where(known, places, -1)
        near = _near(scores, true_places)
        ranks = ranks_of(scores, true_places)
        if near.any():
            exact = self._exact(rows[near], columns)
            again = score_groups(exact, groups, ["nearest"])["nearest"]
            ranks[near] = ranks_of(again, true_places[near])
        return _Split(
            top=mean_over_groups(hits_of(ranks), truth),
            test=len(test),
            gallery=len(gallery),
            syndromes=len(np.unique(truth)),
            absent=frozenset(labels[label] for label in np.unique(truth[~known])),
        )

    def _exact(self, rows: Numbers, columns: Numbers) -> NDArray[np.float64]:
        """Similarities in double precision, summed alike for every pair."""
        probes = self.encodings.descriptors(self.tested[rows]).astype(np.float64)
        exact = np.empty((len(rows), len(columns)))
        for start in range(0, len(columns), _BLOCK):
            block = slice(start, start + _BLOCK)
            gallery = self.encodings.descriptors(columns[block]).astype(np.float64)
            exact[:, block] = [(gallery * probe).sum(axis=1) for probe in probes]
        return exact


def _near(scores: NDArray[np.float32], truth: Numbers) -> NDArray[np.bool_]:
    """Probes `(q,)` some other group of which scores about what the true one does."""
    if not scores.shape[1]:
        return np.zeros(len(scores), dtype=bool)
    own = np.take_along_axis(scores, np.maximum(truth, 0)[:, None], axis=1)
    close = (np.abs(scores - own) < NEAR).sum(axis=1)
    return np.asarray((truth >= 0) & (close > 1))


def _places(rows: Sequence[SplitRow], place: dict[str, int]) -> Numbers:
    return np.array([place[row.image] for row in rows], dtype=np.int64)


def _mean(sizes: Sequence[int]) -> float:
    mean = sum(sizes) / len(sizes) if sizes else 0.0
    return int(mean) if mean == int(mean) else round(mean, 2)


def _single(rows: Sequence[SplitRow]) -> tuple[str, ...]:
    patients: dict[str, set[str]] = {}
    for row in rows:
        patients.setdefault(row.label, set()).add(row.subject)
    lonely = [label for label, subjects in patients.items() if len(subjects) == 1]
    return tuple(sorted(lonely, key=_by_number))


def _by_number(label: str) -> tuple[int, float, str]:
    """Labels that are numbers by their value, before others."""
    try:
        return 0, float(label), label
    except ValueError:
        return 1, 0.0, label
