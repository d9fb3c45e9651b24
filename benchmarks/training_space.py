"""What fine-tuning the built-in encoder gains on simulated patients: for the disorders that it was
trained on, and for rare ones that it never saw.

python -m benchmarks.training_space ../shared gain|patients|losses [--seeds 19,20,21]

Real faces of UTKFace that no training of ours has seen carry the disorders; the people and the rare
disorders of the test are in no training. Photos are aligned by their true landmarks. Each test
photo is asked among all patients but its own; top-1 is the mean over disorders. Intervals: 95 %,
drawn over patients (2,000 draws), seeds together.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from benchmarks.table import keep
from gestalt_space.encoders.preparation import sized
from gestalt_space.encoders.trainable import TrainableEncoder, open_trainable
from gestalt_space.errors import TrainingError
from gestalt_space.evaluation.split_file import GALLERY, TEST, TRAINING, VALIDATION
from gestalt_space.faces.alignment import align
from gestalt_space.faces.yunet import YunetDetector
from gestalt_space.simulate.cohort import Cohort, CohortPlan, draw_cohort
from gestalt_space.simulate.real_faces import RealFace, read_faces
from gestalt_space.simulate.subjects import RealSubjects
from gestalt_space.training.computing import Computing
from gestalt_space.training.space.history import Epoch, best_of
from gestalt_space.training.space.labelled_faces import LabelledFaces
from gestalt_space.training.space.loop import Training, train
from gestalt_space.training.space.patient_split import PatientSplit, faces_of, split_patients
from gestalt_space.training.space.recipe import load_recipe
from gestalt_space.training.space.retrieval import RetrievalTest
from gestalt_space.training.splits import held_out
from gestalt_space.weights.manifest import BUILTIN
from gestalt_space.weights.store import ModelStore

FREQUENT, RARE, RARE_PATIENTS = 100, 60, 4
PATIENTS = 20
DRAWS = 2_000
STUDIES: dict[str, tuple[tuple[str, int, tuple[str, ...]], ...]] = {
    "gain": (("as it is", PATIENTS, ()),),
    "patients": tuple((f"{count} patients a disorder", count, ()) for count in (8, 12, 20, 28)),
    "losses": (
        ("contrastive", PATIENTS, ()),
        ("sub-centre ArcFace", PATIENTS, ("loss=sub-centre-arcface",)),
        ("ArcFace", PATIENTS, ("loss=arcface",)),
        ("cross-entropy", PATIENTS, ("loss=cross-entropy", "dropout=0.5")),
        ("contrastive, adapters of rank 8", PATIENTS, ("adapter_rank=8", "rate=1e-3")),
    ),
}


@dataclass(frozen=True)
class Asked:
    """Test photos of a seed, `(c,)` each: their patients and disorders, whether these were trained,
    and whether the first disorder was the right one, before and after."""

    patients: NDArray[np.int64]
    disorders: NDArray[np.int64]
    trained: NDArray[np.bool_]
    before: NDArray[np.bool_]
    after: NDArray[np.bool_]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("shared", type=Path)
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--seeds", default="19,20,21")
    parser.add_argument("--set", action="append", default=[], dest="changes")
    arguments = parser.parse_args()
    seeds = [int(one) for one in arguments.seeds.split(",")]
    yunet = YunetDetector(arguments.shared / "models" / "yunet_n.onnx")
    found = read_faces(arguments.shared / "data/utkface.zip", yunet, wanted=held_out)
    real = [face for face in found if face.is_frontal]
    rows: list[Sequence[object]] = []
    for name, patients, changes in STUDIES[arguments.study]:
        runs = [_run(real, patients, seed, [*changes, *arguments.changes], name) for seed in seeds]
        rows += _rows(name, runs)
    keep(
        f"training-{arguments.study}",
        f"python -m benchmarks.training_space ../shared {arguments.study} "
        f"--seeds {arguments.seeds}{''.join(f' --set {one}' for one in arguments.changes)}",
        ("training", "photos trained", "disorders", "photos tested", "before", "after", "factor"),
        rows,
    )


def _run(
    real: Sequence[RealFace], patients: int, seed: int, changes: Sequence[str], name: str
) -> tuple[int, Asked]:
    """The number of photos trained on, and what the test photos say."""
    faces = _faces(real, patients, seed)
    recipe = load_recipe("builtin", [*changes, f"seed={seed}"])
    split = split_patients(
        faces,
        frequent=recipe.frequent,
        validation=recipe.validation,
        test=recipe.test,
        seed=seed,
    )
    # The test asks as the validation does, and may be answered by those who validated.
    parts = np.where(np.isin(split.parts, (TEST, GALLERY)), VALIDATION, TRAINING)
    asking = RetrievalTest(faces, PatientSplit(parts, split.classes))
    with tempfile.TemporaryDirectory() as folder:
        start = open_trainable(ModelStore(Path(folder)).get(BUILTIN))
        cases, before = asking.ranked(_descriptors(start, faces, asking))
        training = Training(recipe, start, faces, split, Path(folder), Computing.on("cpu"))

        def show(epoch: Epoch) -> None:
            print(f"{name}, seed {seed}: {epoch}", flush=True)

        try:
            best = best_of(train(training, show), recipe.watched_top)
            print(f"{name}, seed {seed}: epoch {best.epoch} is kept", flush=True)
            _, after = asking.ranked(_descriptors(start, faces, asking))
        except TrainingError:
            after = before  # no epoch was better
    owners = cases.patients
    photos = len(faces_of(split.trained(faces), faces))
    trained = np.isin(cases.groups, split.classes)
    return photos, Asked(owners, cases.groups, trained, before == 1, after == 1)


def _faces(real: Sequence[RealFace], patients: int, seed: int) -> LabelledFaces:
    """Patients of frequent and of rare disorders; every person is in one of them."""
    order = np.random.default_rng([seed, 6]).permutation(len(real))
    source = RealSubjects([real[place] for place in order])
    cohorts = [
        draw_cohort(
            CohortPlan(disorders=count, patients=each * count, is_even=True, seed=seed + apart),
            source,
        )
        for count, each, apart in ((FREQUENT, patients, 0), (RARE, RARE_PATIENTS, 1_000_000))
    ]
    crops, owners, disorders = [], [], []
    for part, cohort in enumerate(cohorts):
        for crop, patient, disorder in _photos(cohort):
            crops.append(crop)
            owners.append(f"{part}-{patient}")
            disorders.append(f"{part}-{disorder}")
    names, numbers = np.unique(owners, return_inverse=True)
    titles, groups = np.unique(disorders, return_inverse=True)
    of = np.zeros(len(names), dtype=np.int64)
    of[numbers] = groups
    return LabelledFaces(
        crops=np.stack(crops),
        patient_of_face=numbers.astype(np.int64),
        patients=tuple(names.tolist()),
        families=np.arange(len(names)),
        disorders=of,
        sex=("",) * len(names),
        ancestry=("",) * len(names),
        titles=tuple(titles.tolist()),
        left_out={},
    )


def _photos(cohort: Cohort) -> Iterator[tuple[NDArray[np.uint8], str, str]]:
    for photo in cohort.photos():
        assert photo.patient.disorder is not None
        crop = align(np.ascontiguousarray(photo.portrait.pixels), photo.portrait.landmarks)
        yield crop, photo.patient.id, photo.patient.disorder.id


@torch.inference_mode()
def _descriptors(
    start: TrainableEncoder, faces: LabelledFaces, asking: RetrievalTest
) -> NDArray[np.float32]:
    network = start.network.eval()
    parts = []
    for places in np.array_split(asking.faces, max(1, len(asking.faces) // 64)):
        images = torch.from_numpy(sized(faces.crops[places], start.spec).transpose(0, 3, 1, 2))
        parts.append(functional.normalize(network(start.preparation(images)), dim=1).numpy())
    return np.concatenate(parts)


def _rows(name: str, runs: Sequence[tuple[int, Asked]]) -> Iterator[Sequence[object]]:
    photos = round(float(np.mean([count for count, _ in runs])))
    for title, is_trained in (("trained", True), ("rare, never seen", False)):
        asked = [_of(one, one.trained == is_trained) for _, one in runs]
        before, after = (
            float(np.mean([_share(one, hits(one), np.ones(len(one.before))) for one in asked]))
            for hits in (lambda one: one.before, lambda one: one.after)
        )
        drawn = [_factor(asked, np.random.default_rng([7, draw])) for draw in range(DRAWS)]
        low, high = np.percentile(drawn, [2.5, 97.5])
        yield (
            name,
            photos,
            title,
            sum(len(one.before) for one in asked),
            f"{before:.1%}",
            f"{after:.1%}",
            f"{after / before:.2f} ({low:.2f} to {high:.2f})",
        )


def _of(asked: Asked, taken: NDArray[np.bool_]) -> Asked:
    values = (getattr(asked, name)[taken] for name in asked.__dataclass_fields__)
    return Asked(*values)


def _factor(asked: Sequence[Asked], rng: np.random.Generator) -> float:
    """After by before, with patients drawn anew."""
    before = after = 0.0
    for one in asked:
        names, numbers = np.unique(one.patients, return_inverse=True)
        times = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
        weights = times[numbers].astype(float)
        before += _share(one, one.before, weights)
        after += _share(one, one.after, weights)
    return after / before


def _share(asked: Asked, hits: NDArray[np.bool_], weights: NDArray[np.float64]) -> float:
    """The mean over disorders of the share of their photos."""
    _, numbers = np.unique(asked.disorders, return_inverse=True)
    whole = np.bincount(numbers, weights)
    right = np.bincount(numbers, weights * hits)
    there = whole > 0
    return float((right[there] / whole[there]).mean())


if __name__ == "__main__":
    main()
