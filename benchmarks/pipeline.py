"""Photos to descriptors beside the stages of that way alone, and how much memory it takes.

python -m benchmarks.pipeline [SHARED] [--photos 5000]
python -m benchmarks.pipeline SHARED --field [--photos 5000]

Each stage is run alone on all cores, over the same photos: reading and decoding, finding and
aligning faces, encoding. On a processor the stages share the cores, so that no arrangement of them
ends before the sum of the three has passed: that is the bound the pipeline's rate is held against.
Its rate beside the slowest stage alone is told as well; that is the bound where the encoder has a
device of its own, or takes nearly all of the time, as the field's encoders do (`--field`:
IResNet-50 and -100 with random weights, in a table of their own). The stages alone and the pipeline
take the photos part by part in turn, and shares of a bound are medians of the parts, so that what
else the machine does tells little.

Memory is the peak of a process that does nothing else, at all photos beside a tenth of them.
Simulated photos are brought to sizes from 160 to 1,600 pixels, UTKFace's, of SHARED, have 200.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from benchmarks.table import keep
from gestalt_space.devices import cores
from gestalt_space.encoders.specification import Encoder
from gestalt_space.errors import GestaltError
from gestalt_space.faces.detection import Detector, find_faces
from gestalt_space.faces.photos import PhotoLimits, read_photo
from gestalt_space.faces.registry import detector_factory
from gestalt_space.gallery.models import OpenModels
from gestalt_space.gallery.pipeline import PhotoSource, Pipeline
from gestalt_space.simulate.cohort import CohortPlan, draw_cohort
from gestalt_space.simulate.persons import Persons
from gestalt_space.simulate.subjects import SampledSubjects
from gestalt_space.types import Photo, Pixels
from gestalt_space.weights.store import ModelStore

SEED = 11
BATCH = 16
PARTS = 10
"""Of the photos; a part is decoded at once for the stages alone, and is what memory begins with."""
SIMULATED = 500
"""Simulated photos that are made; they are taken in turn until there are enough."""
SIDES = (160, 1600)
STAGES = ("decoding", "finding faces", "encoding")
HEADER = ("photos, models", "what", "photos/s", "of the bound", "asked")

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Way:
    """Photos, and the installed models that they go through."""

    title: str
    paths: list[Path]
    models: Path
    detector: str
    encoder: str

    @property
    def part(self) -> int:
        """Photos in one of `PARTS`."""
        return max(BATCH, len(self.paths) // PARTS)

    def pipeline(self) -> Pipeline:
        """The pipeline through them; its encoder is opened on first use."""
        store = ModelStore(self.models)
        models, model = OpenModels(store), store.get(self.encoder)
        return Pipeline(
            model=model,
            detectors=models.detectors(self.detector),
            open_encoder=partial(models.encoder, model),
            limits=PhotoLimits(),
            batch_size=BATCH,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path, nargs="?")
    parser.add_argument("--photos", type=int, default=5000)
    parser.add_argument("--field", action="store_true")
    given = parser.parse_args()
    if given.field and given.shared is None:
        parser.error("--field needs SHARED: its photos and YuNet")
    ways = _field_ways if given.field else _ways
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            row
            for way in ways(Path(folder), given.shared, given.photos)
            for row in (*_rates(way), _memory(way))
        ]
    where = f"{' SHARED' if given.shared else ''}{' --field' if given.field else ''}"
    keep(
        "pipeline-field" if given.field else "pipeline",
        f"python -m benchmarks.pipeline{where} --photos {given.photos}  # seed {SEED}",
        HEADER,
        rows,
    )


def _ways(folder: Path, shared: Path | None, count: int) -> list[Way]:
    """Small encoders."""
    store = ModelStore(folder / "models")
    simulated = _simulated(folder / "simulated", count)
    ways = [Way("simulated, built-in", simulated, store.folder, "builtin", "builtin")]
    if shared is not None:
        store.add(shared / "models/arcface-mbf", name="mbf", accept_license=True)
        store.add(shared / "models/yunet_n.onnx", name="yunet")
        real = _real(shared / "data/utkface.zip", folder / "utkface", count)
        ways += [
            Way("UTKFace, built-in", real, store.folder, "builtin", "builtin"),
            Way("UTKFace, YuNet and MobileFaceNet", real, store.folder, "yunet", "mbf"),
        ]
    return ways


def _field_ways(folder: Path, shared: Path, count: int) -> list[Way]:
    """The field's encoders in their true shapes, as ONNX files with random weights."""
    # Here, since it imports torch, which the processes that memory is measured in do without.
    from benchmarks.encoders import Plan, _files

    store = ModelStore(folder / "models")
    store.add(shared / "models/yunet_n.onnx", name="yunet")
    real = _real(shared / "data/utkface.zip", folder / "utkface", count)
    ways = []
    for name, path, _ in _files(folder, Plan(), None):
        store.add(path, accept_license=True)
        title = f"{count} of UTKFace, YuNet and {name.replace('iresnet', 'IResNet-')}"
        ways.append(Way(title, real, store.folder, "yunet", name))
    return ways


