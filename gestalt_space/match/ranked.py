"""The lines of a probe, as keys: by the nearest photos of a search where these settle the ranking,
by the similarities to all photos where most of them are needed anyway; and by patients' means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gestalt_space.match.full_ranking import FullRanking
from gestalt_space.match.lines import RankedLine
from gestalt_space.match.means import BY_MEANS, contenders_by_means
from gestalt_space.match.names import Names
from gestalt_space.match.view import GalleryView, OwnFamily
from gestalt_space.ranking.chance import Chance
from gestalt_space.ranking.contenders import (
    CalibratedRule,
    Contender,
    Nearest,
    NearestRule,
    Rule,
    contenders,
    group_bests,
    vote_rule,
)
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.types import Descriptors

FIRST, EACH_LINE = 400, 40
"""Photos that are looked at first, and more of them for each line that is asked for."""
FIRST_OF_MANY, EACH_LINE_OF_MANY = 100, 12
"""The same where many probes are asked at once. More cost nothing for one probe, and for many about
as much as to look at some of these again."""
WIDER = 4
"""When they do not settle the ranking, so many times as many are."""
MOST_SHARE = 0.05
"""Of all photos: where more would have to be looked at, all are."""
FEWEST = 4096
"""Of a gallery so small, all are looked at without a share being counted."""


Lines: TypeAlias = tuple[RankedLine, ...]
"""The lines of a probe, best first."""


@dataclass(frozen=True)
class ContendingGroups:
    """The groups that may be a probe's lines, and the photos that their places are of."""

    first: Sequence[Contender]
    nearest: Nearest


@dataclass(frozen=True)
class SearchResult:
    """What a search gave for a probe: its lines, best first, and the photos nearest to it, whosever
    they are, as far as they were looked at."""

    lines: Lines
    nearest: Nearest


def rank_probes(
    probes: Descriptors,
    families: Sequence[OwnFamily],
    view: GalleryView,
    names: Names,
    whole: FullRanking,
) -> list[SearchResult]:
    """The lines of probes `(q, d)`; of each, its `families` are no evidence."""
    state, rows, k = view.state, view.rows, view.question.k
    if view.question.index != "exact":
        nearly = [
            _nearly(probe, family, view) for probe, family in zip(probes, families, strict=True)
        ]
        lines = _named([contending for contending, _ in nearly], view, names)
        return [SearchResult(some, near) for some, (_, near) in zip(lines, nearly, strict=True)]
    if view.question.aggregation in BY_MEANS:
        found = state.nearest_of(probes, _first(len(probes), k), rows)
        ranked: list[ContendingGroups | Lines] = [
            ContendingGroups(*contenders_by_means(*one, view))
            for one in zip(probes, found, families, strict=True)
        ]
    else:
        found, ranked = _ranked(probes, families, view, whole)
    lines = _named(ranked, view, names)
    return [SearchResult(some, nearest) for some, nearest in zip(lines, found, strict=True)]


def _first(probes: int, k: int) -> int:
    return FIRST + EACH_LINE * k if probes == 1 else FIRST_OF_MANY + EACH_LINE_OF_MANY * k


def _ranked(
    probes: Descriptors, families: Sequence[OwnFamily], view: GalleryView, whole: FullRanking
) -> tuple[list[Nearest], list[ContendingGroups | Lines]]:
    """The first photos found for each probe, and its lines; those whose ranking they do not settle
    are looked at again together."""
    state, count = view.state, _first(len(probes), view.question.k)
    most = max(FEWEST, int(MOST_SHARE * len(state)))
    first = state.nearest_of(probes, count, view.rows)
    ranked: dict[int, ContendingGroups | Lines] = {}
    waiting, found = list(range(len(probes))), first
    while waiting:
        theirs = [families[one] for one in waiting]
        evidence = _evidence(probes[waiting], found, theirs, view)
        for one, family, some in zip(waiting, theirs, evidence, strict=True):
            if (settled := _settled(some, family, view)) is not None:
                ranked[one] = ContendingGroups(settled, some.nearest)
        waiting = [one for one in waiting if one not in ranked]
        count *= WIDER
        if count > most:
            ranked |= {one: whole.rank(probes[one], families[one]) for one in waiting}
            break
        if waiting:
            found = state.nearest_of(probes[waiting], count, view.rows)
    return first, [ranked[one] for one in range(len(probes))]


@dataclass(frozen=True)
class GroupedPhotos:
    """The photos found that may be evidence for a probe, and what they belong to: `which` `(x,)`
    of them are of which `groups` `(x,)`."""

    nearest: Nearest
    which: Numbers
    groups: Numbers

    def only(self, keep: NDArray[np.bool_]) -> GroupedPhotos:
        """The photos to keep `(m,)`; the others count as not found."""
        places = np.cumsum(keep) - 1
        kept = keep[self.which]
        return GroupedPhotos(self.nearest.only(keep), places[self.which[kept]], self.groups[kept])


def _nearly(
    probe: Descriptors, family: OwnFamily, view: GalleryView
) -> tuple[ContendingGroups, Nearest]:
    """By what an approximate index or an engine finds, as if there were no other photos; by more of
    it where that gives too few lines."""
    state, k = view.state, view.question.k
    wanted = min(k, view.eligible(family).lines)
    most = max(FEWEST, int(MOST_SHARE * len(state)))
    count = FIRST + EACH_LINE * k
    while True:
        nearest = view.nearly(probe, count, family)
        (evidence,) = _evidence(probe[None], [nearest], [family], view)
        first = _settled(evidence, family, view) or []
        if len(first) >= wanted or count >= most:
            return ContendingGroups(first, evidence.nearest), nearest
        count *= WIDER


