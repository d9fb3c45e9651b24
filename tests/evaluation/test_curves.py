from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from gestalt_space.evaluation.cases import Answers, Cases, ask, bins_of, find_cases, patient_probes
from gestalt_space.evaluation.curves import patient_control, same_different
from gestalt_space.ranking.aggregation import AGGREGATIONS
from gestalt_space.stats.resampling import Bootstrap
from tests.evaluation.made_data import random_data, space_data
from tests.ranking import oracle

FEW = Bootstrap(300, 2)


def test_patients_above_controls_by_hand() -> None:
    found = patient_control(np.array([0.9, 0.5, 0.3]), np.array([0.5, 0.2]), FEW)
    assert found is not None
    # 0.9: above both; 0.5: above one, and one tie; 0.3: above one.
    assert found.auroc.value == pytest.approx((2 + 1.5 + 1) / 6)
    assert (found.positives, found.negatives) == (3, 2)
    assert found.false_positives.tolist() == [0, 0, 0.5, 0.5, 1]
    assert found.true_positives == pytest.approx([0, 1 / 3, 2 / 3, 1, 1])


def test_nobody_on_one_side_gives_no_curve() -> None:
    assert patient_control(np.zeros(0), np.array([0.5]), FEW) is None
    assert patient_control(np.array([0.5]), np.zeros(0), FEW) is None


def test_the_area_and_its_replicates_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    patients, controls = rng.normal(0.6, 0.2, 40).round(2), rng.normal(0.5, 0.2, 25).round(2)
    found = patient_control(patients, controls, FEW)
    assert found is not None
    labels = np.repeat([1, 0], [40, 25])
    scores = np.concatenate([np.sort(patients), np.sort(controls)])
    assert found.auroc.value == pytest.approx(roc_auc_score(labels, scores))
    replicates = [
        roc_auc_score(labels, scores, sample_weight=np.concatenate([ours, theirs]))
        for ours, theirs in zip(
            np.concatenate(list(FEW.weights(40))),
            np.concatenate(list(Bootstrap(300, 3).weights(25))),
            strict=True,
        )
    ]
    low, high = np.quantile(replicates, [0.025, 0.975])
    assert (found.auroc.low, found.auroc.high) == pytest.approx((low, high), abs=1e-6)


def test_same_and_different_are_told_apart_as_scikit_learn_has_it() -> None:
    data = random_data(3, patients=60)
    truth = data.grouping
    probes = patient_probes(data.descriptors, data.patient_of_row, truth.patients)
    cases, _ = find_cases(probes.patients, truth, truth)
    answers = ask(probes, cases, data.descriptors, truth, AGGREGATIONS, histograms=True)
    members = [
        truth.patients[truth.members_of(place)].tolist() for place in range(len(truth.groups))
    ]
    for how in AGGREGATIONS:
        labels, scores = [], []
        for probe in np.unique(cases.probes):
            patient = int(probes.patients[probe])
            found = oracle.scores(
                how,
                (data.descriptors @ probes.descriptors[probe]).tolist(),
                data.patient_of_row.tolist(),
                members,
                {patient},
                data.descriptors,
            )
            scores += list(found.values())
            labels += [patient in members[group] for group in found]
        roc = same_different(answers, how, FEW)
        assert roc is not None
        assert roc.auroc.value == pytest.approx(roc_auc_score(labels, scores), abs=5e-3), how
        assert roc.auroc.low <= roc.auroc.value <= roc.auroc.high
        assert (roc.positives, roc.positives + roc.negatives) == (sum(labels), len(labels))
        for curve in (roc.false_positives, roc.true_positives):
            assert curve[0] == 0
            assert curve[-1] == pytest.approx(1)
            assert (np.diff(curve) >= 0).all()


def test_one_disorder_has_no_other_to_be_told_from() -> None:
    data = space_data(np.eye(2, 4), [0, 1], [[0], [0]])
    probes = patient_probes(data.descriptors, data.patient_of_row, data.grouping.patients)
    cases, _ = find_cases(probes.patients, data.grouping, data.grouping)
    answers = ask(probes, cases, data.descriptors, data.grouping, ["nearest"], histograms=True)
    assert same_different(answers, "nearest", FEW) is None


def test_a_clear_gap_is_an_area_of_one() -> None:
    cases = Cases(*(np.arange(3) for _ in range(4)))
    others = np.zeros((3, 500), np.uint16)
    others[:, bins_of(np.array([0.1]), "nearest")[0]] = 7
    scores = np.array([0.5, 0.6, 0.7], np.float32)
    answers = Answers(cases, {}, {"nearest": scores}, {}, {"nearest": others})
    roc = same_different(answers, "nearest", FEW)
    assert roc is not None
    assert (roc.auroc.value, roc.auroc.low, roc.auroc.high) == (1, 1, 1)
    assert roc.negatives == 21
