"""A notebook's three lines: from arrays to a conclusion, and to data frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text
from scipy.cluster.hierarchy import leaves_list

from gestalt_space import notebook as gs
from gestalt_space.cohort.ordering import clustered_order
from gestalt_space.errors import NotInGallery, UsageError
from tests.cohort.simulated import simulated


def test_every_name_is_there():
    assert all(hasattr(gs, name) for name in gs.__all__)
    assert sorted(gs.__all__) == list(gs.__all__)


def test_arrays_to_conclusions_in_three_lines():
    given = simulated(np.random.default_rng(3), ["d1"] * 8 + ["d2"] * 8 + [""] * 30, strength=2)
    descriptors, patients = given.descriptors, np.array(given.patients)[given.patient_of_row]
    disorders = [(given.disorders[place] or ("",))[0] for place in given.patient_of_row]

    everybody = gs.selection_of(descriptors, patients, disorders=disorders)
    mine = everybody.only(given.patients[:8])
    found = gs.cohesion(mine, everybody)

    assert found.p < 0.01
    np.testing.assert_array_equal(everybody.descriptors, descriptors)
    assert gs.measure(mine, unit="patient").values.shape == (8, 8)
    assert gs.cluster(everybody.only(given.patients[:16])).agreement > 0.9
    places = gs.places_table(gs.lay_map(mine))
    assert [row[0] for row in places.rows] == list(mine.patients)


@pytest.fixture
def ten() -> gs.Selection:
    return simulated(np.random.default_rng(4), ["d1"] * 5 + ["d2"] * 5)


def test_patients_are_chosen_by_name_and_nothing_else(ten: gs.Selection):
    assert ten.only(ten.patients[2:4]).patients == ten.patients[2:4]
    with pytest.raises(NotInGallery, match="no patient nobody among simulated"):
        ten.only(["nobody", ten.patients[0]])
    with pytest.raises(NotInGallery, match=r"no patient (True|False)"):
        ten.only(np.arange(10) > 5)
    with pytest.raises(UsageError, match="a single text was given"):
        ten.only(ten.patients[0])
    numbered = gs.selection_of(np.eye(4, dtype=np.float32), [7, 8, 9, 9])
    assert numbered.only([8, 9]).patients == ("8", "9")


def test_a_selection_shows_nobodys_descriptors(ten: gs.Selection):
    assert repr(ten).startswith("<Selection: simulated; 10 patients, ")
    assert "[" not in repr(ten)


def test_words_that_mean_nothing_are_told(ten: gs.Selection):
    with pytest.raises(UsageError, match="Unknown method 'nope'"):
        gs.lay_map(ten, "nope")
    with pytest.raises(UsageError, match="Unknown value 'cosine'"):
        gs.measure(ten, value="cosine")
    with pytest.raises(UsageError, match="Cannot match on 'height'"):
        gs.cohesion(ten.only(ten.patients[:3]), ten, gs.CohesionPlan(match=("height",)))
    with pytest.raises(UsageError, match="has no patients"):
        gs.cohesion(ten.only([]), ten)


def test_files_are_named_by_texts_too(ten: gs.Selection, tmp_path: Path):
    matrix, found = gs.measure(ten, unit="patient"), gs.cluster(ten, gs.ClusterPlan(bootstrap=0))
    gs.write_matrix(matrix, str(tmp_path / "m.csv"))
    assert gs.save_figure(matrix.figure(), str(tmp_path / "m.svg")) == ""
    gs.save_figure(found.figure(), str(tmp_path / "tree.png"))
    gs.save_figure(gs.lay_map(ten, "pca").figure(), str(tmp_path / "map.pdf"))
    assert len(list(tmp_path.iterdir())) == 5, "four, and what the table was made of"


def test_results_draw_themselves_on_axes_of_ones_own(ten: gs.Selection):
    left, middle, right = Figure(figsize=(15, 5)).subplots(1, 3)
    palette = gs.Palette()
    found = gs.cluster(ten, gs.ClusterPlan(bootstrap=0))
    assert gs.measure(ten, unit="patient").plot(left, palette=palette) is left
    assert found.plot(middle, palette=palette) is middle
    assert gs.lay_map(ten, "pca").plot(ax=right, palette=palette) is right
    for ax in (left, middle, right):
        titles = [one.get_title().get_text() for one in ax.findobj(Legend)]
        assert titles == ["disorder"]
        assert "d1 (5)" in [text.get_text() for text in ax.findobj(Text)]
    np.testing.assert_array_equal(left.images[0].get_array().diagonal(), 1)


def test_without_axes_a_figure_of_the_notebook_is_made(ten: gs.Selection):
    pyplot.switch_backend("agg")
    try:
        ax = gs.measure(ten, unit="patient").plot()
        assert ax.figure.number in pyplot.get_fignums()
        assert [label.get_text() for label in ax.get_yticklabels()] != []
    finally:
        pyplot.close("all")


def test_the_heat_map_is_in_the_order_of_the_tree(ten: gs.Selection):
    found = gs.cluster(ten, gs.ClusterPlan(bootstrap=0))
    order = clustered_order(gs.measure(ten, unit="patient"))
    assert order.rows.tolist() == leaves_list(found.linkage).tolist()


def test_the_figures_of_cohesion_are_a_row(ten: gs.Selection):
    found = gs.cohesion(ten.only(ten.patients[:5]), ten)
    (row,) = gs.cohesion_table(found).rows
    assert row[:6] == (5, 5, found.photos, 5, 0, found.similarity)
    assert row[-1] == found.p


def test_tables_are_csv():
    rng = np.random.default_rng(5)
    groups = [simulated(rng, ["d1"] * 6 + ["d2"] * 5, prefix=name) for name in "AB"]
    compared = gs.compare_groups(*groups)
    figures = gs.comparison_table(compared)
    assert figures.names[:3] == ("subject", "estimand", "estimate")
    assert [row[0] for row in figures.rows[:10]] == ["all"] * 4 + ["d1"] * 3 + ["d2"] * 3
    table = gs.similarities_table(compared)
    head, first, *_ = table.csv().decode().splitlines()
    assert head.startswith("disorder,patients_a,patients_b,units_a,units_b,within_a_pairs")
    assert first.startswith("d1,6,6,6,6,15,0.")
    assert len(first.split(",")) == len(table.columns)
    assert first.endswith(",,,,,"), "no blocks without a reference"


def test_tables_are_frames_of_pandas():
    rows = gs.selection_of(np.eye(5, dtype=np.float32), disorders=["x", "x", "y", "y", "y"])
    frame = gs.pairs_table(gs.cluster(rows)).frame()
    assert list(frame.columns)[:2] == ["first", "second"]
    assert gs.measure(rows).frame().loc["1", "1"] == 1
