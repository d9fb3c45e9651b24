from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.cohort.controls import matched_controls
from gestalt_space.cohort.patients import strata_of
from gestalt_space.cohort.selection import Selection
from gestalt_space.errors import UsageError
from tests.cohort.simulated import simulated


def gallery(sexes: list[str], disorders: list[str], **facts) -> Selection:
    return simulated(np.random.default_rng(1), disorders, sex=sexes, **facts)


def with_a(of: Selection) -> Selection:
    return of.only(one for one, has in zip(of.patients, of.disorders, strict=True) if "a" in has)


def test_every_patient_has_as_many_controls_of_the_same_stratum():
    of = gallery(
        ["female"] * 3 + ["male"] * 2 + ["female"] * 7 + ["male"] * 9, ["a"] * 5 + [""] * 16
    )
    found = matched_controls(with_a(of), of, ("sex",), each=2)
    assert strata_of(found.patients, ("sex",)).tolist() == ["female"] * 3 + ["male"] * 2
    assert strata_of(found.controls, ("sex",)).tolist() == ["female"] * 6 + ["male"] * 4
    assert not set(found.patients.patients) & set(found.controls.patients)
    assert (found.unknown, found.unmatched, found.relatives) == (0, 0, 0)


def test_who_cannot_be_matched_is_counted():
    sexes = ["female"] * 4 + ["male"] * 2 + [""] + ["female"] * 3 + ["male"] * 9 + [""] * 2
    of = gallery(sexes, ["a"] * 7 + [""] * 14)
    found = matched_controls(with_a(of), of, ("sex",), each=2)
    assert strata_of(found.patients, ("sex",)).tolist() == ["female", "male", "male"]
    assert strata_of(found.controls, ("sex",)).tolist() == ["female"] * 2 + ["male"] * 4
    assert (found.unknown, found.unmatched) == (1, 3)


def test_relatives_of_patients_are_no_controls_and_families_are_drawn_whole():
    families = ["F1", "F1", "", "F1", "F2", "F2", "", "F3", "F3"]
    of = gallery([""] * 9, ["a", "a", "a", "", "", "", "", "", ""], family=families)
    found = matched_controls(with_a(of), of, ())
    assert found.relatives == 1
    assert of.patients[3] not in found.controls.patients
    assert len(np.unique(found.patients.families)) == 2
    assert len(np.unique(found.controls.families)) == 2
    for name in ("F2", "F3"):
        members = np.sum(found.controls.people.family == name)
        assert members in (0, 2)
    alone = matched_controls(with_a(of), of, (), with_family=True)
    assert (len(alone.controls.patients), alone.relatives) == (3, 0)


def test_other_seeds_draw_others():
    of = gallery([""] * 40, ["a"] * 5 + [""] * 35)
    drawn = [
        matched_controls(with_a(of), of, (), seed=seed).controls.patients for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_without_controls_nobody_is_compared():
    of = gallery(["female"] * 3 + ["male"] * 3, ["a"] * 3 + [""] * 3)
    with pytest.raises(UsageError, match="has enough controls with the same sex"):
        matched_controls(with_a(of), of, ("sex",))
    with pytest.raises(UsageError, match="No patient of the cohort has a known age"):
        matched_controls(with_a(of), of, ("age",))
    with pytest.raises(UsageError, match="too few other patients"):
        matched_controls(with_a(of), of, (), each=4)
