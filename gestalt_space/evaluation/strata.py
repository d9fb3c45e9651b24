"""Accuracy for groups of patients (Lesmann 2024): by ancestry, sex, age group and number of
patients with the disorder. Nothing about a person is inferred; patients with an unknown value are a
separate group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.evaluation.accuracy import Accuracy
from gestalt_space.evaluation.measuring import AccuracyEstimator, RankedCases
from gestalt_space.match.demographics import AGE_GROUPS, age_groups
from gestalt_space.ranking.grouping import Numbers

Texts = NDArray[np.str_]

FEWEST_PATIENTS = 10
"""A group with fewer patients is too small to conclude anything."""
UNKNOWN = "unknown"
SEVERAL_AGES = "several groups"
SIZES = ("1 patient", "2 patients", "3–6 patients", "7+ patients")
"""Of disorders, as in GMDB: rare ones have 2 to 6, frequent ones more."""
_SIZE_STARTS = (2, 3, 7)
_ORDER = (*AGE_GROUPS, SEVERAL_AGES, *SIZES)


@dataclass(frozen=True, slots=True)
class SubgroupAccuracy:
    """One group: the patients with `value` for `attribute`. `images`, with every photo as a probe,
    and `patients`, with all photos as one, are None if the group has no such case."""

    attribute: str
    value: str
    images: Accuracy | None
    patients: Accuracy | None


@dataclass(frozen=True)
class Facts:
    """Known facts: for patients `(p,)`, by their numbers, `sex` and `ancestry`, an empty text if
    unknown; for photos `(n,)` their `ages` in years, NaN if unknown, and the patients' numbers."""

    sex: Texts
    ancestry: Texts
    ages: NDArray[np.float64]
    patient_of_row: Numbers


def stratify(
    images: RankedCases, patients: RankedCases, facts: Facts, measuring: AccuracyEstimator
) -> tuple[SubgroupAccuracy, ...]:
    """The accuracy of every group, attribute by attribute."""
    ages = _ages_of_patients(facts)
    sexes, ancestries = _as_usual(facts.sex), _as_usual(facts.ancestry)
    ages_of_rows = age_groups(facts.ages)
    attributes = (
        ("ancestry", ancestries[images.cases.patients], ancestries[patients.cases.patients]),
        ("sex", sexes[images.cases.patients], sexes[patients.cases.patients]),
        ("age", ages_of_rows[images.rows], ages[patients.cases.patients]),
        ("disorder", size_groups(images.cases.sizes), size_groups(patients.cases.sizes)),
    )
    return tuple(
        SubgroupAccuracy(
            attribute,
            value or UNKNOWN,
            _measured(images, of_images == value, measuring),
            _measured(patients, of_patients == value, measuring),
        )
        for attribute, of_images, of_patients in attributes
        for value in _in_order({*of_images.tolist(), *of_patients.tolist()})
    )


def too_small(found: Accuracy) -> bool:
    """Whether a group has too few patients to conclude anything."""
    return found.patients < FEWEST_PATIENTS


def size_groups(sizes: Numbers) -> Texts:
    """The group of each number of patients with a disorder."""
    return np.array(SIZES)[np.searchsorted(_SIZE_STARTS, sizes, side="right")]


def _measured(
    ranked: RankedCases, which: NDArray[np.bool_], measuring: AccuracyEstimator
) -> Accuracy | None:
    return measuring.accuracy(ranked.of(which)) if which.any() else None


def _ages_of_patients(facts: Facts) -> Texts:
    """Each patient's age group, if all photos with a known age are in the same group."""
    longest = max(map(len, (*AGE_GROUPS, SEVERAL_AGES)))
    found = np.full(len(facts.sex), "", dtype=f"<U{longest}")
    for group in AGE_GROUPS:
        with_one = np.unique(facts.patient_of_row[age_groups(facts.ages) == group])
        found[with_one] = np.where(found[with_one] == "", group, SEVERAL_AGES)
    return found


def _as_usual(texts: Texts) -> Texts:
    """Texts that differ only in case, all in the most common spelling."""
    counts = Counter(texts.tolist())
    usual: dict[str, str] = {}
    for text in sorted(counts, key=lambda text: (-counts[text], text)):
        usual.setdefault(text.casefold(), text)
    return np.array([usual[text.casefold()] for text in texts.tolist()], dtype=np.str_)


def _in_order(values: set[str]) -> Sequence[str]:
    places = {value: place for place, value in enumerate(_ORDER)}
    return sorted(values, key=lambda value: (value == "", places.get(value, -1), value))
