from __future__ import annotations

import numpy as np

from gestalt_space.evaluation.cases import Cases
from gestalt_space.evaluation.measuring import AccuracyEstimator, RankedCases
from gestalt_space.evaluation.strata import (
    SEVERAL_AGES,
    UNKNOWN,
    Facts,
    SubgroupAccuracy,
    size_groups,
    stratify,
    too_small,
)
from gestalt_space.evaluation.units import Units
from gestalt_space.stats.resampling import Bootstrap

FEW = Bootstrap(100, 0)


def strata() -> dict[tuple[str, str], SubgroupAccuracy]:
    """Four patients: P0 with photos at 0.5 and 3 years, P1 at 12, P2 at no known age, P3 at 4."""
    owners = np.array([0, 0, 1, 2, 3])
    facts = Facts(
        sex=np.array(["female", "female", "male", ""]),
        ancestry=np.array(["European", "european", "European", "Asian"]),
        ages=np.array([0.5, 3, 12, np.nan, 4]),
        patient_of_row=owners,
    )
    images = RankedCases(
        Cases(np.arange(5), owners, np.array([0, 0, 0, 1, 1]), np.array([2, 2, 2, 7, 7])),
        np.array([1, 9, 1, 2, 1]),
        np.arange(5),
    )
    patients = RankedCases(
        Cases(np.arange(4), np.arange(4), np.array([0, 0, 1, 1]), np.array([2, 2, 7, 7])),
        np.array([1, 1, 2, 1]),
        np.full(4, -1),
    )
    measuring = AccuracyEstimator(Units(np.arange(9), np.arange(9)), np.arange(9), FEW)
    parts = stratify(images, patients, facts, measuring)
    return {(part.attribute, part.value): part for part in parts}


def test_every_part_has_its_cases() -> None:
    found = strata()
    counts = {
        key: (
            None if part.images is None else part.images.cases,
            None if part.patients is None else part.patients.cases,
        )
        for key, part in found.items()
    }
    assert counts == {
        ("ancestry", "Asian"): (1, 1),
        ("ancestry", "European"): (4, 3),
        ("sex", "female"): (3, 2),
        ("sex", "male"): (1, 1),
        ("sex", UNKNOWN): (1, 1),
        ("age", "under 1 year"): (1, None),
        ("age", "1 to 4 years"): (2, 1),
        ("age", "10 years and older"): (1, 1),
        ("age", SEVERAL_AGES): (None, 1),
        ("age", UNKNOWN): (1, 1),
        ("disorder", "2 patients"): (3, 2),
        ("disorder", "7+ patients"): (2, 2),
    }


def test_the_parts_stand_in_their_natural_order() -> None:
    assert [value for attribute, value in strata() if attribute == "age"] == [
        "under 1 year",
        "1 to 4 years",
        "10 years and older",
        SEVERAL_AGES,
        UNKNOWN,
    ]


def test_a_part_is_measured_by_itself() -> None:
    part = strata()["sex", "female"]
    assert part.images is not None
    assert part.images.top[1].value == 2 / 3
    assert part.images.patients == 2
    assert too_small(part.images)


def test_sizes_of_disorders() -> None:
    assert size_groups(np.array([1, 2, 3, 6, 7, 60])).tolist() == [
        "1 patient",
        "2 patients",
        "3–6 patients",
        "3–6 patients",
        "7+ patients",
        "7+ patients",
    ]
