from __future__ import annotations

import numpy as np

from gestalt_space.evaluation.units import draw_units
from gestalt_space.ranking.grouping import grouping


def units_of(sizes: list[int], families: dict[int, int] | None = None, **more: np.ndarray):
    """Patients of disorders of some sizes, and those whose family is another patient's."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    count = len(group)
    truth = grouping(
        np.arange(count), np.arange(count), np.stack([np.arange(count), group], axis=1)
    )
    family = np.arange(count)
    for patient, other in (families or {}).items():
        family[patient] = other
    return draw_units(truth, family, **more)


def test_families_of_large_disorders_are_units_and_disorders_are_strata() -> None:
    units = units_of([8, 8], {1: 0})
    assert units.of_patient[0] == units.of_patient[1]
    assert len(units.strata) == 15
    assert len(np.unique(units.strata)) == 2
    assert np.bincount(units.strata).tolist() == [7, 8]


def test_relatives_do_not_make_a_disorder_large() -> None:
    """Six patients of five families are drawn as one."""
    units = units_of([6, 6], {1: 0, 7: 6})
    assert units.of_patient.tolist() == [0] * 6 + [1] * 6


def test_small_disorders_are_units_among_those_of_their_size() -> None:
    units = units_of([2] * 7 + [3] * 3 + [4] * 6 + [9])
    counts = np.bincount(units.strata)
    assert sorted(counts.tolist()) == [7, 9, 9]
    assert len(np.unique(units.strata[units.of_patient[:14]])) == 1


def test_patients_of_two_small_disorders_are_drawn_with_the_smaller_one() -> None:
    """P0 has D0, of 2 patients, and D1, of 3; P4 is a relative of P0."""
    pairs = np.array([[0, 0], [1, 0], [0, 1], [2, 1], [3, 1], [4, 2], [5, 2]])
    truth = grouping(np.arange(6), np.arange(6), pairs)
    units = draw_units(truth, np.array([0, 1, 2, 3, 0, 5]))
    assert units.of_patient[0] == units.of_patient[1] == units.of_patient[4]
    assert units.of_patient[2] == units.of_patient[3] != units.of_patient[0]


def test_the_undiagnosed_are_in_no_unit() -> None:
    truth = grouping(np.arange(3), np.array([0, 1, 2]), np.array([[0, 0], [2, 0]]))
    assert draw_units(truth, np.arange(3)).of_patient.tolist() == [0, -1, 0]


def test_those_asked_about_and_the_evidence_are_strata_apart() -> None:
    units = units_of([12], roles=np.repeat([1, 2], 6))
    assert np.bincount(units.strata).tolist() == [6, 6]
