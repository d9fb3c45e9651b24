"""A notebook's three lines: from arrays to a conclusion, and to data frames."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from gestalt_space import notebook as gs
from gestalt_space.errors import UsageError
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


def test_tables_are_csv_and_data_frames(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    rng = np.random.default_rng(5)
    groups = [simulated(rng, ["d1"] * 6 + ["d2"] * 5, prefix=name) for name in "AB"]
    table = gs.comparison_table(gs.compare(*groups))
    head, first, *_ = table.csv().decode().splitlines()
    assert head.startswith("disorder,patients_a,patients_b,within_a_pairs,within_a_mean")
    assert first.startswith("d1,6,6,15,0.")
    assert len(first.split(",")) == len(table.columns)
    assert first.endswith(",,,,,"), "no blocks without a reference"
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match="pandas is not installed"):
        table.frame()


def test_tables_are_frames_of_pandas():
    pytest.importorskip("pandas", reason="pandas is not installed")
    rows = gs.selection_of(np.eye(5, dtype=np.float32), disorders=["x", "x", "y", "y", "y"])
    frame = gs.pairs_table(gs.cluster(rows)).frame()
    assert list(frame.columns)[:2] == ["first", "second"]
    assert gs.measure(rows).frame().loc["1", "1"] == 1
