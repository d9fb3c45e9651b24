"""Patients as statistical units: a family is one unit, and its members are not evidence for each
other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.selection import Selection
from gestalt_space.errors import UsageError

Numbers = NDArray[np.int64]
NAMED = 3
"""Families or sites in a message, at the most."""


def units_of(selection: Selection, *, with_family: bool = False) -> Numbers:
    """`(p,)`: the number of each patient's family, from 0; if `with_family`, each patient is a
    unit."""
    return np.arange(len(selection.patients)) if with_family else selection.families


def unit_word(*, with_family: bool) -> str:
    """What is counted, plural. A patient without a recorded family is a family."""
    return "patients" if with_family else "families"


def unit_means(means: NDArray[np.float32], units: Numbers) -> NDArray[np.float32]:
    """The mean `(u, d)` of the patients' means `(p, d)` in each unit, in the order of the
    numbers."""
    sums = np.zeros((int(units.max(initial=-1)) + 1, means.shape[1]))
    np.add.at(sums, units, means)
    return np.asarray(sums / np.bincount(units)[:, None], dtype=np.float32)


def unit_strata(strata: NDArray[np.str_], units: Numbers) -> NDArray[np.str_]:
    """`(u,)`: the stratum of each unit: those of its patients, joined by ` + `; an empty text if
    one is unknown."""
    found: list[list[str]] = [[] for _ in range(int(units.max(initial=-1)) + 1)]
    for unit, told in zip(units.tolist(), strata.tolist(), strict=True):
        found[unit].append(told)
    told = [" + ".join(sorted(set(one))) if all(one) else "" for one in found]
    return np.array(told, dtype=np.str_).reshape(len(found))


def check_no_shared_family(a: Selection, b: Selection) -> None:
    """Raises `UsageError` for a family with members in both groups: relatives would be compared
    with each other, and their labels cannot be permuted separately."""
    shared = sorted((set(a.people.family.tolist()) & set(b.people.family.tolist())) - {""})
    if shared:
        raise UsageError(
            f"{names_text(shared, 'family', 'families')} has members in both groups."
            if len(shared) == 1
            else f"{names_text(shared, 'family', 'families')} have members in both groups.",
            "Put each family into one group, or count family members as unrelated with "
            "--with-family.",
        )


def site_warnings(
    a: Selection, b: Selection, *, names: tuple[str, str] = ("group A", "group B")
) -> tuple[str, ...]:
    """What cannot be concluded because some sites have photos of only one group; unknown sites are
    ignored. `names`: of the groups, in sentences."""
    in_a, in_b = (set(group.sites.tolist()) - {""} for group in (a, b))
    if not (in_a or in_b):
        return ()
    if not in_a & in_b:
        told = (
            "No site has photos of both groups, so a difference between the groups may be a "
            "difference between the sites."
        )
        return (told,)
    return tuple(
        f"{names_text(sorted(alone), 'site', 'sites')} {'has' if len(alone) == 1 else 'have'} "
        f"photos of {name} only, so a difference may come from the site. To leave these "
        "photos out, match on site."
        for name, alone in zip(names, (in_a - in_b, in_b - in_a), strict=True)
        if alone
    )


def names_text(names: Sequence[str], one: str, many: str) -> str:
    """Names in a sentence, some of them: `Family F1`, `Families F1, F2 and 7 more`."""
    shown, more = ", ".join(names[:NAMED]), len(names) - NAMED
    return f"{(one if len(names) == 1 else many).capitalize()} {shown}" + (
        f" and {more:,} more" if more > 0 else ""
    )


def patients_of(selection: Selection, kept: Iterable[bool]) -> Selection:
    """The selection without the patients `(p,)` who are not kept."""
    pairs = zip(selection.patients, kept, strict=True)
    return selection.only(one for one, keep in pairs if keep)
