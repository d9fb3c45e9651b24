"""The four standard evaluations on GMDB (Hsieh 2022; Hustinx 2023).

Every test image is a separate query. The distance of two images is the mean cosine distance over
corresponding slots; a syndrome is ranked by its nearest gallery image. For each syndrome, the share
of test images whose true syndrome is among the first k is computed; the shares are averaged over
the syndromes of the test set, unweighted, and then over the splits. (F: frequent, R: rare
syndromes; F→F+R: frequent test images, both galleries.) Intervals are over the tested patients,
each with all images and splits; the galleries are those of the files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import TableDamaged
from gestalt_space.evaluation.topk import TOPS, even_over_groups, hits_of
from gestalt_space.interop.encodings import Encodings
from gestalt_space.interop.gmdb import SplitRow, Splits
from gestalt_space.progress import Progress, Stages, adding_up, no_stages
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.stats.estimates import Estimate
from gestalt_space.stats.jackknife import Effects, share_interval, variance

NEAR = 1e-5
"""Similarities that lie closer than this to the true syndrome's are computed again in double
precision, so that no rank depends on the order of the rows."""
EQUAL = 1e-12
"""Similarities in double precision that are nearer to each other than this are the same."""

_SLOTS = 2
"""Slots that are compared at once."""


@dataclass(frozen=True, slots=True)
class StandardEvaluation:
    """One of the four evaluations. Sizes are numbers of images, means over the splits. `top`: for
    each k the accuracy in percent, None if nothing was tested; `low` and `high`: the ends of its 95
    % interval over `patients`, conditional on the galleries. `absent`: tested syndromes without an
    image in the gallery, whose test images count as not found."""

    test: str
    gallery: str
    gallery_size: float
    test_size: float
    top: dict[int, float | None]
    low: dict[int, float | None]
    high: dict[int, float | None]
    patients: int
    splits: int
    syndromes: float
    absent: tuple[str, ...]


@dataclass(frozen=True)
class ProbeCases:
    """The cases of one evaluation, each `(c,)`: the split, the identifiers of image and patient,
    the syndrome, and its rank, from 1; 0 for not found."""

    splits: Numbers
    images: NDArray[np.str_]
    patients: NDArray[np.str_]
    syndromes: NDArray[np.str_]
    ranks: Numbers

    def weights(self) -> NDArray[np.float64]:
        """The weights of the cases in the mean over syndromes and then over splits."""
        found = np.zeros(len(self.splits))
        tested = np.unique(self.splits)
        for split in tested:
            inside = self.splits == split
            found[inside] = even_over_groups(self.syndromes[inside]) / len(tested)
        return found

    def of(self, places: Numbers) -> ProbeCases:
        """The cases at some places."""
        return ProbeCases(*(getattr(self, field.name)[places] for field in fields(self)))


@dataclass(frozen=True, slots=True)
class GmdbResult:
    """All four evaluations, and what was missing: images that are in the splits but not in the
    encodings, and images excluded because a slot is missing or a vector is invalid. `single`:
    syndromes with one patient in test and gallery together, which can only be confused with others.
    `shared`: patients with images in a test set and in its gallery, whose results are too good.
    `cases`: of each evaluation."""

    version: str
    evaluations: tuple[StandardEvaluation, ...]
    missing: tuple[str, ...]
    incomplete: tuple[str, ...]
    unsound: tuple[str, ...]
    single: tuple[str, ...]
    shared: tuple[str, ...]
    slots: int
    dim: int
    cases: tuple[ProbeCases, ...]


def evaluate_gmdb(
    encodings: Encodings, splits: Splits, *, stages: Stages = no_stages
) -> GmdbResult:
    """The four evaluations, F→F, R→R, F→F+R and R→F+R, joined by image identifier.

    As in the reference implementation, a syndrome without an image in the gallery is never found.
    If syndromes are equally near, the one with the smaller identifier is first; in the reference
    this depends on an unstable sort. Splits without an encoded test image are not part of the mean.
    Raises `TableDamaged` if no image of the splits is encoded.
    """
    rows = (
        *splits.frequent_gallery,
        *splits.frequent_test,
        *splits.rare_gallery,
        *splits.rare_test,
    )
    named = dict.fromkeys(row.image for row in rows)
    seen = {*encodings.images, *encodings.incomplete, *encodings.unsound}
    missing = tuple(image for image in named if image not in seen)
    if not named.keys() & set(encodings.images):
        raise TableDamaged(
            f"The encodings have none of the {len(named):,} images of GMDB {splits.version}.",
            "Images are identified by their names up to the first `_`. Check that all files are "
            "of the same version.",
        )
    joined = _Joined(encodings, rows)
    f_test, f_gallery = joined.rows(splits.frequent_test), joined.rows(splits.frequent_gallery)
    rare = [
        tuple(
            joined.rows([row for row in of if row.split == split])
            for of in (splits.rare_test, splits.rare_gallery)
        )
        for split in splits.rare_splits
    ]
    both = [f_gallery.with_others(gallery) for _, gallery in rare]
    table = _Similarities(
        encodings,
        [f_test, *(r[0] for r in rare)],
        [f_gallery, *both],
        stages("Comparing images", "slots"),
    )
    frequent_of_both = [(f_test, gallery) for gallery in both]
    rare_of_both = [(test, gallery) for (test, _), gallery in zip(rare, both, strict=True)]
    splits_ranked = 1 + len(rare) + len(frequent_of_both) + len(rare_of_both)
    more = adding_up(stages("Ranking syndromes", "splits"), splits_ranked)
    evaluated = tuple(
        _evaluation(test, gallery, [_split(table, *pair, more=more) for pair in pairs], joined)
        for test, gallery, pairs in (
            ("frequent", "frequent", [(f_test, f_gallery)]),
            ("rare", "rare", rare),
            ("frequent", "frequent+rare", frequent_of_both),
            ("rare", "frequent+rare", rare_of_both),
        )
    )
    return GmdbResult(
        version=splits.version,
        evaluations=tuple(one for one, _ in evaluated),
        missing=missing,
        incomplete=tuple(image for image in encodings.incomplete if image in named),
        unsound=tuple(image for image in encodings.unsound if image in named),
        single=_single(rows),
        shared=_shared(splits),
        slots=len(encodings.slots),
        dim=encodings.vectors.shape[2],
        cases=tuple(cases for _, cases in evaluated),
    )


@dataclass(frozen=True, slots=True)
class _Rows:
    """The encoded rows of a split file, each `(n,)`: places of the images, syndromes as numbers in
    the order of their identifiers, and patients."""

    images: Numbers
    syndromes: Numbers
    patients: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.images)

    def with_others(self, others: _Rows) -> _Rows:
        return _Rows(
            np.concatenate([self.images, others.images]),
            np.concatenate([self.syndromes, others.syndromes]),
            np.concatenate([self.patients, others.patients]),
        )


class _Joined:
    """Images and syndromes by their identifiers."""

    def __init__(self, encodings: Encodings, rows: Sequence[SplitRow]) -> None:
        self.labels = sorted({row.label for row in rows}, key=_by_number)
        self._number = {label: number for number, label in enumerate(self.labels)}
        self.images = np.array(encodings.images, dtype=np.str_)
        self._place = {image: place for place, image in enumerate(encodings.images)}

    def rows(self, rows: Sequence[SplitRow]) -> _Rows:
        """Those of the rows that are encoded."""
        kept = [row for row in rows if row.image in self._place]
        return _Rows(
            np.array([self._place[row.image] for row in kept], dtype=np.int64),
            np.array([self._number[row.label] for row in kept], dtype=np.int64),
            np.array([row.subject or f"image {row.image}" for row in kept], dtype=np.str_),
        )


class _Similarities:
    """The similarities of all tested images to all gallery images, computed once."""

    def __init__(
        self,
        encodings: Encodings,
        tests: Sequence[_Rows],
        galleries: Sequence[_Rows],
        progress: Progress,
    ) -> None:
        count = len(encodings.images)
        tested, shown = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
        for rows in tests:
            tested[rows.images] = True
        for rows in galleries:
            shown[rows.images] = True
        self._vectors = encodings.vectors
        self._exact: dict[tuple[int, int], float] = {}
        # The images that are both come first on both sides: of their products half are enough.
        both = np.flatnonzero(tested & shown)
        probes = np.concatenate([both, np.flatnonzero(tested & ~shown)])
        images = np.concatenate([both, np.flatnonzero(shown & ~tested)])
        self._row, self._column = np.full(count, -1), np.full(count, -1)
        self._row[probes] = np.arange(len(probes))
        self._column[images] = np.arange(len(images))
        self._table = self._mean_cosines(probes, images, len(both), progress)

    def _mean_cosines(
        self, probes: Numbers, images: Numbers, both: int, progress: Progress
    ) -> NDArray[np.float32]:
        """`(q, n)`, a few slots at a time: the normalised vectors of all images at once would need
        as much memory again as the vectors."""
        table = np.zeros((len(probes), len(images)), dtype=np.float32)
        slots = self._vectors.shape[1]
        for start in range(0, slots, _SLOTS):
            part = slice(start, start + _SLOTS)
            left, right = self._unit(probes, part), self._unit(images[both:], part)
            common = left[:both]
            table[:both, :both] += common @ common.T
            table[both:, :both] += left[both:] @ common.T
            table[:, both:] += left @ right.T
            progress(min(start + _SLOTS, slots), slots)
        table /= slots
        return table

    def _unit(self, images: Numbers, slots: slice) -> NDArray[np.float32]:
        """The vectors of some slots, each scaled to unit length, concatenated: `(n, s × d)`."""
        vectors = self._vectors[images, slots]
        vectors /= np.sqrt(np.einsum("nsd,nsd->ns", vectors, vectors))[:, :, None]
        return vectors.reshape(len(images), int(np.prod(vectors.shape[1:])))

    def of(self, probes: Numbers, images: Numbers) -> NDArray[np.float32]:
        """`(q, n)`, in single precision."""
        rows = self._table[self._row[probes]]
        return np.asarray(np.take(rows, self._column[images], axis=1))

    def exact(self, probe: int, images: Numbers) -> NDArray[np.float64]:
        """`(n,)` for one probe, in double precision, from the vectors as they were read."""
        missing = [int(image) for image in images if (probe, int(image)) not in self._exact]
        if missing:
            probed = self._vectors[probe].astype(np.float64)
            wide = self._vectors[missing].astype(np.float64)
            lengths = np.sqrt((probed**2).sum(axis=-1) * (wide**2).sum(axis=-1))
            cosines = ((wide * probed).sum(axis=-1) / lengths).mean(axis=-1)
            keys = ((probe, image) for image in missing)
            self._exact.update(zip(keys, cosines.tolist(), strict=True))
        return np.array([self._exact[probe, int(image)] for image in images])


@dataclass(frozen=True, slots=True)
class _Split:
    """One split: the test images, their ranks `(q,)`, the gallery images, and the tested syndromes
    that the gallery lacks."""

    test: _Rows
    ranks: Numbers
    gallery: int
    absent: frozenset[int]


def _split(
    table: _Similarities, test: _Rows, gallery: _Rows, *, more: Callable[[int], object]
) -> _Split:
    absent = set(test.syndromes.tolist()) - set(gallery.syndromes.tolist())
    ranks = _ranks(table, test, gallery)
    more(1)
    return _Split(test, ranks, len(gallery), frozenset(absent))


def _ranks(table: _Similarities, test: _Rows, gallery: _Rows) -> Numbers:
    """The rank of each test image's syndrome `(q,)`, from 1; 0 if the gallery lacks it."""
    if not len(test) or not len(gallery):
        return np.zeros(len(test), dtype=np.int64)
    order = np.argsort(gallery.syndromes, kind="stable")
    images, owners = gallery.images[order], gallery.syndromes[order]
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    syndromes = owners[starts]
    place = np.minimum(np.searchsorted(syndromes, test.syndromes), len(syndromes) - 1)
    known = syndromes[place] == test.syndromes
    similarities = table.of(test.images, images)
    nearest = np.maximum.reduceat(similarities, starts, axis=1)
    own = nearest[np.arange(len(test)), place][:, None]
    ahead = (nearest > own + NEAR).sum(axis=1)
    close = np.abs(nearest - own) <= NEAR
    close[np.arange(len(test)), place] = False
    stops = np.append(starts[1:], len(owners))
    for probe in np.flatnonzero(close.any(axis=1) & known):

        def exact(syndrome: int, probe: int = int(probe)) -> float:
            run = np.arange(starts[syndrome], stops[syndrome])
            deciding = similarities[probe, run] >= nearest[probe, syndrome] - NEAR
            return float(table.exact(int(test.images[probe]), images[run[deciding]]).max())

        true = exact(int(place[probe]))
        for other in np.flatnonzero(close[probe]):
            found = exact(int(other))
            is_first = other < place[probe]
            ahead[probe] += found > true - EQUAL if is_first else found > true + EQUAL
    return np.where(known, ahead + 1, 0).astype(np.int64)


