"""Who is asked about, and where the true disorder comes out: by hand and against plain loops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gestalt_space.evaluation.cases import (
    BINS,
    Answers,
    Probes,
    ask,
    find_cases,
    patient_probes,
    photo_probes,
)
from gestalt_space.evaluation.gallery_data import SpaceData
from gestalt_space.ranking.aggregation import AGGREGATIONS
from tests.evaluation import oracle
from tests.evaluation.made_data import disorders_of, random_data, space_data


def probes_of(data: SpaceData, as_one: bool) -> Probes:
    make = patient_probes if as_one else photo_probes
    return make(data.descriptors, data.patient_of_row, data.grouping.patients)


def answers_of(data: SpaceData, as_one: bool = False) -> Answers:
    probes = probes_of(data, as_one)
    cases, _ = find_cases(probes.patients, data.grouping, data.grouping)
    return ask(probes, cases, data.descriptors, data.grouping, AGGREGATIONS, histograms=True)


def ranks_by_name(data: SpaceData, as_one: bool) -> dict[str, dict[tuple[int, int, int], int]]:
    probes, answers = probes_of(data, as_one), answers_of(data, as_one)
    cases = answers.cases
    keys = list(
        zip(
            probes.rows[cases.probes].tolist(),
            cases.patients.tolist(),
            cases.groups.tolist(),
            strict=True,
        )
    )
    return {
        how: dict(zip(keys, ranks.tolist(), strict=True)) for how, ranks in answers.ranks.items()
    }


def circle(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_by_hand() -> None:
    """P0 with photos at 0° and 80°, and P1 at 30° have D0; P2 at 10° and P3 at 90° have D1."""
    data = space_data(circle(0, 80, 30, 10, 90), [0, 0, 1, 2, 3], [[0], [0], [1], [1]])
    ranks = ranks_by_name(data, as_one=False)["nearest"]
    assert ranks == {
        (0, 0, 0): 2,  # at 0°: D1 at 10° is nearer than D0 at 30°
        (1, 0, 0): 2,  # at 80°: D1 at 90°, D0 at 30°
        (2, 1, 0): 2,  # at 30°: D1 at 10°, D0 at 0°
        (3, 2, 1): 2,  # at 10°: D0 at 0°, D1 at 90°
        (4, 3, 1): 2,  # at 90°: D0 at 80°, D1 at 10°
    }
    as_one = ranks_by_name(data, as_one=True)["nearest"]
    # P0 as one lies at 40°: D0 at 30° is nearer than D1 at 10°.
    assert as_one[-1, 0, 0] == 1


def test_what_is_first_is_the_true_one_where_its_rank_is_one() -> None:
    answers = answers_of(random_data(3))
    true = answers.cases.groups
    for how, ranks in answers.ranks.items():
        assert ((answers.first[how] == true) == (ranks == 1)).all()
        assert len(np.unique(answers.first[how])) > 1


def test_ties_break_by_the_disorders_identifier() -> None:
    data = space_data(circle(0, 0, 0, 0), [0, 1, 2, 3], [[0], [0], [1], [1]])
    ranks = ranks_by_name(data, as_one=False)["nearest"]
    assert ranks == {(0, 0, 0): 1, (1, 1, 0): 1, (2, 2, 1): 2, (3, 3, 1): 2}


def test_another_disorder_of_the_patient_does_not_count_against_the_true_one() -> None:
    """P0 has D0 and D1; D0's other patient is nearer, yet D1 is first, as D2 is far away."""
    data = space_data(circle(0, 5, 20, 60, 70), [0, 1, 2, 3, 4], [[0, 1], [0], [1], [2], [2]])
    ranks = ranks_by_name(data, as_one=False)["nearest"]
    assert (ranks[0, 0, 0], ranks[0, 0, 1]) == (1, 1)


def test_a_disorder_of_one_patient_is_ranked_for_others_and_not_tested() -> None:
    data = space_data(circle(0, 30, 5), [0, 1, 2], [[0], [0], [1]])
    probes = probes_of(data, as_one=True)
    cases, untestable = find_cases(probes.patients, data.grouping, data.grouping)
    assert cases.groups.tolist() == [0, 0]
    assert untestable.groups.tolist() == [1]
    assert untestable.patients.tolist() == [2]
    assert cases.sizes.tolist() == [2, 2]
    assert ranks_by_name(data, as_one=True)["nearest"][-1, 0, 0] == 2


def test_a_split_has_a_disorder_without_evidence() -> None:
    data = space_data(circle(0, 10, 90), [0, 1, 2], [[0], [0], [1]])
    evidence = data.grouping.restricted(np.array([False, True, False]))
    probes = probes_of(data, as_one=True)
    cases, untestable = find_cases(probes.patients[[0, 2]], evidence, data.grouping)
    assert (cases.patients.tolist(), cases.groups.tolist()) == ([0], [0])
    assert (untestable.patients.tolist(), untestable.sizes.tolist()) == ([2], [0])
    nothing = data.grouping.restricted(np.zeros(3, bool))
    cases, untestable = find_cases(probes.patients, nothing, data.grouping)
    assert len(cases.groups) == 0
    assert len(untestable.groups) == 3


