"""Rows of the tables for people and photos that are made up, put in quickly.

By the driver's `executemany` and with named columns: columns that are added to a table later keep
the defaults that the database gives them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from itertools import repeat

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.store import tables as t
from gestalt_space.types import Descriptors, Ids

ANCESTRIES = (
    "European",
    "East Asian",
    "South Asian",
    "African",
    "Latin American",
    "Middle Eastern",
)
COHORTS = tuple(f"cohort {number}" for number in range(12))
SITES = tuple(f"clinic {number}" for number in range(30))
CONSENTS = ("research", "matching", "publication")
MADE_AT = "2026-01-01 00:00:00.000000"
_FACE = {
    "number": 1,
    "count": 1,
    "detector": "aligned",
    "step": "as is",
    "score": 1.0,
    "box": json.dumps([31.5, 20.25, 220.75, 261.5]),
    "landmarks": json.dumps([[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]]),
    "sharpness": 210.5,
    "size": 189.25,
    "yaw": 3.5,
    "roll": -1.25,
}


def insert_people(session: Session, disorder_of_patient: Ids, seed: int) -> None:
    """Patients `P000000` …, whose keys are their places + 1, with their diagnoses and genes, and
    all disorders. Facts are unknown for some, and a tenth of the patients has a sibling."""
    rng = np.random.default_rng([seed, 3])
    patients, disorders = len(disorder_of_patient), int(disorder_of_patient.max()) + 1
    keys = range(1, patients + 1)
    _insert(
        session,
        "patient",
        id=keys,
        external_id=[f"P{place:06d}" for place in range(patients)],
        sex=_texts(rng, ("female", "male"), patients, unknown=0.05),
        ancestry=_texts(rng, ANCESTRIES, patients, unknown=0.2),
        cohort=_texts(rng, COHORTS, patients, unknown=0.1),
        consent=_texts(rng, CONSENTS, patients, unknown=0.3),
        family=_families(rng, disorder_of_patient),
        added_at=repeat(MADE_AT),
    )
    places = range(disorders)
    _insert(
        session,
        "disorder",
        id=range(1, disorders + 1),
        code=[f"OMIM:{100_000 + place}" for place in places],
        name=[f"made-up syndrome {place}" for place in places],
    )
    gene_of_disorder = np.where(rng.random(disorders) < 0.7, rng.integers(1, 3_001, disorders), 0)
    _insert(session, "gene", id=range(1, 3_001), symbol=[f"MADE{k}" for k in range(1, 3_001)])
    known = np.flatnonzero(gene_of_disorder)
    _insert(
        session,
        "disorder_gene",
        disorder_id=(known + 1).tolist(),
        gene_id=gene_of_disorder[known].tolist(),
    )
    diagnosed = np.flatnonzero(disorder_of_patient >= 0)
    _insert(
        session,
        "diagnosis",
        patient_id=(diagnosed + 1).tolist(),
        disorder_id=(disorder_of_patient[diagnosed] + 1).tolist(),
        certainty=repeat("diagnosed"),
    )
    genes = gene_of_disorder[disorder_of_patient[diagnosed]]
    tested = np.flatnonzero((genes > 0) & (rng.random(len(genes)) < 0.5))
    _insert(
        session,
        "patient_gene",
        patient_id=(diagnosed[tested] + 1).tolist(),
        gene_id=genes[tested].tolist(),
    )


def insert_photos(
    session: Session, first: int, patients: Ids, vectors: Descriptors, *, space_id: int, seed: int
) -> None:
    """Photos of patients by place, a face and a descriptor `(n, d)` for each. Their keys and
    sequence numbers are the row's place in the gallery + 1, which begins with `first` here."""
    rng = np.random.default_rng([seed, 4, first])
    n = len(patients)
    keys = range(first + 1, first + n + 1)
    ages = np.round(rng.gamma(1.5, 6.0, n), 2)
    _insert(
        session,
        "photo",
        id=keys,
        patient_id=(patients + 1).tolist(),
        sha256=[hashlib.sha256(b"%d" % key).hexdigest() for key in keys],
        name=[f"photo-{key:07d}.jpg" for key in keys],
        age=[age if known else None for age, known in zip(ages, rng.random(n) > 0.15, strict=True)],
        site=_texts(rng, SITES, n, unknown=0.4),
        width=repeat(640),
        height=repeat(800),
        added_at=repeat(MADE_AT),
    )
    _insert(session, "face", id=keys, photo_id=keys, **{k: repeat(v) for k, v in _FACE.items()})
    _insert(
        session,
        "descriptor",
        id=keys,
        face_id=keys,
        space_id=repeat(space_id),
        sequence=keys,
        vector=(vector.tobytes() for vector in vectors),
    )
    session.execute(sa.update(t.Change).values(sequence=keys[-1]))


def _insert(session: Session, table: str, **columns: Iterable[object]) -> None:
    names = ", ".join(f'"{name}"' for name in columns)
    holders = ", ".join("?" * len(columns))
    driver = session.connection().connection.driver_connection
    assert driver is not None
    # Columns of one value are repeated without end.
    rows = zip(*columns.values(), strict=False)
    driver.executemany(f"INSERT INTO {table} ({names}) VALUES ({holders})", rows)


def _texts(
    rng: np.random.Generator, choices: Sequence[str], count: int, *, unknown: float
) -> list[str | None]:
    chosen = rng.integers(0, len(choices), count)
    chosen[rng.random(count) < unknown] = -1
    return [None if one < 0 else choices[one] for one in chosen.tolist()]


def _families(rng: np.random.Generator, disorder_of_patient: Ids) -> list[str | None]:
    """Names of families: pairs of patients of one disorder, a tenth of all."""
    names: list[str | None] = [None] * len(disorder_of_patient)
    by_disorder = np.argsort(disorder_of_patient, kind="stable")
    pairs = by_disorder[: len(by_disorder) // 2 * 2].reshape(-1, 2)
    alike = disorder_of_patient[pairs[:, 0]] == disorder_of_patient[pairs[:, 1]]
    for number, pair in enumerate(pairs[alike & (rng.random(len(pairs)) < 0.1)].tolist()):
        for place in pair:
            names[place] = f"F{number:05d}"
    return names
