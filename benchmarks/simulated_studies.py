"""What sites, families and wrong diagnoses of simulated cohorts do to the nearest patient.

python -m benchmarks.simulated_studies

Photos of sampled persons, aligned by their true landmarks, in the space of the built-in encoder.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import keep
from gestalt_space.encoders.registry import find_encoder_model, open_encoder
from gestalt_space.encoders.specification import Encoder
from gestalt_space.faces.alignment import align
from gestalt_space.simulate.capture import sample_capture, take
from gestalt_space.simulate.cohort import CohortPlan, draw_cohort
from gestalt_space.simulate.persons import Person, Persons
from gestalt_space.simulate.study import StudyPlan
from gestalt_space.simulate.subjects import SampledSubjects
from gestalt_space.weights.store import ModelStore

SEEDS = (31, 32, 33)
GIRLS = 200
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
        kin = list(_kin(encoder))
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
    keep(
        "simulated-kinship",
        f"python -m benchmarks.simulated_studies  # seed {SEEDS[0]}",
        (f"{GIRLS} girls without a disorder, and for each", "more alike than two strangers"),
        kin,
    )


def _kin(encoder: Encoder) -> Iterator[tuple[str, str]]:
    """How often a sister's photo is nearer than that of a stranger of the same sex, age and
    ancestry."""
    persons, rng = Persons.builtin(), np.random.default_rng(SEEDS[0])
    facts = {"sex": "female", "age_years": 10.0}
    girls = [persons.sample(rng, ancestry="white", **facts) for _ in range(GIRLS)]
    first = _described(encoder, persons, girls, rng)
    strangers = np.sort((first @ first.T)[np.triu_indices(GIRLS, 1)])
    for kinship in (0.3, 0.5, 0.7, 0.85, 1.0):
        sisters = [persons.relative(rng, one, kinship=kinship, **facts) for one in girls]
        alike = np.einsum("gd,gd->g", first, _described(encoder, persons, sisters, rng))
        share = np.searchsorted(strangers, alike).mean() / len(strangers)
        yield f"a sister, kinship {kinship:g}", f"{100 * share:.1f} %"
    alike = np.einsum("gd,gd->g", first, _described(encoder, persons, girls, rng))
    share = np.searchsorted(strangers, alike).mean() / len(strangers)
    yield "another photo of herself", f"{100 * share:.1f} %"


def _described(
    encoder: Encoder, persons: Persons, people: Sequence[Person], rng: np.random.Generator
) -> NDArray[np.float32]:
    photos = [take(persons.portrait(one, rng), sample_capture(rng)) for one in people]
    return encoder.encode(np.stack([align(one.pixels, one.landmarks) for one in photos]))[:, 0]


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
