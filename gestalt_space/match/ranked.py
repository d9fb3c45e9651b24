"""The lines of a probe, as keys: by the nearest photos of a search where these settle the ranking,
and by the similarities to all photos where most of them are needed anyway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gestalt_space.match.lines import RankedLine
from gestalt_space.match.names import Names
from gestalt_space.match.view import Kin, View
from gestalt_space.match.whole import Whole
from gestalt_space.ranking.aggregation import Aggregation
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

FIRST, EACH_LINE = 250, 12
"""Photos that are looked at first, and more of them for each line that is asked for."""
FIRST_OF_MANY, EACH_LINE_OF_MANY = 32, 4
"""Likewise where many probes are asked at once: their bounds are closer, and those few whose
ranking is not settled are looked at again."""
WIDER = 4
"""When they do not settle the ranking, so many times as many are."""
MOST_SHARE = 0.05
"""Of all photos: where more would have to be looked at, all are."""
FEWEST = 4096
"""Of a gallery so small, all are looked at without a share being counted."""
BY_NEAREST: frozenset[Aggregation] = frozenset({"nearest", "vote", "calibrated"})
"""Aggregations that the nearest photos settle."""


@dataclass(frozen=True)
class Found:
    """What a search gave for a probe: its lines, best first, and the photos nearest to it, whosever
    they are, as far as they were looked at."""

    lines: tuple[RankedLine, ...]
    nearest: Nearest


def rank_probes(
    probes: Descriptors, kins: Sequence[Kin], view: View, names: Names, whole: Whole
) -> list[Found]:
    """The lines of probes `(q, d)`; of each, its `kins` are no evidence."""
    state, rows, k = view.state, view.rows, view.question.k
    if view.approximate is not None:
        return [_nearly(probe, kin, view, names) for probe, kin in zip(probes, kins, strict=True)]
    if len(probes) == 1:
        first = [state.nearest(probes[0], FIRST + EACH_LINE * k, rows)]
    else:
        first = state.nearest_of(probes, FIRST_OF_MANY + EACH_LINE_OF_MANY * k, rows)
    return [
        _rank(probe, nearest, kin, view, names, whole)
        for probe, nearest, kin in zip(probes, first, kins, strict=True)
    ]


def _rank(
    probe: Descriptors, nearest: Nearest, kin: Kin, view: View, names: Names, whole: Whole
) -> Found:
    if view.question.aggregation not in BY_NEAREST:
        return Found(whole.rank(probe, kin), nearest)
    state = view.state
    most = max(FEWEST, int(MOST_SHARE * len(state)))
    found = nearest
    while (lines := _settled(probe, found, kin, view, names)) is None:
        count = WIDER * max(len(found.rows), FIRST)
        if count > most:
            return Found(whole.rank(probe, kin), nearest)
        found = state.nearest(probe, count, view.rows)
    return Found(lines, found)


def _nearly(probe: Descriptors, kin: Kin, view: View, names: Names) -> Found:
    """By what an approximate index finds, as if there were no other photos; by more of it where
    that gives too few lines."""
    state, question = view.state, view.question
    assert question.index != "exact", "asked for by name"  # noqa: S101
    wanted = min(question.k, view.eligible(kin).lines)
    most = max(FEWEST, int(MOST_SHARE * len(state)))
    count = FIRST + EACH_LINE * question.k
    while True:
        nearest = state.nearly(probe, count, question.index)
        lines = _settled(probe, nearest, kin, view, names) or ()
        if len(lines) >= wanted or count >= most:
            return Found(lines, nearest)
        count *= WIDER


def _settled(
    probe: Descriptors, found: Nearest, kin: Kin, view: View, names: Names
) -> tuple[RankedLine, ...] | None:
    """The lines, where the photos found settle them."""
    by, k = view.question.by, view.question.k
    evidence = found.without(np.concatenate([view.excluded, kin.keys]))
    which, groups = view.state.people.groups_of(by, evidence.patients)
    if evidence.tolerance:
        evidence = _exact(probe, evidence, which, groups, view)
        which, groups = view.state.people.groups_of(by, evidence.patients)
    rule: Rule | None = NearestRule()
    if view.question.aggregation == "vote":
        rule = vote_rule(evidence, which, groups)
    elif view.question.aggregation == "calibrated":
        rule = CalibratedRule(Chance.of(view.state.calibration), *view.references_without(kin))
    if rule is None:
        return None
    first = contenders(group_bests(evidence, which, groups), evidence.bound, k, rule)
    if first is None:
        return None
    return _named(first, evidence, view, names)[:k]


def _exact(
    probe: Descriptors, found: Nearest, which: Numbers, groups: Numbers, view: View
) -> Nearest:
    """The photos that can decide the ranking, with exact similarities."""
    if view.question.aggregation == "nearest":
        best = np.sort(group_bests(found, which, groups).best)[::-1]
        if len(best) >= view.question.k:
            last = best[view.question.k - 1]
            found = found.only(found.similarities >= last - 2 * found.tolerance)
    exact = view.state.exact(probe, found.rows)
    return replace(found, similarities=exact, tolerance=0.0)


def _named(
    first: Sequence[Contender], evidence: Nearest, view: View, names: Names
) -> tuple[RankedLine, ...]:
    """Contenders as lines: ties between them break by their identifiers, ties between the photos
    of one by the patients', then by the descriptors' keys."""
    titles = names.titles([one.group for one in first])
    ordered = sorted(first, key=lambda one: (-one.score, titles[one.group][0]))[: view.question.k]
    places = np.concatenate([one.places for one in ordered]) if ordered else np.zeros(0, np.int64)
    ids = dict(
        zip(
            places.tolist(),
            view.state.column_at("ids", evidence.rows[places]).tolist(),
            strict=True,
        )
    )
    people = names.patients(evidence.patients[places].tolist())
    return tuple(_line(one, evidence, ids, people) for one in ordered)


def _line(
    one: Contender, evidence: Nearest, ids: Mapping[int, int], people: Mapping[int, str]
) -> RankedLine:
    place = min(one.places.tolist(), key=lambda at: (people[int(evidence.patients[at])], ids[at]))
    similarity = min(1.0, max(-1.0, one.similarity))
    return RankedLine(one.group, int(evidence.patients[place]), ids[place], one.score, similarity)
