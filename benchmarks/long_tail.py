"""Ranking by the nearest photo and by calibrated evidence, where few disorders have many patients.

`python -m benchmarks.long_tail ../shared` asks about every patient of three kinds of galleries:
planted descriptors, sampled persons with simulated phenotypes, and UTKFace people with the same,
each with a photo or more. Faces are cut by their known landmarks.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration import planted_gallery, tail_like
from benchmarks.table import keep
from gestalt_space.encoders.registry import open_encoder
from gestalt_space.evaluation.cases import ask, find_cases, patient_probes
from gestalt_space.evaluation.paired import compare_hits
from gestalt_space.faces.alignment import align
from gestalt_space.faces.yunet import YunetDetector
from gestalt_space.gallery.calibration.fitting import fit_calibration
from gestalt_space.ranking.aggregation import Aggregation
from gestalt_space.ranking.chance import Chance
from gestalt_space.ranking.grouping import Grouping, grouping
from gestalt_space.simulate.cohort import CohortPlan, draw_cohort
from gestalt_space.simulate.persons import Persons
from gestalt_space.simulate.planted import PlantedPlan
from gestalt_space.simulate.real_faces import read_faces
from gestalt_space.simulate.subjects import RealSubjects, SampledSubjects, SubjectSource
from gestalt_space.stats.resampling import Bootstrap
from gestalt_space.training.splits import held_out
from gestalt_space.types import Descriptors
from gestalt_space.weights.store import ModelStore

SEED = 29
DISORDERS, PATIENTS = 120, 900
RARE = 6
"""Patients of a rare disorder at the most, as in GMDB."""
HOW: tuple[Aggregation, ...] = ("nearest", "calibrated")
BOOTSTRAP = Bootstrap(1_000, SEED)

Gallery = tuple[Descriptors, Grouping]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    shared = parser.parse_args().shared
    rows: list[tuple[object, ...]] = []
    for length in (0.6, 1.0):
        plan = PlantedPlan(sizes=tail_like(150, 100), disorder=length, photos=2.0)
        rows += _rows(f"planted descriptors, disorder {length}", planted_gallery(plan, SEED))
    yunet = YunetDetector(shared / "models" / "yunet_n.onnx")
    faces = read_faces(shared / "data/utkface.zip", yunet, wanted=held_out)
    real = list(islice((face for face in faces if face.is_frontal), PATIENTS))
    with tempfile.TemporaryDirectory() as folder:
        store = ModelStore(Path(folder))
        store.add(shared / "models/arcface-mbf", name="mbf", accept_license=True)
        for name, source, photos in (
            ("sampled persons", SampledSubjects(Persons.builtin()), 2.0),
            (f"{len(real)} UTKFace people", RealSubjects(real), 1.0),
        ):
            crops, groups = _faces(source, min(PATIENTS, len(real)), photos)
            for encoder in ("builtin", "mbf"):
                encode = open_encoder(store.get(encoder), precision="float32").encode
                encoded = encode(crops)[:, 0]
                rows += _rows(f"{name}, {encoder}", (encoded, groups))
    header = ("gallery", "disorders of", "patients", "k", "nearest", "calibrated")
    keep(
        "long-tail",
        f"python -m benchmarks.long_tail ../shared  # seed {SEED}",
        (*header, "difference, patients", "mean over disorders, nearest → calibrated"),
        rows,
    )


def _faces(
    source: SubjectSource, patients: int, photos: float
) -> tuple[NDArray[np.uint8], Grouping]:
    plan = CohortPlan(disorders=DISORDERS, patients=patients, photos_per_patient=photos, seed=SEED)
    cohort = draw_cohort(plan, source)
    numbers = {patient.id: number for number, patient in enumerate(cohort.patients)}
    rng = np.random.default_rng(SEED)
    crops, owners = [], []
    for photo in cohort.photos():
        jitter = rng.normal(0, 0.9, (5, 2)).astype(np.float32)
        pixels = np.ascontiguousarray(photo.portrait.pixels)
        crops.append(align(pixels, photo.portrait.landmarks + jitter))
        owners.append(numbers[photo.patient.id])
    ids = [patient.disorder.id for patient in cohort.patients if patient.disorder is not None]
    told = np.unique(ids, return_inverse=True)[1]
    pairs = np.stack([np.arange(len(told)), told], axis=1)
    return np.stack(crops), grouping(np.arange(len(owners)), np.array(owners), pairs)


def _rows(name: str, gallery: Gallery) -> Iterator[tuple[object, ...]]:
    descriptors, groups = gallery
    patient_of_row = np.empty(len(descriptors), dtype=np.int64)
    patient_of_row[groups.rows] = groups.patients[groups.patient_of_row]
    probes = patient_probes(descriptors, patient_of_row, groups.patients)
    cases, _ = find_cases(probes.patients, groups, groups)
    chance = Chance.of(fit_calibration(descriptors, groups, seed=SEED))
    ranks = ask(probes, cases, descriptors, groups, HOW, chance=chance).ranks
    parts: tuple[tuple[str, Callable[[NDArray[np.int64]], NDArray[np.bool_]]], ...] = (
        (f"2–{RARE}", lambda sizes: sizes <= RARE),
        (f"more than {RARE}", lambda sizes: sizes > RARE),
        ("any number", lambda sizes: sizes > 0),
    )
    for part, chosen in parts:
        kept = chosen(cases.sizes)
        for k in (1, 10):
            first, second = (ranks[how][kept] <= k for how in HOW)
            found = compare_hits(second, first, cases.patients[kept], BOOTSTRAP)
            one = found.difference
            yield (
                name,
                part,
                int(kept.sum()),
                k,
                f"{100 * first.mean():.1f} %",
                f"{100 * second.mean():.1f} %",
                (
                    f"{100 * one.value:+.1f} ({100 * one.low:+.1f} to {100 * one.high:+.1f}), "
                    f"p {found.p:.4f}"
                ),
                _over_disorders(first, second, cases.groups[kept]),
            )


def _over_disorders(
    first: NDArray[np.bool_], second: NDArray[np.bool_], groups: NDArray[np.int64]
) -> str:
    """Means over disorders, and the p-value of a test that flips the signs of their differences."""
    from scipy import stats

    place = np.unique(groups, return_inverse=True)[1]
    shares = [np.bincount(place, hits) / np.bincount(place) for hits in (first, second)]
    change = shares[1] - shares[0]
    p = stats.permutation_test(
        (change,), np.mean, permutation_type="samples", n_resamples=9_999, rng=SEED
    ).pvalue
    return f"{100 * shares[0].mean():.1f} → {100 * shares[1].mean():.1f} %, p {p:.4f}"


if __name__ == "__main__":
    main()
