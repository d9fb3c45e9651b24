"""The groups that rank first by some photos and a bound are those that rank first by all."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gestalt_space.ranking.aggregation import VOTERS
from gestalt_space.ranking.chance import Chance
from gestalt_space.ranking.contenders import (
    BlendRule,
    CalibratedRule,
    Contender,
    GivenRule,
    Nearest,
    NearestRule,
    Rule,
    contenders,
    group_bests,
    may_be_first,
    vote_rule,
)
from tests.ranking import oracle

CHANCE = Chance(np.log([1.0, 4.0]), np.array([0.2, 0.4]), np.array([0.4, 0.2]), 1.0)
FEW = (-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0)
RULES = ("nearest", "calibrated", "blend", "given", "vote")


@dataclass(frozen=True)
class Case:
    """Photos with their similarities and patients, patients of groups, how many photos were found,
    the lines asked for, and by groups what a rule knows of each."""

    similarities: list[float]
    owners: list[int]
    groups: dict[int, list[int]]
    found: int
    k: int
    known: list[float]
    without: list[int]

    @property
    def members(self) -> dict[int, list[int]]:
        """Groups with the patients who have a photo and are not left out."""
        there = {one for one in self.owners if one not in self.without}
        held = {key: [p for p in patients if p in there] for key, patients in self.groups.items()}
        return {key: patients for key, patients in held.items() if patients}

    @property
    def evidence(self) -> Nearest:
        """The photos found: those of the highest similarities, in no order."""
        order = sorted(range(len(self.owners)), key=lambda row: -self.similarities[row])
        rows, rest = order[: self.found][::-1], order[self.found :]
        bound = max((self.similarities[row] for row in rest), default=-np.inf)
        nearest = Nearest(
            np.array(rows, np.int64),
            np.array([self.owners[row] for row in rows], np.int64),
            np.array([self.similarities[row] for row in rows], np.float64),
            bound,
        )
        return nearest.without(np.array(self.without, np.int64))

    def memberships(self, evidence: Nearest) -> tuple[np.ndarray, np.ndarray]:
        pairs = [
            (place, group)
            for place, patient in enumerate(evidence.patients.tolist())
            for group, patients in self.groups.items()
            if patient in patients
        ]
        both = np.array(pairs, np.int64).reshape(-1, 2)
        return both[:, 0], both[:, 1]

    def best(self, group: int) -> float:
        return max(
            similarity
            for similarity, owner in zip(self.similarities, self.owners, strict=True)
            if owner in self.members[group]
        )

    def scores(self, how: str) -> dict[int, float]:
        """The score of every group, by all photos."""
        members, keys = self.members, sorted(self.groups)
        if how == "vote":
            lists = [members.get(key, []) for key in keys]
            votes = oracle.scores("vote", self.similarities, self.owners, lists, self.without)
            return {keys[number]: score for number, score in votes.items()}
        found = {}
        for key in members:
            known, best = self.known[keys.index(key)], self.best(key)
            found[key] = {
                "nearest": best,
                "given": known,
                "blend": (best + known) / 2,
                "calibrated": float(
                    CHANCE.scores(np.array([[best]]), np.array([[references(known)]]))[0, 0]
                ),
            }[how]
        return found

    def rule(self, how: str, evidence: Nearest) -> Rule | None:
        keys = sorted(self.groups)
        known = np.array([self.known[keys.index(key)] for key in keys if key in self.members])
        there = np.array([key for key in keys if key in self.members], np.int64)
        if how == "nearest":
            return NearestRule()
        if how == "given":
            return GivenRule(there, known)
        if how == "blend":
            return BlendRule(there, known)
        if how == "calibrated":
            # Also those of whom nobody is there.
            counts = [
                references(self.known[keys.index(key)]) if key in self.members else 0.0
                for key in keys
            ]
            return CalibratedRule(CHANCE, np.array(keys, np.int64), np.array(counts))
        return vote_rule(evidence, *self.memberships(evidence))


def references(known: float) -> float:
    return 1 + 3 * (known + 1)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Small galleries with few similarities, so that there are ties."""
    n = draw(st.integers(1, 30))
    values = st.sampled_from(FEW) | st.floats(-1, 1, width=32)
    patient = st.integers(0, draw(st.integers(1, 20)))
    groups = draw(
        st.dictionaries(
            st.integers(0, 30), st.lists(patient, unique=True, max_size=6), min_size=1, max_size=12
        )
    )
    return Case(
        similarities=draw(st.lists(values, min_size=n, max_size=n)),
        owners=draw(st.lists(patient, min_size=n, max_size=n)),
        groups=groups,
        found=draw(st.integers(0, n)),
        k=draw(st.integers(1, 6) | st.just(100)),
        known=draw(
            st.lists(st.sampled_from(FEW), min_size=len(groups), max_size=len(groups)),
        ),
        without=draw(st.lists(patient, max_size=3, unique=True)),
    )


def ranked(case: Case, how: str) -> list[Contender] | None:
    evidence = case.evidence
    rule = case.rule(how, evidence)
    if rule is None:
        return None
    return contenders(
        group_bests(evidence, *case.memberships(evidence)), evidence.bound, case.k, rule
    )


