"""How the neighbours of a probe, and all who are eligible, are made up: how many share the sex, age
group and ancestry of its patient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gestalt_space.gallery.people import folded_hashes
from gestalt_space.match.answer import SharedTrait
from gestalt_space.match.demographics import age_group_numbers, age_groups
from gestalt_space.match.lines import RankedLine
from gestalt_space.match.view import GalleryView, OwnFamily
from gestalt_space.ranking.grouping import Numbers


def composition(
    view: GalleryView, lines: Sequence[RankedLine], family: OwnFamily
) -> tuple[SharedTrait, ...]:
    """For each of the three that the question tells. The neighbours are the patients whose photos
    the lines rest on."""
    question, state = view.question, view.state
    told = (question.ancestry, question.sex, question.age)
    if all(fact is None for fact in told):
        return ()
    eligible = _eligible(view, family)
    neighbours = np.unique(np.array([line.patient for line in lines], dtype=np.int64))
    found = []
    for fact, value in (("ancestry", question.ancestry), ("sex", question.sex)):
        if value is not None:
            wanted = int(folded_hashes([value])[0])
            shares = [
                _share(patients, state.people.fact(fact, patients), wanted)
                for patients in (neighbours, eligible)
            ]
            found.append(SharedTrait(fact, value, *shares[0], *shares[1]))
    if question.age is not None:
        ages = np.array([question.age])
        wanted = int(age_group_numbers(ages)[0])
        groups = age_group_numbers(state.ages)
        rows = np.isin(state.patients, eligible)
        if view.rows is not None:
            rows &= view.rows
        nearest = state.rows_with(np.array([line.descriptor for line in lines], dtype=np.int64))
        shares = [
            _share(state.patients[of], groups[of], wanted) for of in (nearest, np.flatnonzero(rows))
        ]
        found.append(SharedTrait("age group", str(age_groups(ages)[0]), *shares[0], *shares[1]))
    return tuple(found)


def _eligible(view: GalleryView, family: OwnFamily) -> Numbers:
    """The keys of the patients who may be evidence."""
    patients = np.unique(view.state.people.pairs(view.question.by)[0])
    patients = patients[patients < len(view.photo_counts)]
    patients = patients[view.photo_counts[patients] > 0]
    return patients[~np.isin(patients, family.keys)]


def _share(owners: Numbers, values: NDArray[np.int64], wanted: int) -> tuple[int, int]:
    """Of the patients whose these are, how many have the value, and of how many one is known."""
    return len(np.unique(owners[values == wanted])), len(np.unique(owners[values != 0]))
