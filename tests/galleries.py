"""Small galleries: a home with installed models, photos that are aligned crops, rows to add, and
rows for the store that no photo stands behind.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from gestalt_space.faces.alignment import TEMPLATE
from gestalt_space.faces.crops import crop_to_png
from gestalt_space.gallery.intake import Intake
from gestalt_space.gallery.storing import Added
from gestalt_space.home import Gallery
from gestalt_space.store.service_tables import Job
from gestalt_space.store.writes import EncodedFace, NewPhoto
from gestalt_space.types import Descriptors, Disorder, Face, PhotoRecord, Quality
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.prepared import Prepared


def make_home(folder: Path, *stores: ModelStore) -> Path:
    """A home in which the models of the stores are installed."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for store in stores:
        shutil.copytree(store.folder, folder / "models", dirs_exist_ok=True)
    return folder


def open_gallery(home: Path, **options: Any) -> Gallery:
    return Gallery.open(home, detector=options.pop("detector", "aligned"), **options)


def row(photo: Path, patient: str, *disorders: str, **facts: Any) -> Intake:
    """A photo to be added for a patient with disorders."""
    told = tuple(Disorder(code) for code in disorders)
    record = PhotoRecord(photo=photo.name, patient=patient, disorders=told, **facts)
    return Intake(photo.name, photo, record)


def add(gallery: Gallery, *rows: Intake, **options: Any) -> list[Added]:
    return list(gallery.add(rows, **options).photos)


def fill_once(prepared: Prepared, name: str, home: Path, *rows: Intake) -> Path:
    """Add photos to a home without any; under the same name it is copied from then on."""

    def fill() -> None:
        with open_gallery(home) as gallery:
            assert statuses(add(gallery, *rows)) == ["added"] * len(rows)

    return prepared(name, home, fill)


def statuses(results: Iterable[Added]) -> list[str]:
    return [result.status for result in results]


def new_photo(
    patient: str,
    seed: int,
    *,
    disorders: tuple[Disorder, ...] = (),
    dim: int = 16,
    descriptor: Descriptors | None = None,
    sha256: str | None = None,
    crop: bool = True,
    place: int = 0,
    detector: str = "aligned",
    moved: float = 0.0,
    **facts: Any,
) -> NewPhoto:
    """A row for the store, as if a photo had been read and encoded.

    `place`: of the face among those side by side in the photo; `moved`: its landmarks, in pixels.
    """
    pixels = made.crop(seed)
    across = np.array([112 * place, 0], np.float32)
    face = Face(
        number=1 + place,
        count=1 + place,
        detector=detector,
        step="aligned",
        box=np.array([0, 0, 112, 112], np.float32) + np.tile(across, 2),
        landmarks=np.asarray(TEMPLATE + across + np.float32(moved), np.float32),
        score=1.0,
        quality=Quality(1.0, 112.0, 0.0, 0.0),
        crop=pixels,
    )
    if descriptor is None:
        descriptor = made.unit(np.random.default_rng(seed), 1, dim)[0]
    return NewPhoto(
        record=PhotoRecord(f"{patient}-{seed}.png", patient, disorders, **facts),
        sha256=sha256 or hashlib.sha256(f"{patient} {seed}".encode()).hexdigest(),
        encoded=EncodedFace(
            width=112,
            height=112,
            face=face,
            descriptor=descriptor,
            crop=crop_to_png(pixels) if crop else None,
        ),
    )


def new_job(key: str = "j" * 32, **told: Any) -> Job:
    """A job of the service that is done, with a result, unless told otherwise."""
    now = datetime.now(UTC)
    return Job(
        **{
            "id": key,
            "home_id": "h" * 36,
            "actor": "anna",
            "kind": "cohesion",
            "request": {"among": []},
            "state": "done",
            "epoch": 0,
            "created_at": now,
            "started_at": now,
            "ended_at": now,
            "error": None,
            "result": "{}",
            **told,
        }
    )


def encoded_of(photo: NewPhoto) -> EncodedFace:
    """The encoded face of a row that `new_photo` made."""
    assert photo.encoded is not None
    return photo.encoded


def files_with(folder: Path, needle: bytes) -> list[str]:
    """The files of a folder in whose raw bytes something stands."""
    assert needle, "nothing would be found everywhere"
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and needle in path.read_bytes()
    )
