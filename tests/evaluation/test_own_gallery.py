from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from gestalt_space.errors import GalleryError, UsageError
from gestalt_space.evaluation.gallery_data import SpaceData
from gestalt_space.evaluation.gallery_document import evaluation_document
from gestalt_space.evaluation.gallery_results import EvaluationPlan, GalleryEvaluation
from gestalt_space.evaluation.own_gallery import evaluate_gallery
from gestalt_space.evaluation.split import EvaluationSplit
from gestalt_space.evaluation.topk import TOPS
from gestalt_space.ranking.aggregation import AGGREGATIONS
from gestalt_space.simulate.planted import PlantedPlan, plant
from gestalt_space.stats.resampling import Bootstrap
from tests.evaluation import oracle
from tests.evaluation.made_data import random_data, space_data

FEW = Bootstrap(100, 0)


def evaluated(**plan: object) -> GalleryEvaluation:
    first = random_data(1)
    noise = np.random.default_rng(0).standard_normal(first.descriptors.shape)
    rows = first.descriptors + 0.3 * noise
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    second = dataclasses.replace(first, space="noisy", descriptors=rows.astype(np.float32))
    return evaluate_gallery([first, second], EvaluationPlan(bootstrap=FEW, **plan))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def evaluation() -> GalleryEvaluation:
    return evaluated(controls="Controls")


def test_the_figures_are_those_of_plain_loops(evaluation: GalleryEvaluation) -> None:
    result = evaluation.spaces[0]
    for how in AGGREGATIONS:
        for as_one, found in (
            (False, result.aggregations[how].images),
            (True, result.aggregations[how].patients),
        ):
            ranks = oracle.ranks(result.data, how, as_one=as_one)
            by_disorder: dict[int, list[int]] = {}
            for (_, _, disorder), rank in ranks.items():
                by_disorder.setdefault(disorder, []).append(rank)
            for k in TOPS:
                every = [rank <= k for rank in ranks.values()]
                assert found.top[k].value == pytest.approx(np.mean(every))
                means = [np.mean(np.array(of) <= k) for of in by_disorder.values()]
                assert found.top_of_disorders[k].value == pytest.approx(np.mean(means))
            assert found.mean_rank == pytest.approx(np.mean(list(ranks.values())))


def test_controls_are_the_undiagnosed_of_the_cohort(evaluation: GalleryEvaluation) -> None:
    result = evaluation.spaces[0]
    undiagnosed = len(result.data.patients) - len(result.data.grouping.patients)
    assert result.counts.controls == result.counts.undiagnosed == undiagnosed > 0
    roc = result.aggregations["nearest"].patient_control
    assert roc is not None
    assert roc.negatives == undiagnosed


def test_comparisons_are_with_nearest_and_with_the_first_space(
    evaluation: GalleryEvaluation,
) -> None:
    lines = evaluation.comparisons
    within = [one for one in lines if one.space == one.other_space]
    between = [one for one in lines if one.space != one.other_space]
    assert len(within) == 2 * 4 * 2 * 2
    assert {one.other_aggregation for one in within} == {"nearest"}
    assert [(one.space, one.other_space) for one in between] == [("noisy", "made")] * 20
    results = evaluation.spaces
    for one in between:
        figures = [result.aggregations[one.aggregation].patients for result in results]  # type: ignore[index]
        tops = [each.top if one.over == "cases" else each.top_of_disorders for each in figures]
        theirs, ours = (top[one.k].value for top in tops)
        assert one.found.difference.value == pytest.approx(ours - theirs)
    assert all(one.p_held >= one.found.p for one in lines)


def test_disorders_of_one_patient_are_counted_apart_and_named() -> None:
    data = space_data(np.eye(4), [0, 1, 2, 3], [[0], [0], [1], []])
    result = evaluate_gallery([data], EvaluationPlan(bootstrap=FEW)).spaces[0]
    assert [(one.id, one.name, one.patients) for one in result.untested] == [
        ("D1", "disorder 1", 1)
    ]
    assert result.counts.asked_patients == 2
    assert result.aggregations["nearest"].patient_control is None


def test_a_split_asks_about_its_test_patients_alone() -> None:
    data = space_data(np.eye(6), range(6), [[0], [0], [0], [1], [1], []])
    split = EvaluationSplit("s.csv", frozenset({"P1", "P3"}), frozenset({"P0", "P5"}))
    evaluation = evaluate_gallery([data], EvaluationPlan(split=split, bootstrap=FEW))
    counts = evaluation.spaces[0].counts
    assert (counts.asked_patients, counts.evidence_patients, counts.aside) == (1, 2, 2)
    assert evaluation.spaces[0].answers.ranks["nearest"].tolist() == [1]


