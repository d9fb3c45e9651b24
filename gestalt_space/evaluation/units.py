"""What is resampled to estimate how well other patients would have been ranked: families within
disorders; for small disorders, the whole disorder.

Two patients with one disorder share one similarity, by which both are found or missed: they do not
show how much another pair would differ. So each small disorder is a unit, in a stratum of disorders
of about its size (collapsed strata: Hansen, Hurwitz and Madow 1953). Differences between disorders
of the same size are then part of the interval, too, which makes it rather too wide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.ranking.grouping import Grouping, Numbers

LARGE = 6
"""Number of families from which on a disorder is a stratum, within which families are drawn."""
FEWEST_DISORDERS = 6
"""Number of small disorders in a stratum of their size; if fewer, the next size is added."""


@dataclass(frozen=True)
class Units:
    """`of_patient` `(p,)`: the unit of each patient's number, -1 for the undiagnosed. `strata`
    `(u,)`: the stratum of each unit."""

    of_patient: Numbers
    strata: Numbers


def draw_units(truth: Grouping, families: Numbers, roles: Numbers | None = None) -> Units:
    """The units of the patients of a grouping.

    `families` `(p,)`: a number that the relatives of each patient share. `roles` `(p,)`: numbers of
    the patients' roles, if some are only evidence and others are only tested. A patient with
    several disorders belongs to the one with the fewest families.
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
    """The size class of each selected one of `sizes` `(u,)`: by ascending size, `FEWEST_DISORDERS`
    per class; the remainder joins the last class."""
    found, counts = np.unique(sizes[which], return_counts=True)
    classes, number, count = np.zeros(len(found), dtype=np.int64), 0, 0
    for place in range(len(found)):
        rest = int(counts[place:].sum())
        if count >= FEWEST_DISORDERS and rest >= FEWEST_DISORDERS:
            number, count = number + 1, 0
        classes[place] = number
        count += int(counts[place])
    return classes[np.searchsorted(found, sizes[which])]
