"""What fine-tuning the built-in encoder gains on simulated patients: for the disorders that it was
trained on, and for rare ones that it never saw.

python -m benchmarks.training_space ../shared gain|unknown|patients|losses [--seeds 19,20,21]

Real faces of UTKFace that no training of ours has seen carry the disorders; the people and the rare
disorders of the test are in no training. Photos are aligned by their true landmarks. Each test
photo is asked among all patients but its own; top-1 is the mean over disorders. Intervals: 95 %,
drawn over patients (2,000 draws), seeds together.

`unknown`: the built-in encoder was trained on simulated disorders already, so that `gain` asks for
more of the same. Here the disorders change faces in ways that its training had not: those of the
validation family, by which encoders and recipes may be chosen, or with `--family second` those of
the family that measures a release.

`patients`: there are too few such faces for many patients a disorder, so there the training
patients have faces that the built-in encoder has seen in its own training, without these disorders.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from benchmarks import second_family
from benchmarks.table import keep
from gestalt_space.encoders.preparation import sized
from gestalt_space.encoders.trainable import TrainableEncoder, open_trainable
from gestalt_space.errors import TrainingError
from gestalt_space.evaluation.split_file import GALLERY, TEST, TRAINING, VALIDATION
from gestalt_space.faces.alignment import align
from gestalt_space.faces.yunet import YunetDetector
from gestalt_space.simulate.capture import sample_capture, take
from gestalt_space.simulate.cohort import CohortPlan, draw_cohort
from gestalt_space.simulate.persons import Portrait
from gestalt_space.simulate.real_faces import RealFace, read_faces
from gestalt_space.simulate.subjects import RealSubjects
from gestalt_space.training.computing import Computing
from gestalt_space.training.space.history import Epoch, best_of
from gestalt_space.training.space.labelled_faces import LabelledFaces
from gestalt_space.training.space.loop import Training, train
from gestalt_space.training.space.patient_split import PatientSplit, faces_of, split_patients
from gestalt_space.training.space.recipe import load_recipe
from gestalt_space.training.space.retrieval import RetrievalTest
from gestalt_space.training.splits import held_out, validating
from gestalt_space.weights.manifest import BUILTIN
from gestalt_space.weights.store import ModelStore
from recipes.encoder import validation_family

FREQUENT, RARE, RARE_PATIENTS = 100, 60, 4
PATIENTS = 20
DRAWS = 2_000
ASKED = 8
"""Patients of a trained disorder who validate or test, half of them each; all others train."""
STUDIES: dict[str, tuple[tuple[str, int, tuple[str, ...]], ...]] = {
    "gain": (("as it is", PATIENTS, ()),),
    "unknown": (("as it is", PATIENTS, ()),),
    "patients": tuple(
        (f"{count} training patients a disorder", count, ()) for count in (8, 20, 50)
    ),
    "losses": (
        ("normalised softmax", PATIENTS, ()),
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


@dataclass(frozen=True)
class LabelledShot:
    """A photo, whose it is, what that patient has, and whether no training of ours saw the face."""

    photo: Portrait
    patient: str
    disorder: str
    is_held_out: bool


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
    parser.add_argument("--family", choices=FAMILIES, help="of the disorders")
    parser.add_argument("--set", action="append", default=[], dest="changes")
    arguments = parser.parse_args()
    family = arguments.family or ("validation" if arguments.study == "unknown" else "own")
    seeds = [int(one) for one in arguments.seeds.split(",")]
    yunet = YunetDetector(arguments.shared / "models" / "yunet_n.onnx")
    wanted = (lambda name: not validating(name)) if arguments.study == "patients" else held_out
    found = read_faces(arguments.shared / "data/utkface.zip", yunet, wanted=wanted)
    real = [face for face in found if face.is_frontal]
    rows: list[Sequence[object]] = []
    for name, patients, changes in STUDIES[arguments.study]:
        runs = [
            _run(real, family, patients, seed, [*changes, *arguments.changes], name)
            for seed in seeds
        ]
        rows += _rows(name, runs)
    told = f" --family {family}" if arguments.family else ""
    keep(
        f"training-{arguments.study}{f'-{family}' if arguments.study == 'unknown' else ''}",
        f"python -m benchmarks.training_space ../shared {arguments.study}{told} "
        f"--seeds {arguments.seeds}{''.join(f' --set {one}' for one in arguments.changes)}",
        ("training", "photos trained", "disorders", "photos tested", "before", "after", "factor"),
        rows,
    )


def _run(
    real: Sequence[RealFace],
    family: str,
    patients: int,
    seed: int,
    changes: Sequence[str],
    name: str,
) -> tuple[int, Asked]:
    """The number of photos trained on, and what the test photos say."""
    recipe = load_recipe("builtin", [*changes, f"seed={seed}"])
    faces, is_held_out = _faces(FAMILIES[family](*_people(real, patients, seed), seed))
    if is_held_out.all():
        split = split_patients(
            faces,
            frequent=recipe.frequent,
            validation=recipe.validation,
            test=recipe.test,
            seed=seed,
        )
    else:
        split = _split(faces, is_held_out, seed)
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


def _people(
    real: Sequence[RealFace], patients: int, seed: int
) -> tuple[Sequence[RealFace], Sequence[RealFace]]:
    """Patients of the frequent and of the rare disorders; every person is in one of them."""
    rng = np.random.default_rng([seed, 6])
    order = [real[place] for place in rng.permutation(len(real))]
    unseen = [face for face in order if held_out(face.name)]
    seen = [face for face in order if not held_out(face.name)]
    rare, unseen = unseen[: RARE * RARE_PATIENTS], unseen[RARE * RARE_PATIENTS :]
    if not seen:
        return unseen[: FREQUENT * patients], rare
    frequent = unseen[: FREQUENT * ASKED] + seen[: FREQUENT * patients]
    return [frequent[place] for place in rng.permutation(len(frequent))], rare


def _simulated(
    frequent: Sequence[RealFace], rare: Sequence[RealFace], seed: int
) -> Iterator[LabelledShot]:
    """Disorders as `gestalt simulate` and the trainings of the built-in encoder draw them."""
    for part, (count, own, apart) in enumerate(((FREQUENT, frequent, 0), (RARE, rare, 1_000_000))):
        cohort = draw_cohort(
            CohortPlan(disorders=count, patients=len(own), is_even=True, seed=seed + apart),
            RealSubjects(own),
        )
        for photo in cohort.photos():
            patient = photo.patient
            assert patient.disorder is not None
            assert isinstance(patient.subject.source, RealFace)
            yield LabelledShot(
                photo.portrait,
                f"{part}-{patient.id}",
                f"{part}-{patient.disorder.id}",
                held_out(patient.subject.source.name),
            )


def _validation_family(
    frequent: Sequence[RealFace], rare: Sequence[RealFace], seed: int
) -> Iterator[LabelledShot]:
    rng = np.random.default_rng([seed, 8])
    disorders = validation_family.draw_disorders(rng, FREQUENT + RARE)
    for number, face, name in _affected(frequent, rare):
        shown = disorders[number].show(rng, face.portrait)
        yield LabelledShot(take(shown, sample_capture(rng)), face.name, name, held_out(face.name))


def _second_family(
    frequent: Sequence[RealFace], rare: Sequence[RealFace], seed: int
) -> Iterator[LabelledShot]:
    rng = np.random.default_rng([seed, 9])
    disorders = second_family.draw_disorders(rng, FREQUENT + RARE)
    for number, face, name in _affected(frequent, rare):
        pixels, landmarks = face.portrait.pixels, face.portrait.landmarks
        shown = Portrait(*second_family.show(disorders[number], rng, pixels, landmarks))
        yield LabelledShot(take(shown, sample_capture(rng)), face.name, name, held_out(face.name))


FAMILIES: Mapping[
    str, Callable[[Sequence[RealFace], Sequence[RealFace], int], Iterator[LabelledShot]]
] = {"own": _simulated, "validation": _validation_family, "second": _second_family}


def _affected(
    frequent: Sequence[RealFace], rare: Sequence[RealFace]
) -> Iterator[tuple[int, RealFace, str]]:
    """Who has which disorder: its number among all, and its name."""
    for place, face in enumerate(frequent):
        yield place % FREQUENT, face, f"0-{place % FREQUENT:03d}"
    for place, face in enumerate(rare):
        yield FREQUENT + place % RARE, face, f"1-{place % RARE:03d}"


def _faces(shots: Iterator[LabelledShot]) -> tuple[LabelledFaces, NDArray[np.bool_]]:
    """All photos, and whether the face of each patient is in no training of ours."""
    crops, owners, disorders, held = [], [], [], []
    for shot in shots:
        pixels = np.ascontiguousarray(shot.photo.pixels)
        crops.append(align(pixels, shot.photo.landmarks))
        owners.append(shot.patient)
        disorders.append(shot.disorder)
        held.append(shot.is_held_out)
    names, first, numbers = np.unique(owners, return_index=True, return_inverse=True)
    titles, groups = np.unique(disorders, return_inverse=True)
    faces = LabelledFaces(
        crops=np.stack(crops),
        patient_of_face=numbers.astype(np.int64),
        patients=tuple(names.tolist()),
        families=np.arange(len(names)),
        disorders=groups[first].astype(np.int64),
        sex=("",) * len(names),
        ancestry=("",) * len(names),
        titles=tuple(titles.tolist()),
        left_out={},
    )
    return faces, np.array(held)[first]


def _split(faces: LabelledFaces, is_held_out: NDArray[np.bool_], seed: int) -> PatientSplit:
    """Patients with seen faces train. Of the others, half of each frequent disorder's validate and
    half test, and half of the rare disorders."""
    rng = np.random.default_rng([seed, 7])
    parts = np.full(len(faces.patients), TRAINING)
    is_rare = [title.startswith("1-") for title in faces.titles]
    for number, rare in enumerate(is_rare):
        own = rng.permutation(np.flatnonzero((faces.disorders == number) & is_held_out))
        half = len(own) * int(rng.integers(2)) if rare else len(own) // 2
        parts[own[:half]], parts[own[half:]] = VALIDATION, TEST
    return PatientSplit(parts, np.flatnonzero(~np.array(is_rare)))


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
        low, high = np.nanpercentile(drawn, [2.5, 97.5])
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
    """After by before, with patients drawn anew; NaN where nobody drawn was right before."""
    before = after = 0.0
    for one in asked:
        names, numbers = np.unique(one.patients, return_inverse=True)
        times = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
        weights = times[numbers].astype(float)
        before += _share(one, one.before, weights)
        after += _share(one, one.after, weights)
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