def _evaluation(
    test: str, gallery: str, found: Sequence[_Split], joined: _Joined
) -> tuple[StandardEvaluation, ProbeCases]:
    """One evaluation, the mean over its splits, and its cases."""
    empty = _Rows(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.str_))
    rows = [empty, *(split.test for split in found)]
    labels = np.array(joined.labels, dtype=np.str_)
    cases = ProbeCases(
        splits=np.repeat(np.arange(len(found)), [len(split.test) for split in found]),
        images=joined.images[np.concatenate([one.images for one in rows])],
        patients=np.concatenate([one.patients for one in rows]),
        syndromes=labels[np.concatenate([one.syndromes for one in rows])],
        ranks=np.concatenate([empty.images, *(split.ranks for split in found)]),
    )
    tops = _tops(cases)
    low, high = (
        {k: None if one is None else getattr(one, end) for k, one in tops.items()}
        for end in ("low", "high")
    )
    absent = sorted(set().union(*(split.absent for split in found)))
    evaluation = StandardEvaluation(
        test=test,
        gallery=gallery,
        gallery_size=_mean([split.gallery for split in found]),
        test_size=_mean([len(split.test) for split in found]),
        top={k: None if one is None else one.value for k, one in tops.items()},
        low=low,
        high=high,
        patients=len(np.unique(cases.patients)),
        splits=len(found),
        syndromes=_mean([len(np.unique(split.test.syndromes)) for split in found]),
        absent=tuple(joined.labels[number] for number in absent),
    )
    return evaluation, cases


