"""What sites, families and wrong diagnoses of simulated cohorts do to the nearest patient.

python -m benchmarks.simulated_studies

Photos of sampled persons, aligned by their true landmarks, in the space of the built-in encoder.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import keep
from gestalt_space.encoders.registry import find_encoder_model, open_encoder
from gestalt_space.encoders.specification import Encoder
from gestalt_space.faces.alignment import align
from gestalt_space.simulate.cohort import CohortPlan, draw_cohort
from gestalt_space.simulate.persons import Persons
from gestalt_space.simulate.study import StudyPlan
from gestalt_space.simulate.subjects import SampledSubjects
from gestalt_space.weights.store import ModelStore

SEEDS = (31, 32, 33)
SITES = ("Bonn", "Taipei", "Lima", "Accra")
STUDIES = {
    "as it is by default": StudyPlan(),
    "four sites, strength 0.5": StudyPlan(sites=SITES, site_strength=0.5),
    "four sites": StudyPlan(sites=SITES),
    "four sites, which follow the disorder": StudyPlan(sites=SITES, sites_by_disorder=1.0),
    "all patients in families": StudyPlan(families=1.0),
    "all patients in families, kinship 0.7": StudyPlan(families=1.0, kinship=0.7),
    "one diagnosis in ten is wrong": StudyPlan(wrong=0.1),
}


def main() -> None:
    with tempfile.TemporaryDirectory() as nothing:
        encoder = open_encoder(find_encoder_model(ModelStore(Path(nothing))), threads=1)
        rows = [
            (
                name,
                *(
                    "" if np.isnan(share) else f"{100 * share:.1f} %"
                    for share in _mean(encoder, study)
                ),
            )
            for name, study in STUDIES.items()
        ]
    keep(
        "simulated-studies",
        f"python -m benchmarks.simulated_studies  # seeds {', '.join(map(str, SEEDS))}",
        (
            "40 disorders of 8 patients, one photo each",
            "nearest has the diagnosis",
            "nearest outside the family has it",
            "nearest is of the site",
            "two of a family are more alike than two others",
        ),
        rows,
    )


def _mean(encoder: Encoder, study: StudyPlan) -> NDArray[np.float64]:
    return np.mean([_measured(encoder, study, seed) for seed in SEEDS], axis=0)


def _measured(encoder: Encoder, study: StudyPlan, seed: int) -> NDArray[np.float64]:
    """Shares 0..1; NaN where there are no sites, or no families."""
    plan = CohortPlan(
        disorders=40, patients=320, is_even=True, photos_per_patient=1, seed=seed, study=study
    )
    photos = list(draw_cohort(plan, SampledSubjects(Persons.builtin())).photos())
    crops = np.stack([align(one.portrait.pixels, one.portrait.landmarks) for one in photos])
    slots = encoder.encode(crops)[:, 0]
    similar = slots @ slots.T
    np.fill_diagonal(similar, -2)
    people = [photo.patient for photo in photos]
    told = np.array([one.diagnosis.id if one.diagnosis else "" for one in people])
    sites = np.array([one.site.name if one.site else "" for one in people])
    families = np.array([one.family or one.id for one in people])
    kin = families[:, None] == families[None]
    np.fill_diagonal(kin, False)
    nearest = similar.argmax(axis=1)
    outside = np.where(kin, -2, similar).argmax(axis=1)
    others = similar[np.triu(~kin, 1)]
    return np.array(
        [
            (told[nearest] == told).mean(),
            (told[outside] == told).mean(),
            (sites[nearest] == sites).mean() if study.sites else np.nan,
            np.mean(np.searchsorted(np.sort(others), similar[kin])) / len(others)
            if kin.any()
            else np.nan,
        ]
    )


if __name__ == "__main__":
    main()