def _rates(way: Way) -> list[tuple[str, ...]]:
    """The stages alone, and the pipeline beside their bound."""
    pipeline = way.pipeline()
    alone, together, count = [], [], len(way.paths)
    for start in range(0, count, way.part):
        paths = way.paths[start : start + way.part]
        alone.append(_alone(way, pipeline.encoder, paths))
        together.append(_timed(lambda: list(pipeline.run(_sources(paths))))[0])  # noqa: B023
    stages, taken = np.array(alone), np.array(together)
    spent = stages.sum(axis=0)
    return [
        *(
            (way.title, f"{stage} alone", f"{count / seconds:.1f}", "", "")
            for stage, seconds in zip(STAGES, spent, strict=True)
        ),
        (
            way.title,
            "the pipeline, beside all stages in turn",
            f"{count / taken.sum():.1f}",
            f"{np.median(stages.sum(axis=1) / taken):.0%}",
            "at least 85 %",
        ),
        (
            way.title,
            "the same, beside the slowest alone",
            "",
            f"{np.median(stages[:, spent.argmax()] / taken):.0%}",
            "at least 85 %",
        ),
    ]


def _alone(way: Way, encoder: Encoder, paths: Sequence[Path]) -> list[float]:
    """Seconds of each stage by itself, the detectors opened before."""
    own = threading.local()
    _, make = detector_factory(ModelStore(way.models), way.detector)
    ready = threading.Barrier(cores())

    def open_detector() -> None:
        own.detector = make(1)
        ready.wait()

    def find(photo: Photo) -> Pixels | None:
        return _largest_face(photo, own.detector)

    with ThreadPoolExecutor(cores(), initializer=open_detector) as pool:
        list(pool.map(lambda _: None, range(cores())))
        decoding, photos = _timed(lambda: list(pool.map(read_photo, paths)))
        finding, found = _timed(lambda: list(pool.map(find, photos)))
    crops = np.stack([crop for crop in found if crop is not None])
    batches = [crops[start : start + BATCH] for start in range(0, len(crops), BATCH)]
    encoding, _ = _timed(lambda: list(map(encoder.encode, batches)))
    return [decoding, finding, encoding]


def _largest_face(photo: Photo, detector: Detector) -> Pixels | None:
    try:
        return find_faces(photo, detector)[0].crop
    except GestaltError:
        return None


def _memory(way: Way) -> tuple[str, ...]:
    few = way.part
    low, high = (_in_a_process_of_its_own(_peak, way, count) for count in (few, len(way.paths)))
    return (
        way.title,
        f"memory's peak: {low:.0f} MB at {few} photos, {high:.0f} MB at {len(way.paths)}",
        "",
        f"{high / low:.2f} ×",
        "at most 1.10 ×",
    )


def _in_a_process_of_its_own(work: Callable[[T, int], R], way: T, count: int) -> R:
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as pool:
        return pool.submit(work, way, count).result()


def _peak(way: Way, count: int) -> float:
    """Megabytes that this process has held at most, after that many photos.

    From /proc: `getrusage` counts what the parent held when it started this process.
    """
    for _ in way.pipeline().run(_sources(way.paths[:count])):
        pass
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM:"))
    return int(peak.split()[1]) / 1024


def _sources(paths: Sequence[Path]) -> list[PhotoSource]:
    return [PhotoSource(path.name, path, largest=True) for path in paths]


def _simulated(folder: Path, count: int) -> list[Path]:
    """Photos of one person each, as JPEG files of many sizes."""
    folder.mkdir()
    people = max(20, min(count, SIMULATED))
    plan = CohortPlan(disorders=10, patients=people, photos_per_patient=1, seed=SEED)
    cohort = draw_cohort(plan, SampledSubjects(Persons.builtin()))
    rng = np.random.default_rng(SEED)
    paths = []
    for shot in cohort.photos():
        paths.append(folder / f"{shot.id}.jpg")
        side = int(rng.integers(*SIDES, endpoint=True))
        pixels = cv2.resize(shot.portrait.pixels, (side, side), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(paths[-1]), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return list(islice(cycle(paths), count))


def _real(archive: Path, folder: Path, count: int) -> list[Path]:
    with zipfile.ZipFile(archive) as opened:
        names = sorted(name for name in opened.namelist() if name.endswith(".jpg"))
        chosen = np.random.default_rng(SEED).permutation(len(names))[:count]
        return [Path(opened.extract(names[i], folder)) for i in chosen]


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main()
