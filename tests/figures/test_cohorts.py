"""What was measured of a cohort, as figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gestalt_space.cohort.clusters import ClusterPlan, cluster
from gestalt_space.cohort.cohort_matrix import measure
from gestalt_space.cohort.columns import titles_of
from gestalt_space.cohort.mapping import lay_map, place
from gestalt_space.cohort.ordering import clustered_order
from gestalt_space.cohort.shown_map import shown_map
from gestalt_space.errors import UsageError
from gestalt_space.figures.cohorts import (
    MOST_ROWS,
    heat_map_of,
    map_of,
    matrix_notes,
    matrix_title,
    tree_of,
)
from gestalt_space.figures.keys import Palette
from tests.cohort.selections import planted

COHORT = planted(disorders=4, each=6, strength=2.0)


@pytest.mark.parametrize("value", ["similarity", "distance", "rank"])
def test_planted_disorders_stand_together(value: str):
    found = measure(COHORT, value=value, gallery=COHORT)
    disorders = found.row_facts["disorders"][clustered_order(found).rows]
    assert (disorders[1:] != disorders[:-1]).sum() == 3
    heat = heat_map_of(found)
    assert [bar.key.title for bar in heat.bars] == ["disorder", "cohort"]
    assert heat.is_closer_high == (value == "similarity")
    assert np.isnan(heat.values).any() == (value == "rank")


def test_two_sets_have_names_on_two_sides():
    found = measure(COHORT.only(COHORT.patients[:5]), COHORT.only(COHORT.patients[5:]))
    heat = heat_map_of(found)
    assert set(heat.columns or ()) == set(found.columns)
    assert "5 with 19 photos" in matrix_title(found)
    assert "(rows) with" in matrix_notes(found)[0]


def test_a_matrix_of_two_rows_has_no_tree():
    assert heat_map_of(measure(COHORT.only(COHORT.patients[:2]))).tree is None


def test_a_matrix_that_nobody_can_read_is_refused():
    large = planted(disorders=1, each=MOST_ROWS + 1, strength=1.0)
    with pytest.raises(UsageError, match="too many for a readable heat map"):
        heat_map_of(measure(large))


def test_several_disorders_have_one_hue_on_heat_map_and_map():
    several = tuple(("OMIM:2", "OMIM:1") if n % 3 else ("OMIM:1",) for n in range(24))
    of = replace(COHORT, disorders=several, names={"OMIM:1": "One", "OMIM:2": "A two"})
    palette = Palette()
    bar = heat_map_of(measure(of, unit="patient"), palette).bars[0]
    key = palette.key("disorder", titles_of(of, "disorder"))
    assert bar.key == key
    assert key.names == ("One + A two", "One")


def test_a_disorder_has_one_hue_in_all_figures_of_a_report():
    palette = Palette()
    matrix = heat_map_of(measure(COHORT), palette)
    tree = tree_of(COHORT, cluster(COHORT, ClusterPlan(bootstrap=0)), palette)
    shown = shown_map(lay_map(COHORT, "pca"), COHORT)
    keys = [matrix.bars[0].key, tree.bars[0][0], map_of(shown, "disorder", palette).key]
    assert len({tuple(zip(key.names, key.hues, strict=True)) for key in keys}) == 1
    assert tree.names is None


def test_patients_placed_later_are_shown_with_the_maps_own():
    old, new = COHORT.only(COHORT.patients[::2]), COHORT.only(COHORT.patients[1::2])
    made = lay_map(old, "pca")
    of = map_of(shown_map(made, old, new, place(made, new)), "cohort")
    assert len(of.places) == 24
    assert of.ringed is not None
    assert of.ringed.tolist() == [False] * 12 + [True] * 12
    with pytest.raises(UsageError, match="other patients"):
        shown_map(made, new)
    with pytest.raises(UsageError, match="has a known gene"):
        map_of(shown_map(made, old), "gene")
