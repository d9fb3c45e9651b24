"""How many ordinary faces are marked as covered, by group, and how many covered ones are.

    python -m recipes cover utkface.zip --teacher yunet_n.onnx -o cover.onnx  # the built-in network
    python -m benchmarks.covered ../shared --leave-out                # five more, 600 steps

The photos are those of UTKFace that no training and no choice of a limit saw. Covers are drawn on
them as in training; so the rows that count are those of a network that was trained without that
kind of cover, those of grey blocks, and the photos in the wild.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.quality import BLOCKS
from benchmarks.table import keep
from gestalt_space.errors import FaceError
from gestalt_space.faces.alignment import align
from gestalt_space.faces.cover import OVAL, CoverModel
from gestalt_space.faces.detection import Detector, find_faces
from gestalt_space.faces.marks import MOST_HIDDEN
from gestalt_space.faces.photos import read_photo
from gestalt_space.faces.registry import detector_factory
from gestalt_space.simulate.persons import FaceLabels, Persons, Portrait
from gestalt_space.simulate.phenotypes import change
from gestalt_space.simulate.real_faces import RealFace, read_faces
from gestalt_space.training.splits import held_out
from gestalt_space.types import Pixels
from gestalt_space.weights.store import ModelStore
from recipes.cover.pictures import KINDS, CoverPainter, in_cells
from recipes.cover.recipe import CoverRecipe, train_cover, with_deformations
from recipes.encoder.data import photographed
from recipes.encoder.deformations import draw

SEED = 29
LEFT_OUT_STEPS, LEFT_OUT_PART = 600, 4
"""Batches of a training without a kind, and of how many of the faces it sees one."""
SHARES = ((MOST_HIDDEN, 20), (20, 40), (40, 101))
"""Percent of the face that a drawn cover hides."""
SIMULATED, SEVERITIES = 1_000, (1.0, 1.6, 2.5)
AGES = ((0, 3), (3, 12), (12, 60), (60, 200))
HEADER = ("faces", "network", "number", "marked", "share found: 1 %, median, 99 %")


@dataclass(frozen=True)
class TestFace:
    """A held-out face, aligned as the program does it."""

    crop: Pixels
    portrait: Portrait
    labels: FaceLabels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--leave-out", action="store_true", help="train without each kind as well")
    parser.add_argument("--drawn", type=int, default=800, help="faces to draw covers on")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    photos = arguments.shared / "data" / "utkface.zip"
    detector = builtin_detector()
    rows: list[tuple[object, ...]] = []

    def told(row: tuple[object, ...]) -> None:
        rows.append(row)
        print(*row, sep=" | ", file=sys.stderr, flush=True)

    built_in = CoverModel.builtin()
    faces = [aligned(face) for face in read_faces(photos, detector, wanted=held_out)]
    for row in ordinary(faces, built_in):
        told(row)
    some = faces[:: max(1, len(faces) // arguments.drawn)]
    for row in deformed(faces, built_in):
        told(row)
    for kind in KINDS:
        for row in drawn(some, kind, built_in, "built in"):
            told(row)
    for name, block in BLOCKS.items():
        told(row_of(f"{name} behind a grey block", "built in",
                    [built_in.share(blocked(face.crop, block)) for face in some]))  # fmt: skip
    for row in in_the_wild(arguments.shared, detector, built_in):
        told(row)
    if arguments.leave_out:
        known = list(read_faces(photos, detector, wanted=lambda name: not held_out(name)))
        for kind in KINDS:
            for row in without(kind, photos, known, some):
                told(row)
    keep("covered", "python -m benchmarks.covered ../shared --leave-out", HEADER, rows)


def builtin_detector() -> Detector:
    with tempfile.TemporaryDirectory() as folder:
        return detector_factory(ModelStore(Path(folder)), "builtin")[1](1)


def aligned(face: RealFace) -> TestFace:
    return TestFace(
        align(face.portrait.pixels, face.portrait.landmarks), face.portrait, face.labels
    )


def row_of(what: str, network: str, shares: Sequence[float]) -> tuple[object, ...]:
    percent = np.round(100 * np.array(shares))
    low, middle, high = np.quantile(percent, (0.01, 0.5, 0.99))
    marked = float((percent > MOST_HIDDEN).mean())
    return what, network, len(percent), f"{marked:.1%}", f"{low:.0f}, {middle:.0f}, {high:.0f}"


def ordinary(faces: Sequence[TestFace], model: CoverModel) -> Iterator[tuple[object, ...]]:
    """Photos as they come, by group."""
    shares = [model.share(face.crop) for face in faces]
    yield row_of("photos as they come", "built in", shares)
    groups: dict[str, list[float]] = {}
    for face, share in zip(faces, shares, strict=True):
        labels = face.labels
        of = [labels.ancestry, labels.sex]
        of += [f"{low} to {high - 1} years" for low, high in AGES
               if labels.age_years is not None and low <= labels.age_years < high]  # fmt: skip
        for group in of:
            if group:
                groups.setdefault(group, []).append(share)
    for group in sorted(groups):
        yield row_of(f"photos as they come, {group}", "built in", groups[group])


def deformed(faces: Sequence[TestFace], model: CoverModel) -> Iterator[tuple[object, ...]]:
    """The photos with deformations as in training, and simulated patients as severe as those of
    cohorts and more so: unusual faces, which nothing covers."""
    rng = np.random.default_rng(SEED)
    changed = with_deformations([face.portrait for face in faces], rng, 1.0)
    shares = [model.share(align(one.pixels, one.landmarks)) for one in changed]
    yield row_of("photos with deformations", "built in", shares)
    persons = Persons.builtin()
    for severity in SEVERITIES:
        crops = []
        for _ in range(SIMULATED):
            person = persons.portrait(persons.sample(rng), rng)
            fields = draw(rng).shown_by(rng, severity).fields_on(person)
            crops.append(photographed(change(person, fields), rng))
        what = f"simulated patients, severity {severity}"
        yield row_of(what, "built in", [model.share(crop) for crop in crops])


def drawn(
    faces: Sequence[TestFace], kind: str, model: CoverModel, network: str
) -> Iterator[tuple[object, ...]]:
    """A kind of cover drawn on faces, by how much of them it hides."""
    painter = CoverPainter([face.portrait for face in faces], np.random.default_rng(SEED))
    rng = np.random.default_rng([SEED, list(KINDS).index(kind)])
    true, found = [], []
    for face in faces:
        crop, mask = painter.covered(face.crop, kind, rng)
        true.append(100 * in_cells((mask >= 0.5).astype(np.float32))[OVAL].mean())
        found.append(model.share(crop))
    for low, high in SHARES:
        there = [share for share, of in zip(found, true, strict=True) if low < of <= high]
        if there:
            yield row_of(f"{kind} over {low}–{min(high, 100)} % of the face", network, there)


def without(
    kind: str, photos: Path, known: Sequence[RealFace], faces: Sequence[TestFace]
) -> Iterator[tuple[object, ...]]:
    """What a network finds of a kind of cover that it never saw."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cover.onnx"
        recipe = CoverRecipe(photos, steps=LEFT_OUT_STEPS, without=kind)
        train_cover(
            recipe,
            known[::LEFT_OUT_PART],
            path,
            lambda line: print(line, file=sys.stderr, flush=True),
        )
        model, name = CoverModel(path), f"without {kind}, {LEFT_OUT_STEPS} steps"
        yield row_of("photos as they come", name, [model.share(face.crop) for face in faces])
        yield from drawn(faces, kind, model, name)


def blocked(crop: Pixels, block: tuple[int, int, int, int]) -> Pixels:
    x0, y0, x1, y1 = block
    hidden = crop.copy()
    hidden[max(y0, 0) : y1, max(x0, 0) : x1] = 128
    return hidden


def in_the_wild(
    shared: Path, detector: Detector, model: CoverModel
) -> Iterator[tuple[object, ...]]:
    """Photos of masked people, by their file names, and all others."""
    shares: dict[bool, list[float]] = {True: [], False: []}
    for path in sorted((shared / "data" / "wild").iterdir()):
        with suppress(FaceError):
            face = find_faces(read_photo(path), detector)[0]
            shares["mask" in path.name].append(model.share(face.crop))
    yield row_of("photos in the wild with a mask", "built in", shares[True])
    yield row_of("photos in the wild without", "built in", shares[False])


if __name__ == "__main__":
    main()
