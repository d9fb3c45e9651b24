"""What it costs to keep crops outside the database: adding and reading 1,000 of them in the
database, in a folder, and in S3 on loopback.

`python -m benchmarks.crops` stores made-up photos, 32 a transaction as `gestalt index add` does,
and reads their crops, 32 at a time as `gestalt index fill` does, without finding and encoding
faces. Rounds of the three alternate. Processor time is that of this process; the server of S3
(moto) is another one, and far slower than a real one.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import sqlalchemy as sa

from benchmarks.table import keep
from gestalt_space.crops.crop_store import CropStore
from gestalt_space.faces.crops import crop_to_png
from gestalt_space.gallery.adding import WRITE_BATCH
from gestalt_space.gallery.outer_crops import write_crops
from gestalt_space.settings import Settings, load_settings
from gestalt_space.store import tables as t
from gestalt_space.store import writes
from gestalt_space.store.crops import crops_of
from gestalt_space.store.engine import Database
from gestalt_space.types import Face, PhotoRecord, Quality

SEED = 31
DIM = 512
BUCKET = "s3://gestalt-crops"


def photos(count: int) -> list[writes.NewPhoto]:
    """Made-up photos whose crops are pictures of noise, about as large as PNG as those of faces."""
    rng = np.random.default_rng(SEED)
    quality = Quality(sharpness=1.0, size=112.0, yaw=0.0, roll=0.0)
    found = []
    for number in range(count):
        coarse = rng.integers(0, 256, (14, 14, 3), dtype=np.uint8)
        crop = cv2.resize(coarse, (112, 112), interpolation=cv2.INTER_CUBIC).astype(np.int16)
        crop += rng.integers(-3, 4, crop.shape, dtype=np.int16)
        pixels = np.clip(crop, 0, 255).astype(np.uint8)
        vector = rng.standard_normal(DIM).astype(np.float32)
        face = Face(
            number=1,
            count=1,
            detector="aligned",
            step="aligned",
            score=1.0,
            box=np.array([0, 0, 112, 112], np.float32),
            landmarks=np.full((5, 2), 50, np.float32),
            crop=pixels,
            quality=quality,
        )
        encoded = writes.EncodedFace(
            112, 112, face, vector / np.linalg.norm(vector), crop_to_png(pixels)
        )
        record = PhotoRecord(f"p{number}.png", f"P{number}")
        found.append(writes.NewPhoto(record, f"{number:064x}", encoded))
    return found


def add(database: Database, some: list[writes.NewPhoto]) -> None:
    for start in range(0, len(some), WRITE_BATCH):
        batch, put = write_crops(database, some[start : start + WRITE_BATCH])
        with database.writing(put) as session:
            space = writes.add_space(
                session, model="m", fingerprint="f" * 64, specification="{}", dim=DIM
            )
            writes.add_photos(session, batch, space_id=space)


def read(database: Database) -> None:
    with database.reading() as session:
        faces = session.scalars(sa.select(t.Face.id)).all()
    for start in range(0, len(faces), WRITE_BATCH):
        with database.reading() as session:
            found = crops_of(session, faces[start : start + WRITE_BATCH])
        assert all(found.values())


@contextmanager
def server() -> Iterator[None]:
    """A server of S3 in a process of its own, with the bucket."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "made-up",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            import boto3

            until = time.monotonic() + 60
            while True:
                try:
                    boto3.client("s3").create_bucket(Bucket=BUCKET.removeprefix("s3://"))
                    break
                except Exception:
                    if time.monotonic() > until:
                        raise
                    time.sleep(0.2)
            yield
        finally:
            running.terminate()


def measured(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds, and those of the processor."""
    start, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    os.environ["GESTALT_CROPS_KEY"] = b64encode(bytes(range(32))).decode()
    some = photos(given.photos)
    crops = [one.encoded.crop for one in some if one.encoded is not None]
    size = sum(len(crop) for crop in crops if isinstance(crop, bytes)) // len(some)
    taken: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder, server():
        for number in range(given.rounds):
            home = Path(folder, str(number))
            places = {"database": None, "folder": (home / "crops").as_uri(), "S3": BUCKET}
            for place, url in places.items():
                settings: Settings = load_settings(home / place).model_copy(update={"crops": url})
                (home / place).mkdir(parents=True)
                store = CropStore(settings)
                database = Database(home / place / "gallery.sqlite3", crops=store)
                added = measured(lambda database=database: add(database, some))
                seen = measured(lambda database=database: read(database))
                database.close()
                taken[place].append((*added, *seen))
    rows = []
    for place, rounds in taken.items():
        middle = [statistics.median(values) for values in zip(*rounds, strict=True)]
        rows.append((place, *(f"{1000 * value / given.photos:.2f}" for value in middle)))
    header = ("crops in", "add, ms", "add, processor ms", "read, ms", "read, processor ms")
    command = (
        f"python -m benchmarks.crops --photos {given.photos} --rounds {given.rounds}  # seed "
        f"{SEED}; a photo, of {size:,} bytes as PNG; medians of alternating rounds"
    )
    keep("crops", command, header, rows)


if __name__ == "__main__":
    main()