def siblings() -> SpaceData:
    """Twelve disorders of two sibling pairs each; nothing but families makes patients alike."""
    rng = np.random.default_rng(8)
    family = np.repeat(np.arange(24), 2)
    rows = rng.standard_normal((24, 16))[family] + 0.5 * rng.standard_normal((48, 16))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    disorders = [[place // 4] for place in range(48)]
    return space_data(rows, range(48), disorders, families=family.tolist())


def test_relatives_are_no_evidence_unless_that_is_asked_for() -> None:
    data = siblings()
    plain, switched = (
        evaluate_gallery(
            [data],
            EvaluationPlan(aggregations=("nearest",), bootstrap=FEW, with_family=with_family),
        ).spaces[0]
        for with_family in (False, True)
    )
    assert plain.counts.with_relatives == switched.counts.with_relatives == 48
    assert plain.aggregations["nearest"].patients.top[1].value < 0.3
    assert switched.aggregations["nearest"].patients.top[1].value > 0.9


def test_disorders_of_one_family_cannot_be_tested() -> None:
    data = space_data(np.eye(4), range(4), [[0], [0], [1], [1]], families=[0, 0, 2, 3])
    result = evaluate_gallery(
        [data], EvaluationPlan(aggregations=("nearest",), bootstrap=FEW)
    ).spaces[0]
    assert [one.id for one in result.untested] == ["D0"]
    assert result.counts.with_relatives == 0


def test_a_family_on_both_sides_of_a_split_is_refused_and_named() -> None:
    data = space_data(np.eye(4), range(4), [[0], [0], [0], [0]], families=[0, 1, 0, 3])
    split = EvaluationSplit("s.csv", frozenset({"P0", "P1"}), frozenset({"P2", "P3"}))
    with pytest.raises(UsageError, match=r"P2 \(test\) and P0 \(gallery\) are of one family"):
        evaluate_gallery([data], EvaluationPlan(split=split, bootstrap=FEW))
    let_in = evaluate_gallery([data], EvaluationPlan(split=split, bootstrap=FEW, with_family=True))
    assert let_in.spaces[0].counts.asked_patients == 2


@pytest.mark.parametrize(
    ("plan", "error", "message"),
    [
        (EvaluationPlan(bootstrap=Bootstrap(99)), UsageError, "99 bootstrap draws are too few"),
        (EvaluationPlan(controls="nobody"), UsageError, "it has no patients"),
        (EvaluationPlan(controls="A"), UsageError, "all its 2 patients are diagnosed"),
        (
            EvaluationPlan(split=EvaluationSplit("s.csv", frozenset({"P2"}), frozenset({"P0"}))),
            GalleryError,
            "In s.csv, no patient of part test",
        ),
    ],
)
def test_what_cannot_be_evaluated_is_said(
    plan: EvaluationPlan, error: type[Exception], message: str
) -> None:
    data = space_data(np.eye(3), range(3), [[0], [0], [1]], cohorts=["A", "A", ""])
    with pytest.raises(error, match=message):
        evaluate_gallery([data], plan)


def test_no_disorder_with_two_patients_is_an_error() -> None:
    data = space_data(np.eye(2), range(2), [[0], [1]])
    with pytest.raises(GalleryError, match="has patients of two families"):
        evaluate_gallery([data], EvaluationPlan(bootstrap=FEW))


def test_the_document_is_plain_and_names_no_patient(evaluation: GalleryEvaluation) -> None:
    document = evaluation_document(evaluation)
    text = json.dumps(document, allow_nan=False)
    assert '"P1' not in text
    assert document["version"] == 2
    assert document["protocol"] == "leave-one-patient-out"
    space = document["spaces"][0]
    assert list(space["aggregations"]) == list(AGGREGATIONS)
    nearest = space["aggregations"]["nearest"]
    assert set(nearest["patients"]["top"]) == {"1", "5", "10", "30"}
    assert set(nearest["images"]["top"]["1"]) == {"value", "low", "high"}
    assert nearest["patients"]["interval"] == "refitted"
    assert space["aggregations"]["vote"]["patients"]["interval"] == "conditional"
    row = document["findings"][0]
    assert row["estimate"] == pytest.approx(nearest["patients"]["top"]["1"]["value"], abs=1e-5)
    assert row["seed"] is None
    assert "new galleries" in row["estimand"]
    assert {part["attribute"] for part in space["strata"]} == {
        "ancestry",
        "sex",
        "age",
        "disorder",
    }
    assert len(document["comparisons"]) == len(evaluation.comparisons)


def test_patients_are_named_where_that_is_asked_for(evaluation: GalleryEvaluation) -> None:
    document = evaluation_document(evaluation, with_patients=True)
    cases = document["spaces"][0]["cases"]
    assert len(cases) == evaluation.spaces[0].aggregations["nearest"].patients.cases
    assert set(cases[0]) == {"patient", "disorder", "ranks"}


def test_calibrated_evidence_lets_rare_disorders_stand_before_large_ones() -> None:
    """A disorder of eighty patients and twenty of three, alike in how much their faces say."""
    sizes = (80, *[3] * 20)
    selection = plant(PlantedPlan(sizes=sizes, disorder=0.8), 4)
    told = np.repeat(np.arange(len(sizes)), sizes)
    data = space_data(
        selection.descriptors, selection.patient_of_row.tolist(), [[int(one)] for one in told]
    )
    plan = EvaluationPlan(aggregations=("nearest", "calibrated"), bootstrap=FEW)
    answers = evaluate_gallery([data], plan).spaces[0].answers
    rare = answers.cases.groups > 0
    nearest, calibrated = (
        np.mean(answers.ranks[how][rare] == 1) for how in ("nearest", "calibrated")
    )
    assert calibrated > nearest + 0.1


def test_a_gallery_too_small_for_calibrated_evidence_says_so() -> None:
    data = space_data(np.eye(4, dtype=np.float32), [0, 1, 2, 3], [[0], [0], [1], [1]])
    with pytest.raises(UsageError, match="too few patients") as error:
        evaluate_gallery([data], EvaluationPlan(aggregations=("calibrated",), bootstrap=FEW))
    assert "nearest" in str(error.value.hint)
