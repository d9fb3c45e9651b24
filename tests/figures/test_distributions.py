"""Distributions: shares of each one's own values, in the same bins."""

from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.evaluation.gallery_results import EvaluationPlan
from gestalt_space.evaluation.own_gallery import evaluate_gallery
from gestalt_space.figures.distributions import distributions, distributions_figure
from gestalt_space.figures.evaluations import scores_figure
from gestalt_space.stats.resampling import Bootstrap
from tests.evaluation.made_data import random_data


def test_each_is_of_its_own_values_with_its_median():
    of = distributions({"same": [0.5, 0.7, 0.9, 0.9], "none": [], "other": np.zeros(400)}, bins=10)
    assert [one.words for one in of] == ["same (4; median 0.80)", "other (400; median 0.00)"]
    assert of[0].edges.tolist() == of[1].edges.tolist()
    assert of[0].edges[[0, -1]].tolist() == [0, 0.9]
    ax = distributions_figure(of, x="similarity", each="pairs").axes[0]
    outlines = [patch for patch in ax.patches if not patch.get_fill()]
    assert [patch.get_data().values.sum() for patch in outlines] == pytest.approx([1, 1])
    assert [line.get_xdata()[0] for line in ax.lines] == pytest.approx([0.8, 0])
    assert all(patch.get_linewidth() > 0 for patch in outlines)


def test_nothing_and_one_value_are_drawn_too():
    assert distributions({"none": []}) == []
    (one,) = distributions({"all": [1.0, 1.0]})
    assert one.counts.sum() == 2
    assert distributions_figure([], x="x", each="pairs").axes


def test_scores_are_those_of_all_cases_and_of_all_others():
    plan = EvaluationPlan(aggregations=("nearest",), bootstrap=Bootstrap(100, 0))
    result = evaluate_gallery([random_data(1)], plan).spaces[0]
    figure = scores_figure(result)
    assert figure is not None
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    others = int(result.answers.others["nearest"].sum())
    assert texts[0].startswith(f"true disorder ({len(result.answers.cases.groups):,};")
    assert texts[1].startswith(f"other disorders ({others:,};")
    for patch in figure.axes[0].patches:
        assert patch.get_data().values.sum() == pytest.approx(1)
