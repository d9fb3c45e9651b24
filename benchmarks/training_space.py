"""What fine-tuning the built-in encoder gains on simulated patients: for the disorders that it was
trained on, and for rare ones that it never saw.

python -m benchmarks.training_space ../shared gain|patients|losses --family own|validation|second

The people and the rare disorders of the test are in no training. Photos are aligned by their true
landmarks. As in the four evaluations of GMDB (Hsieh 2022), photos of frequent and of rare disorders
are asked among the patients with frequent disorders (F), among four patients of each rare one (R),
or among both; never among their own. Top-k is the mean over disorders. Intervals: 95 %, drawn over
patients (2,000 draws), seeds together.

Families of disorders: `own` as in the built-in encoder's own training, which asks for more of what
it learned; `validation` and `second` change faces in ways that it never saw, as real disorders do.
Recipes may be chosen by the first two, and not by the last, which measures releases.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from benchmarks.table import keep
from benchmarks.training_cohorts import FAMILIES, TrainingCohort, make_cohort, read_frontal
from gestalt_space.encoders.preparation import sized
from gestalt_space.encoders.trainable import TrainableEncoder, open_trainable
from gestalt_space.errors import TrainingError
from gestalt_space.evaluation.split_file import GALLERY, TRAINING, VALIDATION
from gestalt_space.training.computing import Computing
from gestalt_space.training.space.history import Epoch, best_of
from gestalt_space.training.space.labelled_faces import LabelledFaces
from gestalt_space.training.space.loop import Training, train
from gestalt_space.training.space.patient_split import PatientSplit, faces_of
from gestalt_space.training.space.recipe import load_recipe
from gestalt_space.training.space.retrieval import RetrievalTest
from gestalt_space.types import Descriptors
from gestalt_space.weights.manifest import BUILTIN
from gestalt_space.weights.store import ModelStore

PATIENTS = 20
DRAWS = 2_000
STUDIES: dict[str, tuple[tuple[str, int, tuple[str, ...]], ...]] = {
    "gain": (("as it is", PATIENTS, ()),),
    "patients": tuple(
        (f"{count} training patients a disorder", count, ()) for count in (8, 20, 50)
    ),
    "losses": (
        ("as it is (normalised softmax)", PATIENTS, ()),
        ("the trained weights alone", PATIENTS, ("trained_share=1",)),
        ("without the discriminant", PATIENTS, ("discriminant=false",)),
        ("ArcFace", PATIENTS, ("margin=17", "scale=24")),
        (
            "sub-centre ArcFace",
            PATIENTS,
            ("loss=sub-centre-arcface", "margin=17", "scale=24"),
        ),
        ("cross-entropy", PATIENTS, ("loss=cross-entropy", "dropout=0.5", "class_rate=3e-3")),
        ("contrastive", PATIENTS, ("loss=contrastive", "sampling=balanced", "rate=1e-4")),
        ("adapters of rank 8", PATIENTS, ("adapter_rank=8", "rate=1e-3")),
    ),
}
TOPS = (1, 10)
EVALUATIONS: Mapping[str, tuple[bool, bool, bool]] = {
    "F → F": (False, True, False),
    "F → F + R": (False, True, True),
    "R → R": (True, False, True),
    "R → F + R": (True, True, True),
}
"""Whether rare disorders are asked for, and whether frequent and whether rare ones are matched."""


@dataclass(frozen=True)
class Asked:
    """Test photos of a seed, `(c,)` each: their patients and disorders, and the rank of the right
    disorder before and after."""

    patients: NDArray[np.int64]
    disorders: NDArray[np.int64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("shared", type=Path)
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--family", choices=FAMILIES, required=True, help="of the disorders")
    parser.add_argument("--seeds", default="19,20,21")
    parser.add_argument("--set", action="append", default=[], dest="changes")
    arguments = parser.parse_args()
    seeds = [int(one) for one in arguments.seeds.split(",")]
    real = read_frontal(arguments.shared)
    rows: list[Sequence[object]] = []
    for name, patients, changes in STUDIES[arguments.study]:
        runs = []
        for seed in seeds:
            cohort = make_cohort(real, arguments.family, patients, seed)
            runs.append(_run(cohort, seed, [*changes, *arguments.changes], f"{name}, seed {seed}"))
        rows += _rows(name, runs)
    keep(
        f"training-{arguments.study}-{arguments.family}",
        f"python -m benchmarks.training_space ../shared {arguments.study} "
        f"--family {arguments.family} --seeds {arguments.seeds}"
        f"{''.join(f' --set {one}' for one in arguments.changes)}",
        (
            "training",
            "photos trained",
            "evaluation",
            "photos tested",
            *(f"top-{k} {word}" for k in TOPS for word in ("before", "after", "factor")),
        ),
        rows,
    )


def _run(
    cohort: TrainingCohort, seed: int, changes: Sequence[str], name: str
) -> tuple[int, Mapping[str, Asked]]:
    """The number of photos trained on, and what the test photos say in each evaluation."""
    recipe = load_recipe("builtin", [*changes, f"seed={seed}"])
    with tempfile.TemporaryDirectory() as folder:
        start = open_trainable(ModelStore(Path(folder)).get(BUILTIN))
        before = _descriptors(start, cohort.faces)
        training = Training(
            recipe, start, cohort.faces, cohort.split, Path(folder), Computing.on("cpu")
        )

        def show(epoch: Epoch) -> None:
            print(f"{name}: {epoch}", flush=True)

        try:
            best = best_of(train(training, show), recipe.watched_top)
            print(f"{name}: epoch {best.epoch} is kept", flush=True)
            after = _descriptors(start, cohort.faces)
        except TrainingError:
            after = before  # no epoch was better
    photos = len(faces_of(cohort.split.trained(cohort.faces), cohort.faces))
    return photos, {kind: _asked(cohort, kind, before, after) for kind in EVALUATIONS}


def _asked(cohort: TrainingCohort, kind: str, before: Descriptors, after: Descriptors) -> Asked:
    asks_rare, *matched = EVALUATIONS[kind]
    parts = cohort.test_parts.copy()
    rare = cohort.is_rare[cohort.faces.disorders]
    parts[(parts == VALIDATION) & (rare != asks_rare)] = GALLERY
    for is_rare, is_matched in zip((False, True), matched, strict=True):
        if not is_matched:
            parts[(parts == TRAINING) & (rare == is_rare)] = GALLERY
    # To this test no disorder is rare: nobody who is asked is matched.
    test = RetrievalTest(cohort.faces, PatientSplit(parts, np.arange(len(cohort.is_rare))))
    cases, ranks = test.ranked(before[test.faces])
    return Asked(cases.patients, cases.groups, ranks, test.ranked(after[test.faces])[1])


@torch.inference_mode()
def _descriptors(start: TrainableEncoder, faces: LabelledFaces) -> Descriptors:
    network = start.network.eval()
    parts = []
    for crops in np.array_split(faces.crops, max(1, len(faces.crops) // 64)):
        images = torch.from_numpy(sized(crops, start.spec).transpose(0, 3, 1, 2))
        parts.append(functional.normalize(network(start.preparation(images)), dim=1).numpy())
    return np.concatenate(parts)


def _rows(name: str, runs: Sequence[tuple[int, Mapping[str, Asked]]]) -> Iterator[Sequence[object]]:
    photos = round(float(np.mean([count for count, _ in runs])))
    for kind in EVALUATIONS:
        asked = [one[kind] for _, one in runs]
        figures = [figure for k in TOPS for figure in _figures(asked, k)]
        yield (name, photos, kind, sum(len(one.before) for one in asked), *figures)


def _figures(asked: Sequence[Asked], k: int) -> tuple[str, str, str]:
    """Top-k before and after, and the factor between them with its interval."""
    before, after = (
        float(np.mean([_share(one, ranks(one) <= k, np.ones(len(one.before))) for one in asked]))
        for ranks in (lambda one: one.before, lambda one: one.after)
    )
    drawn = [_factor(asked, k, np.random.default_rng([7, draw])) for draw in range(DRAWS)]
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return f"{before:.1%}", f"{after:.1%}", f"{after / before:.2f} ({low:.2f} to {high:.2f})"


def _factor(asked: Sequence[Asked], k: int, rng: np.random.Generator) -> float:
    """After by before, with patients drawn anew; NaN where nobody drawn was right before."""
    before = after = 0.0
    for one in asked:
        names, numbers = np.unique(one.patients, return_inverse=True)
        times = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
        weights = times[numbers].astype(float)
        before += _share(one, one.before <= k, weights)
        after += _share(one, one.after <= k, weights)
    return after / before if before else float("nan")


def _share(asked: Asked, hits: NDArray[np.bool_], weights: NDArray[np.float64]) -> float:
    """The mean over disorders of the share of their photos."""
    _, numbers = np.unique(asked.disorders, return_inverse=True)
    whole = np.bincount(numbers, weights)
    right = np.bincount(numbers, weights * hits)
    there = whole > 0
    return float((right[there] / whole[there]).mean())


if __name__ == "__main__":
    main()
