"""What is drawn anew when an evaluation asks how well other patients would have been ranked:
families within disorders; of small disorders, the whole.

Two patients of one disorder have one similarity, by which both are found or missed: nothing in them
tells how much another pair would differ. So small disorders are each drawn as one, among others of
about their size (collapsed strata: Hansen, Hurwitz and Madow 1953). What disorders of one size
differ by is then in the interval, too, which makes it rather too wide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.ranking.grouping import Grouping, Numbers

LARGE = 6
"""Families of a disorder from which on it is a stratum, and families are drawn within it."""
FEWEST_DISORDERS = 6
"""Small disorders that make a stratum of their size; with fewer, the next size is taken in."""


@dataclass(frozen=True)
class Units:
    """`of_patient` `(p,)`: the unit of each patient's number, -1 for the undiagnosed. `strata`
    `(u,)`: the stratum of each unit."""

    of_patient: Numbers
    strata: Numbers


def draw_units(truth: Grouping, families: Numbers, roles: Numbers | None = None) -> Units:
    """The units of the patients of a grouping.

    `families` `(p,)`: a number of each patient that relatives share. `roles` `(p,)`: numbers of
    what patients are used as, where some are evidence alone and others are asked about alone. A
    patient with several disorders is drawn with the one of the fewest families.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    patients = truth.patients[truth.members]
    pairs = np.unique(np.stack([truth.group_of_member, families[patients]]), axis=1)
    sizes = np.bincount(pairs[0], minlength=len(truth.groups))
    order = np.lexsort((sizes[truth.group_of_member], patients))
    diagnosed, first = np.unique(patients[order], return_index=True)
    home = truth.group_of_member[order][first]

    # Patients, families and small disorders are joined: what hangs together is one unit.
    people, many = len(families), int(families.max(initial=-1)) + 1
    small = sizes[home] < LARGE
    left = np.concatenate([diagnosed, diagnosed[small]])
    right = np.concatenate([people + families[diagnosed], people + many + home[small]])
    nodes = people + many + len(truth.groups)
    links = coo_array((np.ones(len(left)), (left, right)), shape=(nodes, nodes))
    label = connected_components(links, directed=False)[1][diagnosed]
    _, first_of, unit = np.unique(label, return_index=True, return_inverse=True)

    is_small = np.zeros(len(first_of), dtype=bool)
    np.logical_or.at(is_small, unit, small)
    counted = np.unique(np.stack([unit, families[diagnosed]]), axis=1)[0]
    role = np.zeros(len(first_of), dtype=np.int64)
    if roles is not None:
        role = roles[diagnosed[first_of]]
    within = np.stack([np.zeros_like(role), home[first_of], role])
    of_size = _size_classes(np.bincount(counted), is_small)
    within[:, is_small] = np.stack([np.ones_like(of_size), of_size, np.zeros_like(of_size)])
    strata = np.unique(within, axis=1, return_inverse=True)[1].reshape(-1)
    of_patient = np.full(people, -1, dtype=np.int64)
    of_patient[diagnosed] = unit
    return Units(of_patient, strata.astype(np.int64))


def _size_classes(sizes: Numbers, which: NDArray[np.bool_]) -> Numbers:
    """The class of each of those of `sizes` `(u,)` that are meant: ascending sizes, each class with
    `FEWEST_DISORDERS`, the last of what is left with the one before."""
    found, counts = np.unique(sizes[which], return_counts=True)
    classes, number, count = np.zeros(len(found), dtype=np.int64), 0, 0
    for place in range(len(found)):
        rest = int(counts[place:].sum())
        if count >= FEWEST_DISORDERS and rest >= FEWEST_DISORDERS:
            number, count = number + 1, 0
        classes[place] = number
        count += int(counts[place])
    return classes[np.searchsorted(found, sizes[which])]
