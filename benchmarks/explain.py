"""Whether maps of the face are true, and what they cost, with the built-in encoder.

python -m benchmarks.explain truth [--seed 2] [--people 2] [--strength 2] [--methods rise,…]
python -m benchmarks.explain speed
python -m benchmarks.explain intervals

`truth`: each phenotype of the simulator but pallor, which has no place, is a disorder of its own,
with 12 patients who have only this phenotype, each another simulated person, photographed and
aligned as simulated patients are. Other persons with the phenotype are the probes, and the map is
of the line of their phenotype: by the centroid of its patients, or by the nearest of them.
`pointing`: share of maps whose highest place lies in the planted region or within 4 pixels of it;
`mass`: share of what speaks for the line that lies in the region. Their chances: the region's share
of the face, and what the map of another line of the same face reaches. Correlations are Spearman's
over all pixels: with the map of another line (`swap`), with that of the same encoder with shuffled
weights (`shuffled`), and with a repetition by other random numbers (`again`).

`intervals`: how often the interval of a share, by the default method, has the share that a map
of the same face with 128 other ordinary faces gives.

`speed`: processor time, the median of runs that alternate with encodings of as many faces.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks.table import keep
from gestalt_space.encoders.differentiable import DifferentiableEncoder, open_differentiable
from gestalt_space.encoders.registry import find_encoder_model, open_encoder
from gestalt_space.encoders.specification import Encoder
from gestalt_space.encoders.torch_encoder import TorchEncoder
from gestalt_space.explain.checks import (
    chance_of_pointing,
    mass_in,
    points_at,
    with_shuffled_weights,
)
from gestalt_space.explain.face_map import correlation
from gestalt_space.explain.gradients import IntegratedGradients, LastFeatures
from gestalt_space.explain.methods import BEST, METHODS, ExplainMethod
from gestalt_space.explain.occlusion import PatchOcclusion
from gestalt_space.explain.planted import PlantedFace, planted_face
from gestalt_space.explain.targets import Floats, LineTarget, direction_to
from gestalt_space.simulate.persons import Persons
from gestalt_space.simulate.phenotypes import TERMS
from gestalt_space.types import Crops
from gestalt_space.weights.store import ModelStore

WITHOUT_A_PLACE = "HP:0000980"
PATIENTS = 12


@dataclass
class Lines:
    """The patients of each line, and the middle of the lines."""

    encoder: Encoder
    gradients: DifferentiableEncoder
    patients: dict[str, Floats] = field(default_factory=dict)

    def describe(self, crops: Crops) -> Floats:
        """Descriptors of aligned faces."""
        return self.encoder.encode(crops)[:, 0].astype(np.float64)

    def target(self, term: str, probe: Floats, kind: str) -> LineTarget:
        """The line of a term, as a probe sees it."""
        rows = self.patients[term]
        line = rows.mean(axis=0) if kind == "centroid" else rows[np.argmax(rows @ probe)]
        means = [other.mean(axis=0) for name, other in self.patients.items() if name != term]
        others = np.mean([mean / np.linalg.norm(mean) for mean in means], axis=0)
        return LineTarget(self.encoder, direction_to(line, others), lambda: self.gradients)


@dataclass
class Found:
    """What a method reached, a number for each probe."""

    points: list[bool] = field(default_factory=list)
    elsewhere: list[bool] = field(default_factory=list)
    mass: list[float] = field(default_factory=list)
    swap: list[float] = field(default_factory=list)
    shuffled: list[float] = field(default_factory=list)
    again: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("truth", "speed", "intervals"))
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--people", type=int, default=2)
    parser.add_argument("--strength", type=float, default=2.0)
    parser.add_argument("--methods", default=",".join(METHODS))
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        model = find_encoder_model(ModelStore(Path(folder)))
        encoder = open_encoder(model, device="cpu", threads=1)
        gradients = open_differentiable(model, "cpu")
        if given.what == "speed":
            speed(encoder, gradients)
        elif given.what == "intervals":
            intervals(encoder, gradients)
        else:
            methods = given.methods.split(",")
            truth(encoder, gradients, given.seed, given.people, given.strength, methods)


def truth(
    encoder: Encoder,
    gradients: DifferentiableEncoder,
    seed: int,
    people: int,
    strength: float,
    methods: Sequence[str],
) -> None:
    persons, rng = Persons.builtin(), np.random.default_rng(seed)
    terms = [term for term in TERMS if term != WITHOUT_A_PLACE]
    crops: dict[str, Crops] = {}
    probes: dict[str, list[PlantedFace]] = {}
    for term in terms:
        crops[term] = np.stack(
            [planted_face(persons, rng, term, strength).crop for _ in range(PATIENTS)]
        )
        probes[term] = [planted_face(persons, rng, term, strength) for _ in range(people)]
    shuffled = with_shuffled_weights(gradients, seed)
    whole, broken = Lines(encoder, gradients), Lines(shuffled[1], shuffled[0])
    for lines in (whole, broken):
        lines.patients = {term: lines.describe(faces) for term, faces in crops.items()}
    ways = [(method, "centroid") for method in methods]
    ways += [(BEST, "nearest")] if BEST in methods else []
    found = {way: Found() for way in ways}
    for number, term in enumerate(terms):
        other = terms[(number + len(terms) // 2) % len(terms)]
        for place, face in enumerate(probes[term]):
            for method, kind in found:
                look(found[method, kind], whole, broken, term, other, face, method, kind, place)
        told = {way: sum(one.points[-people:]) for way, one in found.items()}
        print(TERMS[term].label, told, flush=True)
    chances = [
        (chance_of_pointing(face.region), face.region.mean())
        for faces in probes.values()
        for face in faces
    ]
    pointing, mass = np.mean(chances, axis=0)
    rows = [
        [
            *(method, kind, f"{np.mean(one.points):.2f} ± {error(one.points):.2f}"),
            *(f"{pointing:.2f}", f"{np.mean(one.elsewhere):.2f}", f"{np.nanmean(one.mass):.2f}"),
            *(f"{mass:.2f}", *(middle(of) for of in (one.swap, one.shuffled, one.again))),
        ]
        for (method, kind), one in found.items()
    ]
    command = (
        f"python -m benchmarks.explain truth --seed {seed} --people {people} "
        f"--strength {strength:g} --methods {','.join(methods)}"
    )
    header = ("method", "line by", "pointing ± SE", "chance", "map of another line", "mass")
    header += ("chance", "swap", "shuffled", "again")
    keep(f"explain-truth-{seed}", command, header, rows)


def look(
    found: Found,
    whole: Lines,
    broken: Lines,
    term: str,
    other: str,
    face: PlantedFace,
    method: str,
    kind: str,
    place: int,
) -> None:
    way = METHODS[method].make(0)
    probe = whole.describe(face.crop[None])[0]
    made = way.explain(face.crop, whole.target(term, probe, kind))
    found.points.append(points_at(made.values, face.region))
    found.mass.append(mass_in(made.values, face.region))
    if place:
        return
    against = way.explain(face.crop, whole.target(other, probe, kind))
    found.elsewhere.append(points_at(against.values, face.region))
    found.swap.append(correlation(made, against))
    lost = broken.describe(face.crop[None])[0]
    found.shuffled.append(
        correlation(made, way.explain(face.crop, broken.target(term, lost, kind)))
    )
    repeated = METHODS[method].make(1).explain(face.crop, whole.target(term, probe, kind))
    found.again.append(correlation(made, repeated))


def intervals(encoder: Encoder, gradients: DifferentiableEncoder) -> None:
    persons, rng = Persons.builtin(), np.random.default_rng(31)
    terms, lines = list(TERMS)[::4], Lines(encoder, gradients)
    for term in terms:
        crops = np.stack([planted_face(persons, rng, term, 2.0).crop for _ in range(8)])
        lines.patients[term] = lines.describe(crops)
    covered, is_large = [], []
    for term in terms:
        crop = planted_face(persons, rng, term, 2.0).crop
        target = lines.target(term, lines.describe(crop[None])[0], "centroid")
        true = IntegratedGradients(fills=128, seed=99).explain(crop, target).shares()
        for seed in range(4):
            for name, share in METHODS[BEST].make(seed).explain(crop, target).shares().items():
                covered.append(share.low <= true[name].value <= share.high)
                is_large.append(share.value > 0.1)
    large = np.array(covered)[np.array(is_large)]
    rows = [
        ["all regions", len(covered), f"{np.mean(covered):.1%}"],
        ["shares above 10 %", len(large), f"{large.mean():.1%}"],
    ]
    keep("explain-intervals", "python -m benchmarks.explain intervals", ("", "n", "covered"), rows)


def speed(encoder: Encoder, gradients: DifferentiableEncoder) -> None:
    persons, rng = Persons.builtin(), np.random.default_rng(5)
    faces = np.stack([planted_face(persons, rng, "HP:0000445", 2.0).crop for _ in range(197)])
    lines = encoder.encode(faces[:20])[:, 0]
    target = LineTarget(encoder, direction_to(lines[0], lines[1:].mean(axis=0)), lambda: gradients)
    in_torch = TorchEncoder(
        gradients.spec,
        copy.deepcopy(gradients.networks),
        gradients.prepare.views,
        device=gradients.device,
    )
    batch = torch.from_numpy(faces[:16]).permute(0, 3, 1, 2).float()
    direction = torch.from_numpy(target.direction.astype(np.float32))

    def with_gradients() -> None:
        images = batch.clone().requires_grad_()
        (gradients.descriptors(images) @ direction).sum().backward()

    def without() -> None:
        with torch.no_grad():
            gradients.descriptors(batch)

    def made(way: ExplainMethod) -> Callable[[], object]:
        return lambda: way.explain(faces[0], target)

    one = faces[:1]
    rows = [
        ratio("gradient of 16 faces", "16 encodings in torch", with_gradients, without),
        ratio(
            "map hires-cam",
            "1 encoding in torch",
            made(LastFeatures(whole=False)),
            lambda: in_torch.encode(one),
        ),
        ratio(
            "map hires-cam",
            "1 encoding in ONNX Runtime",
            made(LastFeatures(whole=False)),
            lambda: encoder.encode(one),
        ),
        ratio(
            "map occlusion, 1 fill: 197 faces",
            "197 encodings in ONNX Runtime",
            made(PatchOcclusion(fills=1)),
            lambda: encoder.encode(faces),
        ),
        *(
            ratio(
                f"map {name}",
                "1 encoding in ONNX Runtime",
                made(METHODS[name].make(0)),
                lambda: encoder.encode(one),
                runs=5,
            )
            for name in METHODS
            if name != "hires-cam"
        ),
    ]
    header = ("what", "against", "ms", "ms", "ratio")
    keep("explain-speed", "python -m benchmarks.explain speed", header, rows)


def ratio(
    name: str,
    against: str,
    work: Callable[[], object],
    other: Callable[[], object],
    runs: int = 15,
) -> list[str]:
    """Processor time of two kinds of work that take turns, one thread."""
    work()
    other()
    taken: list[tuple[float, float]] = []
    for _ in range(runs):
        starts = [time.process_time()]
        for each in (work, other):
            each()
            starts.append(time.process_time())
        taken.append((starts[1] - starts[0], starts[2] - starts[1]))
    mine, theirs = (statistics.median(column) for column in zip(*taken, strict=True))
    shown = f"{mine / theirs:.2f}" if mine < 100 * theirs else f"{mine / theirs:.0f}"
    return [name, against, f"{1000 * mine:.1f}", f"{1000 * theirs:.1f}", shown]


def error(hits: Sequence[bool]) -> float:
    return float(np.std(hits) / np.sqrt(len(hits)))


def middle(values: Sequence[float]) -> str:
    return f"{np.nanmean(values):.2f}".replace("-", "−")


if __name__ == "__main__":
    main()
