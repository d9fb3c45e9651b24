"""Two groups made alike: as many patients of each disorder, sex and age group in both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.patients import Fact, strata_of
from gestalt_space.cohort.selection import Selection
from gestalt_space.errors import UsageError


def match_groups(
    a: Selection, b: Selection, facts: Sequence[Fact], seed: int
) -> tuple[Selection, Selection]:
    """Patients of both groups, drawn so that each set of disorders has as many of every stratum in
    both. Without facts, the groups as they are.

    Patients of whom a fact is not known are left out. Raises `UsageError` where nobody's is known
    in a group, and where nobody is left.
    """
    if not facts:
        return a, b
    strata = strata_of(a, facts), strata_of(b, facts)
    for name, told in zip(("first", "second"), strata, strict=True):
        if not (told != "").any():
            raise UsageError(
                f"The {' and '.join(facts)} of no patient of the {name} group is known.",
                "Leave --match out, or add what is missing: `gestalt index add patients.csv`.",
            )
    keys = tuple(_keys(told, group.disorders) for told, group in zip(strata, (a, b), strict=True))
    rng = np.random.default_rng(seed)
    kept = np.zeros(len(a.patients), bool), np.zeros(len(b.patients), bool)
    for key in sorted(set(keys[0]) & set(keys[1])):
        places = [np.array([i for i, one in enumerate(of) if one == key]) for of in keys]
        size = min(map(len, places))
        for which, there in zip(kept, places, strict=True):
            which[rng.permutation(there)[:size]] = True
    if not kept[0].any():
        raise UsageError(
            f"No patient of one group is like one of the other in disorder and "
            f"{' and '.join(facts)}.",
            "Match on less.",
        )
    return _only(a, kept[0]), _only(b, kept[1])


def _keys(strata: NDArray[np.str_], disorders: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """What a patient has in common with those who may stand for them; for one who is not known,
    something of their own."""
    return [
        (told, *has) if told else ("", str(place))
        for place, (told, has) in enumerate(zip(strata.tolist(), disorders, strict=True))
    ]


def _only(group: Selection, kept: NDArray[np.bool_]) -> Selection:
    return group.only(one for one, keep in zip(group.patients, kept, strict=True) if keep)
