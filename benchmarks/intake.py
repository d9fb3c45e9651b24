"""Adding photos: encoding beside ONNX Runtime on ready batches, and 1,000 photos of UTKFace put
into a new gallery beside detection and encoding done alone in a loop.

python -m benchmarks.intake SHARED [--photos 1000]
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.table import keep, median_of, seconds
from gestalt_space import Gallery, PhotoRecord
from gestalt_space.devices import cores, runtime
from gestalt_space.encoders.preparation import prepare
from gestalt_space.encoders.registry import open_encoder
from gestalt_space.errors import GestaltError
from gestalt_space.faces.detection import find_faces
from gestalt_space.faces.photos import read_photo
from gestalt_space.faces.registry import detector_factory
from gestalt_space.gallery.intake import Intake
from gestalt_space.types import Crops, Photo
from gestalt_space.weights.store import ModelStore

SEED = 11
BATCH = 16
REPEATS = 15


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("shared", type=Path)
    arguments.add_argument("--photos", type=int, default=1000)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = ModelStore(Path(folder) / "models")
        store.add(given.shared / "models/arcface-mbf", name="arcface-mbf", accept_license=True)
        store.add(given.shared / "models/yunet_n.onnx", name="yunet")
        photos = _photos(given.shared / "data/utkface.zip", Path(folder) / "photos", given.photos)
        rows = _encoding(store)
        for detector in ("yunet", "scrfd"):
            rows += _intake(store, detector, photos, Path(folder))
    keep(
        "intake",
        f"python -m benchmarks.intake SHARED --photos {given.photos}  # seed {SEED}",
        ("what", "seconds", "a second", "ratio", "asked"),
        rows,
    )


def _encoding(store: ModelStore) -> list[tuple[str, ...]]:
    """The encoder beside ONNX Runtime with its own defaults, in turns."""
    model = store.get("arcface-mbf")
    encoder = open_encoder(model, precision="float32")
    file = model.file("encoder")
    assert file is not None
    session = runtime().InferenceSession(str(model.path(file)), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(SEED)
    crops: Crops = rng.integers(0, 256, (BATCH * 8, 112, 112, 3), dtype=np.uint8)
    batches = [crops[i : i + BATCH] for i in range(0, len(crops), BATCH)]
    ready = [prepare(batch, encoder.spec) for batch in batches]
    name = session.get_inputs()[0].name

    def alone() -> None:
        for batch in ready:
            session.run(None, {name: batch})

    def ours() -> None:
        for batch in batches:
            encoder.encode(batch)

    ratios, base, taken = [], [], []
    median_of(alone, 2), median_of(ours, 2)
    for _ in range(REPEATS):
        base += seconds(alone)
        taken += seconds(ours)
        ratios.append(base[-1] / taken[-1])
    n = len(crops)
    slow, quick = statistics.median(base), statistics.median(taken)
    return [
        ("ONNX Runtime on ready batches of 16", f"{slow:.3f}", f"{n / slow:.0f}", "1.00 ×", ""),
        (
            "encoder, from uint8 crops",
            f"{quick:.3f}",
            f"{n / quick:.0f}",
            f"{statistics.median(ratios):.2f} ×",
            "at least 0.90 ×",
        ),
    ]


def _intake(
    store: ModelStore, detector: str, photos: list[Path], folder: Path
) -> list[tuple[str, ...]]:
    decoded = [read_photo(path) for path in photos]
    make = detector_factory(store, detector)[1]
    crops: list[np.ndarray] = []
    detection = seconds(lambda: crops.extend(_detect_alone(decoded, make(cores()))))[0]
    encoder = open_encoder(store.get("arcface-mbf"), precision="float32")
    stacked = np.stack(crops)
    encoding = seconds(
        lambda: [encoder.encode(stacked[i : i + BATCH]) for i in range(0, len(stacked), BATCH)]
    )[0]
    home = folder / f"home-{detector}"
    home.mkdir()
    (home / "models").symlink_to(store.folder)
    rows = [
        Intake(path.name, path, PhotoRecord(photo=path.name, patient=f"P{number}"))
        for number, path in enumerate(photos)
    ]
    with Gallery.open(home, detector=detector) as gallery:
        added: list[str] = []
        intake = seconds(
            lambda: added.extend(one.status for one in gallery.add(rows, largest=True).photos)
        )
    alone, taken, n = detection + encoding, intake[0], len(photos)
    return [
        (f"{detector}: detection alone", f"{detection:.2f}", f"{n / detection:.0f}", "", ""),
        (f"{detector}: encoding alone", f"{encoding:.2f}", f"{len(crops) / encoding:.0f}", "", ""),
        (
            f"{detector}: `index add` of {n} photos ({added.count('added')} went in)",
            f"{taken:.2f}",
            f"{n / taken:.0f}",
            f"{taken / alone:.2f} ×",
            "at most 1.25 ×",
        ),
    ]


def _detect_alone(photos: list[Photo], detector: Callable[..., object]) -> list[np.ndarray]:
    crops = []
    for photo in photos:
        try:
            crops.append(find_faces(photo, detector)[0].crop)  # type: ignore[arg-type]
        except GestaltError:
            continue
    return crops


def _photos(archive: Path, folder: Path, count: int) -> list[Path]:
    folder.mkdir()
    with zipfile.ZipFile(archive) as opened:
        names = sorted(name for name in opened.namelist() if name.endswith(".jpg"))
        chosen = random.Random(SEED).sample(names, count)
        return [Path(opened.extract(name, folder)) for name in chosen]


if __name__ == "__main__":
    main()
