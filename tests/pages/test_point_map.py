"""Maps that say who is pointed at: nobody by name unless asked."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gestalt_space.cohort.mapping import lay_map, place
from gestalt_space.cohort.shown_map import shown_map
from gestalt_space.errors import UsageError
from gestalt_space.pages.point_map import map_page
from tests.cohort.selections import planted
from tests.pages.parsed import Page


def data_of(page: Page) -> list:
    return [json.loads(one) for kind, one in page.scripts if kind == "application/json"]


@pytest.fixture(scope="module")
def shown():
    of = planted(disorders=2, each=6, strength=1.0)
    first, later = of.only(of.patients[:8]), of.only(of.patients[8:])
    on = lay_map(first, "pca")
    return on, shown_map(on, first, later, place(on, later))


def test_the_column_is_chosen_and_nobody_is_named(shown):
    on, patients = shown
    page = Page(map_page(on, patients, "all", "sex"))
    assert [one["id"] for one in page.of("input")] == [
        "by-sex",
        "by-disorder",
        "by-cohort",
        "by-age",
    ]
    assert "checked" in page.of("input")[0]
    *maps, words = data_of(page)
    assert len(maps) == len(page.of("input"))
    assert all(np.shape(one["points"]) == (12, 2) for one in maps)
    assert words[0].startswith("disorder OMIM:100000; cohort Bonn; sex female; age ")
    assert words[8].endswith("placed later")
    assert "P0" not in page.text + " ".join(words)


def test_names_are_shown_when_asked(shown):
    *_, words = data_of(Page(map_page(*shown, "all", "disorder", show_patients=True)))
    assert [one.split(";")[0] for one in words] == list(shown[1].patients)


def test_a_column_of_which_nothing_is_known_is_refused(shown):
    with pytest.raises(UsageError, match="has a known gene"):
        map_page(*shown, "all", "gene")


def test_a_page_of_400_patients_is_below_a_megabyte():
    of = planted(disorders=10, each=40, strength=1.0)
    on = lay_map(of, "pca")
    text = map_page(on, shown_map(on, of), "all", "disorder", show_patients=True)
    assert len(text.encode()) < 1_000_000
