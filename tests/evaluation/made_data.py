"""Small galleries to evaluate, from lists."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gestalt_space.evaluation.gallery_data import SpaceData
from gestalt_space.evaluation.strata import Facts
from gestalt_space.ranking.grouping import grouping
from gestalt_space.types import Descriptors
from tests.made import unit


def space_data(
    descriptors: Descriptors,
    patient_of_row: Sequence[int],
    disorders: Sequence[Sequence[int]],
    *,
    space: str = "made",
    sex: Sequence[str] = (),
    ancestry: Sequence[str] = (),
    ages: Sequence[float] = (),
    cohorts: Sequence[str] = (),
    families: Sequence[int] | None = None,
) -> SpaceData:
    """Patients P0, P1, … with disorders D0, D1, …, none for those who are undiagnosed."""
    count = len(disorders)
    owners = np.array(patient_of_row, np.int64)
    pairs = [(patient, group) for patient, groups in enumerate(disorders) for group in groups]
    most = 1 + max((group for _, group in pairs), default=0)
    return SpaceData(
        space=space,
        fingerprint=f"{space}-" + "0" * 60,
        by="disorder",
        descriptors=np.asarray(descriptors, np.float32),
        patients=tuple(f"P{number}" for number in range(count)),
        grouping=grouping(
            np.arange(len(owners)),
            owners,
            np.array(pairs, np.int64).reshape(-1, 2),
            families=None if families is None else np.array(families, np.int64),
        ),
        titles=tuple((f"D{number}", f"disorder {number}") for number in range(most)),
        facts=Facts(
            np.array(sex or [""] * count),
            np.array(ancestry or [""] * count),
            np.array(ages or [np.nan] * len(owners)),
            owners,
        ),
        cohorts=np.array(cohorts or [""] * count),
    )


def disorders_of(data: SpaceData) -> list[list[int]]:
    """The disorders of each patient, as `space_data` takes them."""
    truth = data.grouping
    found: list[list[int]] = [[] for _ in data.patients]
    for place, group in zip(truth.members, truth.group_of_member, strict=True):
        found[int(truth.patients[place])].append(int(truth.groups[group]))
    return found


def random_data(
    seed: int, *, patients: int = 40, disorders: int = 6, dim: int = 8, most: int = 2
) -> SpaceData:
    """Patients of one to three photos, some with `most` disorders and some with none, around a
    place for each disorder."""
    rng = np.random.default_rng(seed)
    places = unit(rng, disorders, dim)
    of = [
        [int(one) for one in rng.choice(disorders, int(size), replace=False)]
        for size in rng.choice([0, 1, 1, 1, 1, most], patients)
    ]
    owners = np.repeat(np.arange(patients), rng.integers(1, 4, patients))
    middles = np.stack([places[groups].sum(axis=0) if groups else np.zeros(dim) for groups in of])
    rows = middles[owners] + 0.5 * rng.standard_normal((len(owners), dim))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return space_data(
        rows,
        owners.tolist(),
        of,
        sex=rng.choice(["female", "male", ""], patients).tolist(),
        ancestry=rng.choice(["European", "Asian"], patients).tolist(),
        ages=rng.uniform(0, 15, len(owners)).tolist(),
        cohorts=["controls" if not groups else "" for groups in of],
    )
