"""A match against 100,000 stored descriptors of 512 numbers: what it costs besides detection and
encoding, in an open gallery, and what opening the gallery costs once.

python -m benchmarks.matching [--photos 100000]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.table import keep, seconds
from gestalt_space import Gallery, ModelStore
from gestalt_space.encoders.registry import encoder_spec
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.gallery.snapshot import refresh_generation
from gestalt_space.store import reads, writes
from tests.made import arcface_onnx, photo_file, unit
from tests.many import insert_many

SEED = 5
DIM = 512
PATIENTS = 60_000
DISORDERS = 5_000
REPEATS = 20


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--photos", type=int, default=100_000)
    count = arguments.parse_args().photos
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        arcface_onnx(home / "wide.onnx", dim=DIM, seed=SEED)
        ModelStore(home / "models").add(home / "wide.onnx", license_name="made here")
        with Gallery.open(home, detector="aligned") as gallery:
            _fill(gallery, count)
        rows = _measure(home, photo_file(home / "probe.png", SEED), count)
    keep(
        "matching",
        f"python -m benchmarks.matching --photos {count}  # seed {SEED}",
        ("what", "median ms", "asked"),
        rows,
    )


def _measure(home: Path, photo: Path, count: int) -> list[tuple[str, ...]]:
    probe = [PhotoSource(photo.name, photo)]
    with Gallery.open(home, detector="aligned") as gallery:
        opening = seconds(gallery.snapshot, 5)
        snapshot = gallery.snapshot()
        alone, whole = [], []
        list(gallery.match(probe, snapshot=snapshot))
        for _ in range(REPEATS):
            start = time.perf_counter()
            found = [result for batch in gallery.pipeline.run(probe) for result in batch]
            middle = time.perf_counter()
            matches = list(gallery.match(probe, snapshot=snapshot))
            alone.append(middle - start)
            whole.append(time.perf_counter() - middle)
    assert found[0].descriptor is not None
    assert len(matches[0].lines) == 10
    besides = [a - b for a, b in zip(whole, alone, strict=True)]
    return [
        ("detection and encoding of the probe (a made-up small model)", _ms(alone), ""),
        (f"the whole match against {count:,} descriptors", _ms(whole), ""),
        ("the match besides detection and encoding", _ms(besides), "under 30"),
        ("opening the gallery once: index from disk, owners from the database", _ms(opening), ""),
    ]


def _ms(taken: list[float]) -> str:
    return f"{statistics.median(taken) * 1000:.1f}"


def _fill(gallery: Gallery, count: int) -> None:
    """Rows for made-up patients, put in quickly: photos, faces and random descriptors."""
    rng = np.random.default_rng(SEED)
    patient_of = rng.integers(0, PATIENTS, count)
    spec = encoder_spec(gallery.space.model)
    with gallery.database.writing() as session:
        space_id = writes.add_space(
            session,
            model=gallery.space.model.name,
            fingerprint=spec.fingerprint,
            specification=spec.to_json(),
            dim=DIM,
        )
        vectors = unit(rng, count, DIM)
        insert_many(session, patient_of, vectors, space_id=space_id, disorders=DISORDERS)
    with gallery.database.reading() as session:
        spaces = reads.spaces(session)
    refresh_generation(gallery.database, spaces[0], gallery.settings.index_dir)


if __name__ == "__main__":
    main()
