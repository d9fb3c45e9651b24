"""Two hospitals that ask each other, beside one gallery of all their photos.

`python -m benchmarks.sites ../shared` splits simulated patients over two hospitals, whose photos
look alike or not, and asks about every patient: the own gallery, the other one, one gallery of
both, and the own one with the answers of the other. Who has no other patient with the disorder is
not asked about. A second table has what a similarity tells of a person, and how near answers lead
to a stored descriptor.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import keep
from gestalt_space.encoders.registry import open_encoder
from gestalt_space.faces.alignment import align
from gestalt_space.home import Gallery
from gestalt_space.match import for_site
from gestalt_space.match.answer import MatchLine
from gestalt_space.match.for_site import SAME_PERSON, SiteAnswer, SiteQuestion
from gestalt_space.match.question import Question
from gestalt_space.settings import Settings
from gestalt_space.simulate.cohort import CohortPlan, SimulatedPatient, draw_cohort
from gestalt_space.simulate.persons import Persons
from gestalt_space.simulate.study import StudyPlan
from gestalt_space.simulate.subjects import SampledSubjects
from gestalt_space.sites import combined
from gestalt_space.sites.combined import combined_lines
from gestalt_space.types import Descriptors, Disorder
from gestalt_space.weights.store import ModelStore
from tests.galleries import make_home, new_photo
from tests.hospitals import add_all

SEED = 31
DISORDERS, PATIENTS, PHOTOS = 60, 420, 1.4
CONSENT = "other hospitals"
LEAST = (1, 2, 5)
QUESTION = Question(k=10)
POOLED = "one gallery of both"


@dataclass(frozen=True)
class Photographed:
    """A patient and the descriptors of the photos `(n, d)`."""

    patient: SimulatedPatient
    descriptors: Descriptors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    shared = parser.parse_args().shared
    command = f"python -m benchmarks.sites ../shared  # seed {SEED}"
    rows: list[tuple[object, ...]] = []
    told: list[tuple[object, ...]] = []
    with tempfile.TemporaryDirectory() as folder:
        store = ModelStore(Path(folder) / "models")
        store.add(shared / "models/arcface-mbf", name="mbf", accept_license=True)
        for strength in (0.0, 1.0):
            crops, owners, patients = _faces(strength)
            for model in ("builtin", "mbf"):
                encode = open_encoder(store.get(model), precision="float32").encode
                encoded = encode(crops)[:, 0]
                print(f"{len(crops):,} faces encoded by {model}", flush=True)
                everybody = [
                    Photographed(patient, encoded[owners == place])
                    for place, patient in enumerate(patients)
                ]
                what = f"{'sites that differ' if strength else 'sites alike'}, {model}"
                rows += _rankings(what, everybody, store, model, Path(folder) / what)
                told += _what_is_told(what, everybody)
    keep(
        "sites",
        command,
        (
            *("cohort, encoder", "asked", "patients", "first", "in the first ten"),
            *("the same first line as one gallery", "of its ten lines"),
        ),
        rows,
    )
    keep("sites-told", command, ("cohort, encoder", "what", "n", "found"), told)


def _faces(strength: float) -> tuple[NDArray[np.uint8], NDArray[np.int64], list[SimulatedPatient]]:
    study = StudyPlan(sites=("A", "B"), site_strength=strength)
    plan = CohortPlan(
        disorders=DISORDERS,
        patients=PATIENTS,
        photos_per_patient=PHOTOS,
        seed=SEED,
        study=study,
    )
    cohort = draw_cohort(plan, SampledSubjects(Persons.builtin()))
    numbers = {patient.id: number for number, patient in enumerate(cohort.patients)}
    rng = np.random.default_rng(SEED)
    crops, owners = [], []
    for photo in cohort.photos():
        jitter = rng.normal(0, 0.9, (5, 2)).astype(np.float32)
        pixels = np.ascontiguousarray(photo.portrait.pixels)
        crops.append(align(pixels, photo.portrait.landmarks + jitter))
        owners.append(numbers[photo.patient.id])
    return np.stack(crops), np.array(owners), list(cohort.patients)


# Rankings


def _disorder(one: Photographed) -> str:
    assert one.patient.disorder is not None
    return one.patient.disorder.id


def _site(one: Photographed) -> str:
    assert one.patient.site is not None
    return one.patient.site.name


def _opened(
    home: Path, store: ModelStore, model: str, everybody: Sequence[Photographed]
) -> Gallery:
    make_home(home, store)
    settings = Settings(home=home, site_consents=(CONSENT,), site_questions_per_day=10**6)
    gallery = Gallery(settings, space=model)
    photos = [
        new_photo(
            one.patient.id,
            place,
            disorders=(Disorder(_disorder(one)),),
            descriptor=descriptor,
            crop=False,
            consent=CONSENT,
        )
        for one in everybody
        for place, descriptor in enumerate(one.descriptors)
    ]
    add_all(gallery, photos)
    gallery.calibrate()
    return gallery


def _rankings(
    what: str, everybody: Sequence[Photographed], store: ModelStore, model: str, folder: Path
) -> Iterator[tuple[object, ...]]:
    sides = {name: [one for one in everybody if _site(one) == name] for name in ("A", "B")}
    counts: dict[str, int] = {}
    for one in everybody:
        counts[_disorder(one)] = counts.get(_disorder(one), 0) + 1
    lists: dict[str, list[list[str]]] = {}
    truth: list[str] = []
    with ExitStack() as opened:
        galleries = {
            name: opened.enter_context(_opened(folder / name, store, model, some))
            for name, some in (("A", sides["A"]), ("B", sides["B"]), ("both", everybody))
        }
        for own, other in ("AB", "BA"):
            asked = [one for one in sides[own] if counts[_disorder(one)] > 1]
            truth += map(_disorder, asked)
            found = _lists(asked, galleries[own], galleries[other], galleries["both"])
            for name, some in found.items():
                lists.setdefault(name, []).extend(some)
    pooled = lists[POOLED]
    for name, some in lists.items():
        first = np.mean([one[:1] == [right] for one, right in zip(some, truth, strict=True)])
        ten = np.mean([right in one for one, right in zip(some, truth, strict=True)])
        same = np.mean([a[:1] == b[:1] for a, b in zip(some, pooled, strict=True)])
        shared = np.mean([len({*a} & {*b}) for a, b in zip(some, pooled, strict=True)])
        yield (
            *(what, name, len(truth), f"{first:.1%}", f"{ten:.1%}", f"{same:.1%}"),
            f"{shared:.2f}",
        )
        print(what, name, f"{first:.1%}", f"{ten:.1%}", f"{same:.1%}", flush=True)


def _lists(
    asked: Sequence[Photographed], own: Gallery, other: Gallery, both: Gallery
) -> dict[str, list[list[str]]]:
    """The identifiers of ten lines for each patient, by how they were asked about."""
    names = [one.patient.id for one in asked]
    probes = [own.stored_probe(name) for name in names]
    lines = [match.lines for match in own.answer(probes, QUESTION)[1]]
    pooled = both.answer([both.stored_probe(name) for name in names], QUESTION)[1]
    vectors = [probe.descriptor for probe in probes if probe.descriptor is not None]
    told = {least: _answers(other, vectors, least) for least in LEAST}
    found = {
        "own gallery alone": [[line.id for line in some] for some in lines],
        "the other hospital alone, lines of 1 patient or more": [
            [line.id for line in answer.lines] for answer in told[1]
        ],
        POOLED: [[line.id for line in match.lines] for match in pooled],
        "both, without rounding, nobody left out": _unrounded(
            lambda: _answers(other, vectors, 1), lines, same_person=2.0
        ),
        "both, without rounding": _unrounded(lambda: _answers(other, vectors, 1), lines),
    }
    for least, answers in told.items():
        found[f"both, lines of {least} patients or more"] = [
            [line.id for line in combined_lines(some, {"b": answer}, 10)]
            for some, answer in zip(lines, answers, strict=True)
        ]
    found["both by percentiles, lines of 1 patient or more"] = [
        _by_percentile(some, answer) for some, answer in zip(lines, told[1], strict=True)
    ]
    return found


def _answers(gallery: Gallery, descriptors: Sequence[Descriptors], least: int) -> list[SiteAnswer]:
    gallery.settings = gallery.settings.model_copy(update={"site_least_patients": least})
    fingerprint = gallery.space.fingerprint
    return [gallery.answer_site(SiteQuestion(fingerprint, one)) for one in descriptors]


def _unrounded(
    ask: Callable[[], list[SiteAnswer]],
    own: Sequence[Sequence[MatchLine]],
    same_person: float = SAME_PERSON,
) -> list[list[str]]:
    before = for_site.DECIMALS, for_site.SAME_PERSON
    try:
        for_site.DECIMALS = combined.DECIMALS = 12
        for_site.SAME_PERSON = same_person
        answers = ask()
        return [
            [line.id for line in combined_lines(lines, {"b": answer}, 10)]
            for lines, answer in zip(own, answers, strict=True)
        ]
    finally:
        for_site.DECIMALS, for_site.SAME_PERSON = before
        combined.DECIMALS = for_site.DECIMALS


def _by_percentile(own: Sequence[MatchLine], answer: SiteAnswer) -> list[str]:
    best: dict[str, tuple[float, float]] = {}
    for line in (*own, *answer.lines):
        told = (0.0 if line.percentile is None else round(line.percentile, 1), line.similarity)
        best[line.id] = max(told, best.get(line.id, (-1.0, -1.0)))
    return sorted(best, key=lambda id_: (-best[id_][0], -best[id_][1], id_))[:10]


# What answers tell


def _what_is_told(what: str, everybody: Sequence[Photographed]) -> Iterator[tuple[object, ...]]:
    vectors = np.concatenate([one.descriptors for one in everybody])
    owners = np.repeat(np.arange(len(everybody)), [len(one.descriptors) for one in everybody])
    disorder = np.array([_disorder(one) for one in everybody])[owners]
    similarity = vectors @ vectors.T
    same_person = owners[:, None] == owners[None, :]
    np.fill_diagonal(same_person, val=False)
    same = similarity[same_person]
    others = np.where(owners[:, None] == owners[None, :], -1, similarity)
    alike = np.where(disorder[:, None] == disorder[None, :], others, -1).max(axis=1)
    nearest = others.max(axis=1)
    for name, values in (
        ("two photos of one person", same),
        ("the nearest other patient of the disorder", alike[alike > -1]),
        ("the nearest other patient", nearest),
    ):
        spread = ", ".join(f"{value:.2f}" for value in np.percentile(values, [5, 50, 95]))
        share = np.mean(values >= SAME_PERSON)
        yield (
            *(what, f"{name}: similarity 5, 50, 95 %; from {SAME_PERSON} on", len(values)),
            f"{spread}; {share:.1%}",
        )
    for patients in (1, 5):
        lines = [vectors[np.flatnonzero(disorder == one)[:patients]] for one in np.unique(disorder)]
        enough = [line for line in lines if len(line) == patients][:10]
        for questions in (200, 1_000, 2_000, 5_000):
            found = [_extracted(line, questions) for line in enough]
            yield (
                *(what, f"a descriptor of a line of {patients} photos, from {questions:,} answers"),
                *(len(found), f"median similarity to the nearest: {np.median(found):.2f}"),
            )


def _extracted(line: Descriptors, questions: int) -> float:
    """How similar to a stored descriptor of a line `(n, d)` the one is that fits the answers to
    made-up descriptors best (ridge regression): a quarter in any direction, the others in three
    rounds about the best so far, so that one patient stays the nearest."""
    rng = np.random.default_rng(SEED)
    dim, each = line.shape[1], questions // 4
    probes = _unit(rng.standard_normal((each, dim)))
    answers = _answered(probes, line)
    estimate = _fitted(probes, answers)
    kept_probes, kept_answers = [], []
    for _ in range(3):
        probes = _unit(0.75 * estimate + 0.66 * _unit(rng.standard_normal((each, dim))))
        answers = _answered(probes, line)
        is_told = answers > -1
        kept_probes.append(probes[is_told])
        kept_answers.append(answers[is_told])
        estimate = _fitted(np.concatenate(kept_probes), np.concatenate(kept_answers))
    return float((line @ estimate).max())


def _answered(probes: NDArray[np.float64], line: Descriptors) -> NDArray[np.float64]:
    """What a gallery tells of a line for each probe; -1 where all its patients are left out."""
    similarities = probes @ line.T
    similarities = np.where(similarities >= SAME_PERSON, -1, similarities)
    return np.round(similarities.max(axis=1), for_site.DECIMALS)


def _fitted(probes: NDArray[np.float64], answers: NDArray[np.float64]) -> NDArray[np.float64]:
    dim = probes.shape[1]
    noise = 10.0 ** (-2 * for_site.DECIMALS) / 12
    return _unit(np.linalg.solve(probes.T @ probes + noise * dim * np.eye(dim), probes.T @ answers))


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


if __name__ == "__main__":
    main()
