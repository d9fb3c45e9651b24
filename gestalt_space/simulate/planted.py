"""Cohorts of descriptors whose truth is known, without faces: what statistics are tried on.

A descriptor is the sum of what its patient's disorder, cohort, sex, age, family, person, site and
photo give, brought to unit length. Each part is a vector of a length that the plan states, against
a person's own part of length 1; real cohorts have all of these at once, and any of them may look
like a disorder.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.selection import Selection
from gestalt_space.store.people import PatientFacts

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PlantedPlan:
    """What cohorts are made of. Lengths are against a person's own part, which is 1.

    `sizes`: patients of each disorder. `common`: length of what all faces share; `disorder`: of
    each disorder's part; `photo`: of each photo's own part. `photos`: a patient has one photo, and
    a Poisson number more, `photos` in the mean.

    Cohorts `A` and `B`: `share_b`: share of the patients who are of B; `shift`: length of what B
    differs by; `shifted`: the disorders, by number, that differ, None for all; `shift_own`: whether
    each disorder differs in a direction of its own. `photo_b`: length of the photo's own part in B,
    None for the same.

    `sex`: length of what sexes differ by; `female_a`, `female_b`: shares. `age`: length of what a
    doubling of age gives; ages are log-normal about `age_a` and `age_b` years. `sites`: how many;
    `site`: length of what each differs by; `sites_follow`: 0 where sites are dealt at random, 1
    where the cohort decides; `sites_follow_disorder`: likewise by disorder. `site_photo`: by how
    much the photo's own part grows from site to site.

    `families`: share of the patients who share a family with another one of their disorder, in
    pairs; `kinship`: share of a person's variance that family members have in common. `wrong`:
    share of the patients whose disorder is another than is told. `undiagnosed`: patients without.
    """

    sizes: tuple[int, ...]
    dim: int = 64
    decay: float = 40.0
    common: float = 1.0
    disorder: float = 1.0
    photo: float = 0.7
    photos: float = 1.0
    share_b: float = 0.5
    shift: float = 0.0
    shifted: tuple[int, ...] | None = None
    shift_own: bool = False
    photo_b: float | None = None
    sex: float = 0.0
    female_a: float = 0.5
    female_b: float = 0.5
    age: float = 0.0
    age_a: float = 8.0
    age_b: float = 8.0
    sites: int = 1
    site: float = 0.0
    sites_follow: float = 0.0
    sites_follow_disorder: float = 0.0
    site_photo: float = 1.0
    families: float = 0.0
    kinship: float = 0.5
    wrong: float = 0.0
    undiagnosed: int = 0


def plant(plan: PlantedPlan, seed: int, *, people: int | None = None) -> Selection:
    """Patients and photos of a plan. The same plan and seed give the same.

    `people`: a seed of the patients alone: what disorders, sites and the rest give is then decided
    by `seed`, so that draws of other patients with the same disorders differ in `people`.
    """
    rng = np.random.default_rng([seed, 1])
    world = rng
    if people is not None:
        rng = np.random.default_rng([seed, 1, people])
    spread = np.exp(-np.arange(plan.dim) / plan.decay)
    scale = np.sqrt(spread / spread.sum())

    def noise(count: int, source: np.random.Generator = rng) -> Floats:
        """Rows `(count, d)` whose length is 1 in the mean square."""
        return np.asarray(source.standard_normal((count, plan.dim)) * scale)

    def directions(count: int) -> Floats:
        rows = noise(count, world)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))

    kinds = len(plan.sizes)
    told = np.concatenate(
        [np.repeat(np.arange(kinds), plan.sizes), np.full(plan.undiagnosed, -1)]
    ).astype(np.int64)
    count = len(told)
    true = np.where(
        (told >= 0) & (rng.random(count) < plan.wrong), rng.integers(kinds, size=count), told
    )
    family = _pairs(rng, told, plan.families)
    first_of_family = np.unique(family, return_index=True)[1][family]
    in_b = (rng.random(count) < plan.share_b)[first_of_family]
    female = rng.random(count) < np.where(in_b, plan.female_b, plan.female_a)
    ages = np.where(in_b, plan.age_b, plan.age_a) * np.exp(rng.normal(0, 0.8, count))
    site = rng.integers(plan.sites, size=count)
    site = np.where(rng.random(count) < plan.sites_follow, in_b * (plan.sites - 1), site)
    follows = (rng.random(count) < plan.sites_follow_disorder) & (told >= 0)
    site = np.where(follows, told % plan.sites, site)[first_of_family]

    parts = np.zeros((count, plan.dim)) + plan.common * directions(1)
    disorders = plan.disorder * directions(kinds)
    parts += np.where((true >= 0)[:, None], disorders[true], 0)
    shifts = directions(kinds) if plan.shift_own else np.repeat(directions(1), kinds, axis=0)
    is_shifted = in_b & (true >= 0)
    if plan.shifted is not None:
        is_shifted &= np.isin(true, plan.shifted)
    parts += plan.shift * is_shifted[:, None] * shifts[true]
    parts += plan.sex * (female - 0.5)[:, None] * directions(1)
    parts += plan.age * np.log2(ages / 8)[:, None] * directions(1)
    parts += plan.site * directions(plan.sites)[site]
    shared = plan.kinship * (np.bincount(family)[family] > 1)
    parts += np.sqrt(shared)[:, None] * noise(count)[first_of_family]
    parts += np.sqrt(1 - shared)[:, None] * noise(count)

    owner = np.repeat(np.arange(count), 1 + rng.poisson(plan.photos - 1, count))
    length = np.where(in_b & (plan.photo_b is not None), plan.photo_b or 0.0, plan.photo)
    length = length * plan.site_photo**site
    rows = parts[owner] + length[owner, None] * noise(len(owner))
    return _selection(
        rows / np.linalg.norm(rows, axis=1, keepdims=True),
        owner,
        told,
        ages,
        PatientFacts(
            sex=np.where(female, "female", "male"),
            ancestry=np.full(count, ""),
            cohort=np.where(in_b, "B", "A"),
            consent=np.full(count, ""),
            family=np.where(
                np.bincount(family)[family] > 1, np.char.add("F", family.astype(np.str_)), ""
            ),
        ),
        np.char.add("S", site.astype(np.str_)),
    )


def _pairs(rng: np.random.Generator, told: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """`(p,)`: the number of each patient's family; pairs of one disorder, up to a share of them."""
    family = np.arange(len(told))
    for kind in np.unique(told[told >= 0]):
        members = rng.permutation(np.flatnonzero(told == kind))
        for start in range(0, 2 * int(share * len(members) / 2 + rng.random() * (share < 1)), 2):
            pair = members[start : start + 2]
            family[pair] = pair.min()
    return np.unique(family, return_inverse=True)[1].astype(np.int64)


def _selection(
    rows: Floats,
    owner: NDArray[np.int64],
    told: NDArray[np.int64],
    ages: Floats,
    people: PatientFacts,
    sites: NDArray[np.str_],
) -> Selection:
    names = tuple(f"P{number:05}" for number in range(len(told)))
    return Selection(
        descriptors=rows.astype(np.float32),
        photos=np.array([f"{names[place]}-{row}.png" for row, place in enumerate(owner)]),
        ages=ages[owner],
        sites=sites[owner],
        patient_of_row=owner,
        patients=names,
        people=people,
        disorders=tuple((f"OMIM:{100000 + kind}",) if kind >= 0 else () for kind in told),
        genes=((),) * len(names),
        stored_as=names,
        space="planted",
        fingerprint="f" * 64,
        slots=1,
        source="planted",
    )
