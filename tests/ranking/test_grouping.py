"""Rows, patients and groups, by hand and against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_space.ranking.grouping import LONG_RUN, Runs, ranges
from tests.ranking.galleries import Case, cases, made


def test_a_grouping_knows_who_and_what_belongs_to_a_group() -> None:
    found = made([[2, 0], [1], [0]], [1, 0, 2, 0])
    assert found.patients.tolist() == [0, 1, 2]
    assert [found.members_of(group).tolist() for group in range(3)] == [[0, 2], [1], [0]]
    assert [found.rows_of_patients(found.members_of(group)).tolist() for group in range(3)] == [
        [1, 3, 2],
        [0],
        [1, 3],
    ]
    assert found.photo_counts.tolist() == [2, 1, 1]
    assert found.patient_counts.tolist() == [2, 1, 1]
    assert found.most_memberships == 2


def test_patients_without_a_row_and_rows_without_a_group_are_left_out() -> None:
    found = made([[0, 5], [7]], [0, 3])
    assert found.patients.tolist() == [0]
    assert found.groups.tolist() == [0]
    assert found.rows.tolist() == [0]


def test_a_pair_given_twice_counts_once() -> None:
    assert made([[0, 0]]).patient_counts.tolist() == [1]


def test_a_restricted_grouping_keeps_its_numbers() -> None:
    found = made([[0], [1], [2]]).restricted(np.array([False, True, True]))
    assert found.groups.tolist() == [1, 2]
    assert found.patients.tolist() == [1, 2]
    assert found.rows.tolist() == [1, 2]
    nothing = found.restricted(np.zeros(3, bool))
    assert len(nothing.groups) == len(nothing.patients) == len(nothing.rows) == 0


def test_places_of_patients() -> None:
    found = made([[1, 3]], [1, 3])
    assert found.place_of(np.array([3, 0, 1, 9, -1])).tolist() == [1, -1, 0, -1, -1]
    assert made([]).place_of(np.array([0])).tolist() == [-1]


@given(cases())
def test_families_and_kin_are_those_of_plain_loops(case: Case) -> None:
    groups = case.grouping
    families = np.array(case.families)
    assert groups.families.tolist() == families[groups.patients].tolist()
    asked = np.arange(-1, max(case.families) + 2)
    probes, places = groups.left_out(asked)
    assert {
        (int(asked[q]), int(groups.patients[p])) for q, p in zip(probes, places, strict=True)
    } == {(int(families[patient]), int(patient)) for patient in groups.patients}
    probes, places = groups.family_counts_of(asked)
    for q, k in zip(probes, places, strict=True):
        inside = groups.patients[groups.members_of(int(groups.family_counts.groups[k]))]
        assert groups.family_counts.counts[k] == (families[inside] == asked[q]).sum() > 0
    for group in range(-1, len(groups.groups)):
        inside = groups.patients[groups.members_of(group)] if group >= 0 else np.zeros(0, np.int64)
        counts = [(families[inside] == family).sum() for family in asked]
        assert groups.count_family(asked, np.full(len(asked), group)).tolist() == counts


def test_the_family_of_a_patient_who_is_not_here_is_known() -> None:
    """A patient without a diagnosis is ranked for, with a diagnosed sibling in the gallery."""
    groups = made([[0], [1]], families=[0, 1, 0]).restricted(np.array([True, False]))
    assert groups.family_of(np.array([2, 1, 0, -1])).tolist() == [0, 1, 0, -1]
    assert groups.left_out(np.array([0]))[1].tolist() == [0]
    assert made([[0], [1]]).family_of(np.array([7, -1])).tolist() == [7, -1]


@given(cases())
def test_memberships_are_those_of_plain_loops(case: Case) -> None:
    groups = case.grouping
    asked = np.arange(-1, len(groups.patients))
    probes, members = groups.memberships_of(asked)
    found = {
        (int(asked[p]), int(groups.group_of_member[m]))
        for p, m in zip(probes, members, strict=True)
    }
    assert found == {
        (int(patient), group)
        for group in range(len(groups.groups))
        for patient in groups.members_of(group)
    }


@given(st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=4), max_size=6), st.booleans())
def test_runs_are_reduced_as_by_loops(runs: list[list[int]], adding: bool) -> None:
    values = np.arange(10, dtype=np.float32).reshape(5, 2) - 3
    starts = np.cumsum([0, *map(len, runs)])[:-1]
    elements = np.array([element for run in runs for element in run], np.int64)
    found = Runs(elements, starts.astype(np.int64)).reduce(values, np.add if adding else np.maximum)
    assert found.shape == (len(runs), 2)
    for run, row in zip(runs, found, strict=True):
        expected = values[run].sum(axis=0) if adding else values[run].max(axis=0)
        assert row.tolist() == expected.tolist()


@pytest.mark.parametrize("length", [LONG_RUN, LONG_RUN + 1, 3 * LONG_RUN])
def test_long_runs_are_reduced_whole(length: int) -> None:
    rng = np.random.default_rng(length)
    values = rng.normal(size=(length + 2, 3))
    runs = Runs(np.arange(length + 2), np.array([0, 1, length + 1]))
    assert np.allclose(
        runs.reduce(values, np.add), [values[0], values[1:-1].sum(axis=0), values[-1]]
    )
    assert (runs.reduce(values, np.maximum)[1] == values[1:-1].max(axis=0)).all()


def test_ranges() -> None:
    assert ranges(np.array([5, 0, 9]), np.array([2, 0, 1])).tolist() == [5, 6, 9]
    assert ranges(np.zeros(0, np.int64), np.zeros(0, np.int64)).tolist() == []
