"""What `benchmarks.confounded` is made of: statistics, and the faults they are tried on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from gestalt_space.cohort.selection import Selection
from gestalt_space.simulate.planted import PlantedPlan

Fault = Callable[[PlantedPlan], PlantedPlan]
Verdict = float | bool | None
"""A p-value, whether something was found, or None where the statistic withholds its figure."""

LEVEL = 0.05
EXACT = (0.03, 0.065)
"""Shares of null cohorts in which a test at the level may reject."""
BOUND = (0.0, LEVEL)
"""The same for what is only promised not to be found more often."""


@dataclass(frozen=True)
class Statistic:
    """Something that a cohort is asked, with an answer that is known.

    `ask`: a cohort and a seed give the verdict. `null`: what is planted where there is nothing to
    find, `real`: where there is; a fault is laid over both. `within`: the shares of null cohorts
    that may reject. `limits`: faults that the statistic does not claim to withstand, with the
    reason; they are measured all the same.
    """

    name: str
    ask: Callable[[Selection, int], Verdict]
    null: PlantedPlan
    real: PlantedPlan
    within: tuple[float, float] = EXACT
    limits: Mapping[str, str] = field(default_factory=dict)


def _with(**changes: object) -> Fault:
    def lay(plan: PlantedPlan) -> PlantedPlan:
        return replace(plan, **changes)  # type: ignore[arg-type]

    return lay


def _unequal(plan: PlantedPlan) -> PlantedPlan:
    """One patient in four is of B; later disorders keep 5 patients, the first get the others."""
    middle = (len(plan.sizes) + 1) // 2
    first, later = plan.sizes[:middle], plan.sizes[middle:]
    moved = sum(max(0, size - 5) for size in later)
    more = [moved // middle + (place < moved % middle) for place in range(middle)]
    grown = [size + extra for size, extra in zip(first, more, strict=True)]
    return replace(plan, sizes=(*grown, *(min(size, 5) for size in later)), share_b=0.25)


FAULTS: Mapping[str, Fault] = {
    "nothing": _with(),
    "sex imbalance": _with(sex=1.0, female_a=0.75, female_b=0.35),
    "ages": _with(age=0.3, age_a=6.0, age_b=12.0),
    "noisier photos": _with(photo_b=1.5),
    "photos of unequal number": _with(photos=2.5, photos_b=1.3, photos_dispersion=2.0),
    "site shift": _with(sites=2, site=1.0, sites_follow=1.0),
    "site follows disorder": _with(sites=4, site=1.0, sites_follow_disorder=0.8),
    "families": _with(families=0.6, kinship=0.8),
    "wrong diagnoses": _with(wrong=0.15),
    "unequal group sizes": _unequal,
}
"""By name; each a change of what is planted."""
