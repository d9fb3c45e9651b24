"""How well each group's patients are recognised by the photos of their own group, of the other one,
and of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.selection import Selection
from gestalt_space.evaluation.accuracy import Accuracy, measure
from gestalt_space.evaluation.cases import Cases, ask, patient_probes
from gestalt_space.ranking.grouping import Grouping, grouping
from gestalt_space.stats.resampling import Bootstrap

Evidence = Literal["own", "other", "both"]
EVIDENCE: tuple[Evidence, ...] = get_args(Evidence)


@dataclass(frozen=True)
class CrossAccuracy:
    """Of one group's patients (`group` is `a` or `b`), each one's photos as one, against the photos
    of `evidence`."""

    group: Literal["a", "b"]
    evidence: Evidence
    accuracy: Accuracy


def cross_accuracy(
    a: Selection,
    b: Selection,
    members: Mapping[str, tuple[NDArray[np.int64], NDArray[np.int64]]],
    bootstrap: Bootstrap,
) -> tuple[CrossAccuracy, ...]:
    """Top-k of both groups' patients against three galleries each, by the nearest photo.

    Asked about are the patients of the compared disorders, whose places in both groups `members`
    gives: all of them can be found in every gallery, so that the figures are of the same patients.
    Evidence are all diagnosed patients of a gallery; the own patient is left out.
    """
    count = len(a.patients)
    descriptors = np.concatenate([a.descriptors, b.descriptors])
    owner = np.concatenate([a.patient_of_row, count + b.patient_of_row])
    names = sorted({one for group in (a, b) for has in group.disorders for one in has})
    number = {name: place for place, name in enumerate(names)}
    pairs = np.array(
        [
            (place, number[one])
            for place, has in enumerate((*a.disorders, *b.disorders))
            for one in has
        ]
    )
    rows_of = {"a": np.flatnonzero(owner < count), "b": np.flatnonzero(owner >= count)}
    rows_of["both"] = np.arange(len(owner))
    evidence = {name: grouping(rows, owner[rows], pairs) for name, rows in rows_of.items()}
    found = []
    asked: tuple[tuple[Literal["a", "b"], Literal["a", "b"], int], ...]
    asked = (("a", "b", 0), ("b", "a", count))
    for group, other, first in asked:
        truth = np.array(
            sorted(
                (first + int(place), number[name])
                for name, places in members.items()
                for place in places[0 if group == "a" else 1]
            )
        )
        galleries: Mapping[Evidence, str] = {"own": group, "other": other, "both": "both"}
        for told, key in galleries.items():
            accuracy = _accuracy(descriptors, owner, truth, evidence[key], bootstrap)
            found.append(CrossAccuracy(group, told, accuracy))
    return tuple(found)


def _accuracy(
    descriptors: NDArray[np.float32],
    owner: NDArray[np.int64],
    truth: NDArray[np.int64],
    evidence: Grouping,
    bootstrap: Bootstrap,
) -> Accuracy:
    """Of pairs `(c, 2)` of patient and true disorder, a patient in one at the most."""
    patients, groups = truth.T
    probes = patient_probes(descriptors, owner, patients)
    sizes = evidence.patient_counts[np.searchsorted(evidence.groups, groups)]
    cases = Cases(np.arange(len(patients)), patients, groups, sizes)
    answers = ask(probes, cases, descriptors, evidence, ["nearest"])
    return measure([answers.ranks["nearest"]], patients, groups, bootstrap)[0]
