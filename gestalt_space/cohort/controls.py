"""Controls of a cohort: other patients of the gallery, matched by what is known of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gestalt_space.cohort.families import patients_of, unit_strata, units_of
from gestalt_space.cohort.patients import Fact, strata_of
from gestalt_space.cohort.selection import Selection
from gestalt_space.errors import UsageError


@dataclass(frozen=True)
class MatchedControls:
    """Patients of a cohort and their controls, after matching.

    `unknown`: patients of the cohort who are excluded because a value to match on is not known;
    `unmatched`: those for whom there are too few controls; `relatives`: patients who are not
    controls because members of their family are in the cohort.
    """

    patients: Selection
    controls: Selection
    unknown: int
    unmatched: int
    relatives: int


def unrelated_others(
    cohort: Selection, gallery: Selection, *, with_family: bool
) -> tuple[Selection, int]:
    """The gallery's patients outside the cohort and its families, and the number of excluded
    relatives."""
    members = set(cohort.patients)
    families = set() if with_family else set(cohort.people.family.tolist()) - {""}
    others = [
        (one, family in families)
        for one, family in zip(gallery.patients, gallery.people.family.tolist(), strict=True)
        if one not in members
    ]
    kept = [one for one, related in others if not related]
    return gallery.only(kept), len(others) - len(kept)


def matched_controls(
    cohort: Selection,
    gallery: Selection,
    facts: Sequence[Fact],
    *,
    each: int = 1,
    seed: int = 0,
    with_family: bool = False,
) -> MatchedControls:
    """Draw `each` control families of the same stratum for each family of a cohort.

    Every family that is kept has as many, so that the groups have the same composition. Families
    with an unknown value are excluded, and so are families of the cohort for whom too few controls
    are left, chosen at random. If `with_family`, patients are drawn. Raises `UsageError` if nobody
    is left.
    """
    others, relatives = unrelated_others(cohort, gallery, with_family=with_family)
    units = [units_of(group, with_family=with_family) for group in (cohort, others)]
    strata = [
        unit_strata(strata_of(group, facts), of)
        for group, of in zip((cohort, others), units, strict=True)
    ]
    rng = np.random.default_rng([seed, 1])
    kept = [np.zeros(len(of), bool) for of in strata]
    for name in sorted(set(strata[0].tolist()) - {""}):
        places = [np.flatnonzero(of == name) for of in strata]
        size = min(len(places[0]), len(places[1]) // each)
        for which, there, take in zip(kept, places, (size, size * each), strict=True):
            which[rng.permutation(there)[:take]] = True
    known = strata[0] != ""
    if not kept[0].any():
        _nobody(facts, known=bool(known.any()))
    patients, controls = (
        patients_of(group, which[of])
        for group, which, of in zip((cohort, others), kept, units, strict=True)
    )
    return MatchedControls(
        patients,
        controls,
        unknown=int(np.sum(~known[units[0]])),
        unmatched=int(np.sum((known & ~kept[0])[units[0]])),
        relatives=relatives,
    )


def _nobody(facts: Sequence[Fact], *, known: bool) -> None:
    told = " and ".join(facts)
    if not known:
        raise UsageError(
            f"No patient of the cohort has a known {told}.",
            "Add the missing facts: `gestalt index add patients.csv`. Or match on other "
            "attributes.",
        )
    raise UsageError(
        f"No patient of the cohort has enough controls with the same {told}."
        if facts
        else "The gallery has too few other patients for controls.",
        "Add patients to the gallery"
        + (", match on fewer attributes," if facts else "")
        + " or ask for fewer controls.",
    )