@pytest.mark.parametrize("as_one", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_ranks_are_those_of_plain_loops(seed: int, as_one: bool) -> None:
    data = random_data(seed)
    found = ranks_by_name(data, as_one)
    for how in AGGREGATIONS:
        assert found[how] == oracle.ranks(data, how, as_one=as_one), how


@pytest.mark.parametrize("as_one", [False, True])
def test_the_ranks_with_families_are_those_of_plain_loops(as_one: bool) -> None:
    data = random_data(10)
    numbers = np.random.default_rng(10).integers(0, 20, len(data.patients))
    family = replace(data, grouping=replace(data.grouping, family_numbers=numbers))
    found = ranks_by_name(family, as_one)
    assert found["nearest"] != ranks_by_name(data, as_one)["nearest"]
    for how in AGGREGATIONS:
        assert found[how] == oracle.ranks(family, how, as_one=as_one), how


def test_a_family_that_has_a_disorder_alone_is_not_tested() -> None:
    data = space_data(circle(0, 5, 30), [0, 1, 2], [[0], [0], [1]], families=[4, 4, 2])
    probes = probes_of(data, as_one=True)
    cases, untestable = find_cases(probes.patients, data.grouping, data.grouping)
    assert len(cases.groups) == 0
    assert untestable.patients.tolist() == [0, 1, 2]


def test_a_sibling_in_the_gallery_of_a_split_is_no_evidence() -> None:
    """P0 is asked about; the sibling P1, in the gallery, has D0 with P2, who is further than D1."""
    data = space_data(
        circle(0, 5, 30, 20), [0, 1, 2, 3], [[0], [0], [0], [1]], families=[0, 0, 2, 3]
    )
    evidence = data.grouping.restricted(np.array([False, True, True, True]))
    probes = patient_probes(data.descriptors, data.patient_of_row, np.array([0]))
    cases, _ = find_cases(probes.patients, evidence, data.grouping)
    answers = ask(probes, cases, data.descriptors, evidence, AGGREGATIONS)
    assert {how: ranks.tolist() for how, ranks in answers.ranks.items()} == {
        how: [2] for how in AGGREGATIONS
    }


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    data = random_data(5)
    order = np.random.default_rng(seed).permutation(len(data.patient_of_row))
    pairs = disorders_of(data)
    moved = space_data(data.descriptors[order], data.patient_of_row[order].tolist(), pairs)
    plain, other = ranks_by_name(data, as_one=False), ranks_by_name(moved, as_one=False)
    for how in AGGREGATIONS:
        back = {(int(order[row]), *rest): rank for (row, *rest), rank in other[how].items()}
        assert back == plain[how]


def test_other_names_of_patients_and_disorders_give_the_same_ranks() -> None:
    """Of patients with one disorder each: two disorders of one patient are often at a tie."""
    data = random_data(6, most=1)
    rng = np.random.default_rng(1)
    patients, groups = rng.permutation(len(data.patients)), rng.permutation(len(data.titles))
    pairs: list[list[int]] = [[] for _ in data.patients]
    for patient, of in enumerate(disorders_of(data)):
        pairs[patients[patient]] = [int(groups[group]) for group in of]
    renamed = space_data(data.descriptors, patients[data.patient_of_row].tolist(), pairs)
    plain, other = ranks_by_name(data, as_one=True), ranks_by_name(renamed, as_one=True)
    for how in AGGREGATIONS:
        assert other[how] == {
            (row, int(patients[patient]), int(groups[group])): rank
            for (row, patient, group), rank in plain[how].items()
        }


def test_a_photo_that_is_there_twice_changes_nothing_of_nearest() -> None:
    data = random_data(7)
    pairs = disorders_of(data)
    rows = [*range(len(data.patient_of_row)), 3]
    doubled = space_data(data.descriptors[rows], data.patient_of_row[rows].tolist(), pairs)
    plain = ranks_by_name(data, as_one=False)["nearest"]
    other = ranks_by_name(doubled, as_one=False)["nearest"]
    assert {key: rank for key, rank in other.items() if key[0] != len(rows) - 1} == plain


def test_histograms_have_every_score_of_a_disorder_that_is_not_the_patients() -> None:
    data = random_data(8)
    answers, probes = answers_of(data), probes_of(data, as_one=False)
    truth = data.grouping
    for how in AGGREGATIONS:
        counts = answers.others[how].sum(axis=1)
        assert answers.others[how].shape == (len(probes.patients), BINS)
        for probe, patient in enumerate(probes.patients):
            own = truth.memberships_of(truth.place_of(np.array([patient])))[1]
            assert counts[probe] == len(truth.groups) - len(own), how


def test_no_probes_give_no_answers() -> None:
    data = random_data(9)
    probes = patient_probes(data.descriptors, data.patient_of_row, np.zeros(0, np.int64))
    cases, _ = find_cases(probes.patients, data.grouping, data.grouping)
    answers = ask(probes, cases, data.descriptors, data.grouping, AGGREGATIONS)
    assert all(len(answers.best[how]) == 0 for how in AGGREGATIONS)
