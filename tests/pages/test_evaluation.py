from __future__ import annotations

import numpy as np

from gestalt_space.evaluation.gallery_results import Plan
from gestalt_space.evaluation.own_gallery import evaluate_gallery
from gestalt_space.pages.evaluation import evaluation_page
from gestalt_space.stats.resampling import Bootstrap
from tests.evaluation.made_data import space_data
from tests.pages.parsed import Page
from tests.pages.samples import evaluation


def test_it_says_how_it_was_measured_and_names_no_patient():
    page = Page(evaluation_page(evaluation()))
    assert len([svg for svg in page.of("svg") if svg.get("role") == "img"]) == 2 * 5
    assert not any(f" P{number} " in page.text for number in range(40))
    for words in ("Each was left out in turn", "Methods", "seed 0", "sign-flip", "space made 2"):
        assert words in page.text


def test_a_split_is_named():
    page = Page(evaluation_page(evaluation(is_split=True)))
    assert "The patients of part “test” of a split were matched" in page.text
    assert "left out in turn" not in page.text


def test_a_page_of_little_is_whole_too():
    data = space_data(np.eye(2), range(2), [[0], [0]])
    made = evaluate_gallery([data], Plan(aggregations=("vote",), bootstrap=Bootstrap(100, 0)))
    assert made.comparisons == ()
    page = Page(evaluation_page(made))
    assert page.open == []
    assert "No controls were named" in page.text
    assert "Comparisons" not in page.texts