def _settled(
    evidence: GroupedPhotos, family: OwnFamily, view: GalleryView
) -> list[Contender] | None:
    """The first groups, where the photos found settle them."""
    nearest, which, groups = evidence.nearest, evidence.which, evidence.groups
    rule: Rule | None = NearestRule()
    if view.question.aggregation == "vote":
        rule = vote_rule(nearest, which, groups)
    elif view.question.aggregation == "calibrated":
        rule = CalibratedRule(Chance.of(view.state.calibration), *view.references_without(family))
    if rule is None:
        return None
    bests = group_bests(nearest, which, groups)
    return contenders(bests, nearest.bound, view.question.k, rule)


def _evidence(
    probes: Descriptors, found: Sequence[Nearest], families: Sequence[OwnFamily], view: GalleryView
) -> list[GroupedPhotos]:
    """What was found for each of some probes, with exact similarities; for all of them at once,
    since most of the time goes into each call and not into what it does."""
    eligible = [
        nearest.without(np.concatenate([view.excluded, family.keys]))
        for nearest, family in zip(found, families, strict=True)
    ]
    starts = np.cumsum([0, *(len(one.rows) for one in eligible)])
    patients = np.concatenate([one.patients for one in eligible])
    which, groups = view.state.people.groups_of(view.question.by, patients)
    order = np.argsort(which, kind="stable")
    which, groups = which[order], groups[order]
    ends = np.searchsorted(which, starts)
    evidence = [
        GroupedPhotos(one, which[first:last] - start, groups[first:last])
        for one, start, first, last in zip(eligible, starts, ends, ends[1:], strict=False)
    ]
    return _exact(probes, _deciding(probes, evidence, view), view)


def _deciding(
    probes: Descriptors, evidence: Sequence[GroupedPhotos], view: GalleryView
) -> Sequence[GroupedPhotos]:
    """The photos that can decide the ranking, where similarities err: those that may be as near as
    the farthest of the first groups' nearest."""
    k = view.question.k
    if view.question.aggregation != "nearest" or not any(one.nearest.tolerance for one in evidence):
        return evidence
    bests = [_nearest_of_first(one, k) for one in evidence]
    exact = _exact_at(probes, bests, evidence, view)
    return [
        one.only(one.nearest.similarities >= some.min() - one.nearest.tolerance)
        if len(some) == k
        else one
        for one, some in zip(evidence, exact, strict=True)
    ]


def _nearest_of_first(evidence: GroupedPhotos, k: int) -> Numbers:
    """The places of the nearest photos of the `k` groups that seem nearest, or of all groups."""
    bests = group_bests(evidence.nearest, evidence.which, evidence.groups)
    first = np.argsort(-bests.best, kind="stable")[:k]
    return bests.places[bests.starts[first]]


def _exact(
    probes: Descriptors, evidence: Sequence[GroupedPhotos], view: GalleryView
) -> list[GroupedPhotos]:
    """The same with exact similarities."""
    if not any(one.nearest.tolerance for one in evidence):
        return list(evidence)
    every = [np.arange(len(one.nearest.rows)) for one in evidence]
    exact = _exact_at(probes, every, evidence, view)
    return [
        replace(one, nearest=replace(one.nearest, similarities=some, tolerance=0.0))
        for one, some in zip(evidence, exact, strict=True)
    ]


def _exact_at(
    probes: Descriptors,
    places: Sequence[Numbers],
    evidence: Sequence[GroupedPhotos],
    view: GalleryView,
) -> list[NDArray[np.float64]]:
    """The exact similarities of each probe's photos at some places."""
    rows = [one.nearest.rows[some] for one, some in zip(evidence, places, strict=True)]
    lengths = [len(some) for some in rows]
    which = np.repeat(np.arange(len(rows)), lengths)
    exact = view.state.exact_pairs(probes, which, np.concatenate(rows))
    return np.split(exact, np.cumsum(lengths)[:-1])


def _named(
    ranked: Sequence[ContendingGroups | Lines], view: GalleryView, names: Names
) -> list[Lines]:
    """The lines of each probe: ties between groups break by their identifiers, ties between the
    photos of one by the patients', then by the descriptors' keys.

    The names for all probes are asked for at once.
    """
    contending = [one for one in ranked if isinstance(one, ContendingGroups)]
    titles = names.titles(group.group for one in contending for group in one.first)
    photos = [_photos(one, view) for one in contending]
    people = names.patients(patient for some in photos for patient, _ in some.values())
    of_contending = iter(photos)
    k = view.question.k
    lines: list[Lines] = []
    for one in ranked:
        if not isinstance(one, ContendingGroups):
            lines.append(one)
            continue
        theirs = next(of_contending)
        first = sorted(one.first, key=lambda group: (-group.score, titles[group.group][0]))[:k]
        lines.append(tuple(_line(group, theirs, people) for group in first))
    return lines


def _photos(one: ContendingGroups, view: GalleryView) -> dict[int, tuple[int, int]]:
    """Patient and descriptor, by their keys, of the photos at places that may be shown."""
    empty = np.zeros(0, dtype=np.int64)
    places = np.concatenate([empty, *(group.places for group in one.first)])
    patients = one.nearest.patients[places].tolist()
    ids = view.state.column_at("ids", one.nearest.rows[places]).tolist()
    return dict(zip(places.tolist(), zip(patients, ids, strict=True), strict=True))


def _line(
    group: Contender, photos: Mapping[int, tuple[int, int]], people: Mapping[int, str]
) -> RankedLine:
    patient, descriptor = min(
        (photos[place] for place in group.places.tolist()),
        key=lambda photo: (people[photo[0]], photo[1]),
    )
    similarity = min(1.0, max(-1.0, group.similarity))
    return RankedLine(group.group, patient, descriptor, group.score, similarity)