def check(case: Case, how: str, found: list[Contender]) -> None:
    true = case.scores(how)
    last = sorted(true.values(), reverse=True)[: case.k][-1:] or [np.inf]
    # Sums of votes in another order may differ in the last digit: who is as close to the last line
    # may be there or not.
    margin = 1e-12 if how == "vote" else 0
    groups = {one.group for one in found}
    assert {key for key, score in true.items() if score >= last[0] + margin} <= groups
    assert groups <= {key for key, score in true.items() if score >= last[0] - margin}
    assert len(groups) >= min(case.k, len(true))
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    evidence = case.evidence
    for one in found:
        assert one.score == pytest.approx(true[one.group], abs=1e-12)
        assert one.similarity == case.best(one.group)
        nearest = {
            row
            for row, owner in enumerate(case.owners)
            if owner in case.members[one.group] and case.similarities[row] == one.similarity
        }
        assert set(evidence.rows[one.places].tolist()) == nearest


@pytest.mark.parametrize("how", RULES)
@settings(max_examples=300, deadline=None)
@given(case=cases())
def test_what_is_settled_is_the_ranking_of_all(how: str, case: Case) -> None:
    found = ranked(case, how)
    if found is not None:
        check(case, how, found)


ALMOST_EQUAL = Case(
    similarities=[0.25, 2.2514017831033045e-13],
    owners=[1, 0],
    groups={0: [0, 1], 1: [1]},
    found=2,
    k=1,
    known=[-1.0, -1.0],
    without=[],
)
"""One group has all votes, the other all but 1e-12 of them."""


@pytest.mark.parametrize("how", RULES)
@settings(max_examples=150, deadline=None)
@given(case=cases())
@example(case=ALMOST_EQUAL)
def test_with_all_photos_everything_is_settled(how: str, case: Case) -> None:
    whole = Case(
        case.similarities,
        case.owners,
        case.groups,
        len(case.owners),
        case.k,
        case.known,
        case.without,
    )
    found = ranked(whole, how)
    assert found is not None
    check(whole, how, found)


@pytest.mark.parametrize("how", ["nearest", "calibrated", "vote"])
def test_few_photos_settle_the_first_lines(how: str) -> None:
    """Else a search would always go through all photos, and be right for nothing."""
    rng = np.random.default_rng(3)
    settled: Counter[bool] = Counter()
    for _ in range(8):
        patients = 120
        case = Case(
            similarities=rng.uniform(-0.3, 0.9, patients).tolist(),
            owners=list(range(patients)),
            groups={group: list(range(group, patients, 40)) for group in range(40)},
            found=60,
            k=5,
            known=[-2 / 3] * 40,
            without=[],
        )
        found = ranked(case, how)
        settled[found is not None] += 1
        if found is not None:
            check(case, how, found)
    assert settled[True] >= 7


def test_a_tie_with_the_bound_is_not_settled() -> None:
    """The photo that was not found may be of a group that comes first by its identifier."""
    case = Case([0.5, 0.4, 0.4], [0, 1, 2], {1: [0], 2: [1], 3: [2]}, 2, 2, [0.0] * 3, [])
    assert ranked(case, "nearest") is None
    one_line = Case(case.similarities, case.owners, case.groups, 2, 1, case.known, [])
    assert [one.group for one in ranked(one_line, "nearest") or []] == [1]


def test_who_votes_must_be_settled() -> None:
    owners = list(range(VOTERS + 2))
    similarities = [0.9 - n / 100 for n in owners]
    groups = {n: [n] for n in owners}
    too_few = Case(similarities, owners, groups, VOTERS - 1, 1, [0.0] * len(owners), [])
    assert ranked(too_few, "vote") is None
    enough = Case(similarities, owners, groups, VOTERS, 1, [0.0] * len(owners), [])
    assert ranked(enough, "vote") is not None


def test_photos_that_are_not_kept_count_as_evidence_or_not() -> None:
    nearest = Nearest(
        np.arange(4), np.array([0, 1, 2, -1]), np.array([0.9, 0.5, 0.4, 0.3]), 0.1, tolerance=0.01
    )
    without = nearest.without(np.array([0]))
    assert (without.patients.tolist(), without.bound) == ([1, 2], 0.1)
    only = nearest.only(nearest.similarities > 0.45)
    assert (only.rows.tolist(), only.bound) == ([0, 1], pytest.approx(0.41))
    assert nearest.only(np.ones(4, bool)) is nearest


@settings(max_examples=200, deadline=None)
@given(
    values=st.lists(st.sampled_from(FEW) | st.just(-np.inf), max_size=12),
    errors=st.lists(st.sampled_from([0.0, 0.1, 0.4]), min_size=12, max_size=12),
    shifts=st.lists(st.floats(-1, 1), min_size=12, max_size=12),
    k=st.integers(1, 6),
)
def test_who_may_be_first_has_all_who_are(
    values: list[float], errors: list[float], shifts: list[float], k: int
) -> None:
    middle, margin = np.array(values), np.array(errors[: len(values)])
    true = middle + margin * np.array(shifts[: len(values)])
    first = set(may_be_first(middle - margin, middle + margin, k).tolist())
    there = [place for place in range(len(values)) if not np.isneginf(values[place])]
    last = sorted((true[place] for place in there), reverse=True)[:k][-1:] or [np.inf]
    assert {place for place in there if true[place] >= last[0]} <= first <= set(there)
    exact = set(may_be_first(middle, middle, k).tolist())
    assert len(exact) >= min(k, len(there))
