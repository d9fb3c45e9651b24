"""Matched groups: the same number of families with each disorder, sex and age group in both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.families import patients_of, unit_strata, units_of
from gestalt_space.cohort.patients import Fact, strata_of
from gestalt_space.cohort.selection import Selection
from gestalt_space.errors import UsageError

Key = tuple[str, ...]


def match_groups(
    a: Selection, b: Selection, facts: Sequence[Fact], seed: int, *, with_family: bool = False
) -> tuple[Selection, Selection]:
    """Subsample the families of both groups so that each set of disorders has the same number of
    families of every stratum in both. Without facts, the groups are unchanged. If `with_family`,
    patients are drawn.

    A family with members of several strata is matched with one of the same strata. Families with an
    unknown value are excluded, and so are those whose stratum does not occur in the other group.
    Raises `UsageError` if no value is known in a group, and if nobody is left.
    """
    if not facts:
        return a, b
    for name, group in (("first", a), ("second", b)):
        if not (strata_of(group, facts) != "").any():
            raise UsageError(
                f"No patient of the {name} group has a known {' and '.join(facts)}.",
                "Leave out --match, or add the missing facts: `gestalt index add patients.csv`.",
            )
    units = [units_of(group, with_family=with_family) for group in (a, b)]
    keys = [_keys(group, of, facts) for group, of in zip((a, b), units, strict=True)]
    rng = np.random.default_rng(seed)
    kept = [np.zeros(len(of), bool) for of in keys]
    for key in sorted((set(keys[0]) & set(keys[1])) - {()}):
        places = [np.array([i for i, one in enumerate(of) if one == key]) for of in keys]
        size = min(map(len, places))
        for which, there in zip(kept, places, strict=True):
            which[rng.permutation(there)[:size]] = True
    if not kept[0].any():
        raise UsageError(
            f"The groups have no patients with the same disorder and {' and '.join(facts)}.",
            "Match on fewer attributes.",
        )
    first, second = (
        patients_of(group, which[of]) for group, which, of in zip((a, b), kept, units, strict=True)
    )
    return first, second


def _keys(group: Selection, units: NDArray[np.int64], facts: Sequence[Fact]) -> list[Key]:
    """What a unit has in common with the units it can be matched with: stratum and disorders; empty
    if unknown."""
    strata = unit_strata(strata_of(group, facts), units).tolist()
    disorders: list[set[str]] = [set() for _ in strata]
    for unit, has in zip(units.tolist(), group.disorders, strict=True):
        disorders[unit].update(has)
    return [
        (told, *sorted(has)) if told else () for told, has in zip(strata, disorders, strict=True)
    ]
