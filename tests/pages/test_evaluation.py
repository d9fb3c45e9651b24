from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gestalt_space.evaluation.gallery_results import EvaluationPlan, GalleryEvaluation
from gestalt_space.evaluation.own_gallery import evaluate_gallery
from gestalt_space.evaluation.split import EvaluationSplit
from gestalt_space.pages.evaluation import evaluation_page
from gestalt_space.stats.resampling import Bootstrap
from tests.evaluation.made_data import space_data
from tests.pages.parsed import Page
from tests.pages.samples import evaluation as made_evaluation


@pytest.fixture(scope="module")
def evaluation() -> GalleryEvaluation:
    return made_evaluation()


def test_it_says_how_it_was_measured_and_names_no_patient(evaluation: GalleryEvaluation):
    page = Page(evaluation_page(evaluation))
    assert len(page.of("svg")) == 2 * 7
    assert not any(f" P{number} " in page.text for number in range(40))
    for words in ("Each was left out in turn", "Methods", "seed 0", "sign-flip", "space made 2"):
        assert words in page.text


def test_the_first_sentence_is_about_ranks_that_chance_does_not_give(
    evaluation: GalleryEvaluation,
):
    first = evaluation.spaces[0]
    assert first.counts.evidence_disorders == 6
    told = " ".join(Page(evaluation_page(evaluation)).text.split())
    assert "has the true disorder at rank 1 for" in told
    assert "A random order would have it there for 17 %." in told
    many = replace(first, counts=replace(first.counts, evidence_disorders=40))
    told = " ".join(Page(evaluation_page(replace(evaluation, spaces=(many,)))).text.split())
    assert "has the true disorder among the first ten for" in told
    assert "A random order would have it there for 25 %." in told


def test_patients_who_were_trained_on_are_warned_of_before_all_figures(
    evaluation: GalleryEvaluation,
):
    first, second = evaluation.spaces
    known = replace(first, counts=replace(first.counts, trained_on=7))
    page = Page(evaluation_page(replace(evaluation, spaces=(known, second))))
    warning = f"The encoder {first.data.space} was trained on 7 tested patients"
    assert warning in page.text
    assert page.text.index(warning) < page.text.index("Patients tested")
    assert f"The encoder {second.data.space} was trained on" not in page.text
    assert "was trained on" not in Page(evaluation_page(evaluation)).text


def test_a_split_is_named(evaluation: GalleryEvaluation):
    split = EvaluationSplit("a split.csv", frozenset(), frozenset())
    (first, _) = evaluation.spaces
    plan = replace(evaluation.plan, split=split)
    page = Page(evaluation_page(replace(evaluation, plan=plan, spaces=(first,))))
    assert "The patients of part “test” of a split.csv were matched" in page.text
    assert "left out in turn" not in page.text


def test_a_page_of_little_is_whole_too():
    data = space_data(np.eye(2), range(2), [[0], [0]])
    made = evaluate_gallery(
        [data], EvaluationPlan(aggregations=("vote",), bootstrap=Bootstrap(100, 0))
    )
    assert made.comparisons == ()
    page = Page(evaluation_page(made))
    assert page.open == []
    assert "No controls were named" in page.text
    assert "Comparisons" not in page.texts
