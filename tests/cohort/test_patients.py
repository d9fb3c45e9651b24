"""What patients are matched by."""

from __future__ import annotations

import numpy as np

from gestalt_space.cohort.arrays import selection_of
from gestalt_space.cohort.patients import parse_facts, patient_sites, strata_of


def test_a_patients_site_is_that_of_all_photos():
    """Of a photos are of one site, of b of two, of c one is not known."""
    rows = np.eye(6, dtype=np.float32)
    group = selection_of(
        rows, ["a", "a", "b", "b", "c", "c"], site=["A", "A", "A", "B", "A", None], sex=["male"] * 6
    )
    assert patient_sites(group).tolist() == ["A", "", ""]
    assert parse_facts(["site,sex"]) == ("sex", "site")
    assert strata_of(group, ("sex", "site")).tolist() == ["male, A", "", ""]


def test_patients_of_one_age_group_whose_faces_differ_are_of_several_strata():
    rows = np.eye(4, dtype=np.float32)
    group = selection_of(rows, ["a", "b", "c", "d"], ages=[11, 17, 45, 64])
    assert strata_of(group, ("age",)).tolist() == [
        *("10 to 12 years", "16 to 19 years", "40 to 49 years", "60 to 69 years")
    ]