def _tops(cases: ProbeCases) -> dict[int, Estimate | None]:
    """Top-k in percent, with intervals over patients; None where nothing was tested."""
    if not len(cases.ranks):
        return dict.fromkeys(TOPS)
    weights = cases.weights()
    patients = np.unique(cases.patients, return_inverse=True)[1]
    count = int(patients.max()) + 1
    own, weight = np.zeros((2, count, len(TOPS)))
    np.add.at(own, patients, weights[:, None] * hits_of(cases.ranks))
    np.add.at(weight, patients, weights[:, None])
    nobody = np.zeros((0, 2), np.int64)
    effects = Effects(own, weight, nobody, np.zeros((0, len(TOPS))))
    found, degrees = variance(effects, np.zeros(count, np.int64))
    shares = np.clip(own.sum(axis=0), 0, 1).tolist()
    spreads = zip(TOPS, shares, found.tolist(), degrees.tolist(), strict=True)
    return {
        k: _percent(share_interval(share, spread, free, count))
        for k, share, spread, free in spreads
    }


def _percent(one: Estimate) -> Estimate:
    return Estimate(*(round(100 * value, 2) for value in (one.value, one.low, one.high)))


def _mean(sizes: Sequence[int]) -> float:
    mean = sum(sizes) / len(sizes) if sizes else 0.0
    return int(mean) if mean == int(mean) else round(mean, 2)


def _shared(splits: Splits) -> tuple[str, ...]:
    """Patients who are tested against a gallery that contains them."""
    found: set[str] = set()
    for split in splits.rare_splits or (0,):
        test = {row.subject for row in splits.rare_test if row.split == split}
        gallery = {row.subject for row in splits.rare_gallery if row.split == split}
        test |= {row.subject for row in splits.frequent_test}
        gallery |= {row.subject for row in splits.frequent_gallery}
        found |= test & gallery
    return tuple(sorted(found - {""}, key=_by_number))


def _single(rows: Sequence[SplitRow]) -> tuple[str, ...]:
    patients: dict[str, set[str]] = {}
    for row in rows:
        patients.setdefault(row.label, set()).add(row.subject)
    lonely = [label for label, subjects in patients.items() if len(subjects) == 1]
    return tuple(sorted(lonely, key=_by_number))


def _by_number(label: str) -> tuple[int, float, str]:
    """A sort key: labels that are numbers by their value, before others."""
    try:
        return 0, float(label), label
    except ValueError:
        return 1, 0.0, label
