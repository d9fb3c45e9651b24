"""A gallery of a million photos that nobody took: descriptors that lie as those of a real space do,
and the rows of a database for them.

python -m benchmarks.million HOME [--photos 1000000] [--patients 60000] [--disorders 5000]
    [--dim 512]

A descriptor is a sum of unit vectors: what all faces share, the disorder, the patient and the
photo. The squares of their weights are the expected similarities: 0.60 between photos of a patient,
0.25 between patients of a disorder, 0.05 between others. Directions have a falling spectrum, about
150 of 512 numbers count, so that strangers differ by chance as they do in ArcFace (SD 0.08). Sizes
of disorders and photos of a patient have long tails. Everything is made up in blocks.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from benchmarks.million_rows import insert_people, insert_photos
from gestalt_space.encoders.registry import encoder_spec, open_encoder
from gestalt_space.store import writes
from gestalt_space.store.engine import Database
from gestalt_space.types import Crops, Descriptors, Ids
from gestalt_space.weights.manifest import InstalledModel
from gestalt_space.weights.store import ModelStore
from tests.made import arcface_onnx, crop, photo_file

SEED = 15
DIM = 512
PHOTOS, PATIENTS, DISORDERS = 1_000_000, 60_000, 5_000
EVERYBODY, DISORDER, PATIENT = 0.05, 0.20, 0.35
UNDIAGNOSED = 0.04
FOLLOW_UP = 0.3
IN_COMMON = 0.7
"""Of what the slots of a descriptor see: they are views of one face, and agree about strangers."""
BLOCK = 16_384
PROBES = 64
"""Pictures that the made-up encoder turns into held-out photos; it has 147 inputs for them."""


@dataclass(frozen=True)
class Population:
    """Who is in the gallery, and where they lie in the space.

    `patient_of_row` `(n,)`: places of patients, each at least once; a patient's first photos come
    together, follow-ups later. `disorder_of_patient` `(p,)`: places of disorders, -1 undiagnosed.
    `centres` `(p, d)` float32: where a patient's photos lie around. `casts` `(slots, dim, dim)`:
    turn white noise into noise with the spectrum.
    """

    seed: int
    patient_of_row: Ids
    disorder_of_patient: Ids
    centres: Descriptors
    casts: NDArray[np.float32]

    def photos(self, patients: Ids, rng: np.random.Generator) -> Descriptors:
        """New photos `(len(patients), d)` of these patients, unit float32."""
        own = 1.0 - EVERYBODY - DISORDER - PATIENT
        vectors = np.sqrt(own, dtype=np.float32) * _directions(rng, len(patients), self.casts)
        vectors += self.centres[patients]
        _unit_slots(vectors.reshape(len(patients), len(self.casts), -1))
        return vectors

    def blocks(self) -> Iterator[tuple[int, Descriptors]]:
        """The gallery's descriptors in the order of its rows: first row and up to 16,384 rows."""
        for start in range(0, len(self.patient_of_row), BLOCK):
            rng = np.random.default_rng([self.seed, 1, start])
            yield start, self.photos(self.patient_of_row[start : start + BLOCK], rng)

    def vectors(self, file: Path | None = None) -> Descriptors:
        """All descriptors `(n, d)`, in memory or in an .npy file, mapped read-only."""
        shape = (len(self.patient_of_row), self.centres.shape[1])
        kept: Descriptors = (
            np.empty(shape, np.float32)
            if file is None
            else np.lib.format.open_memmap(file, "w+", np.float32, shape)
        )
        for start, block in self.blocks():
            kept[start : start + len(block)] = block
        if file is None:
            return kept
        kept.flush()
        return np.load(file, mmap_mode="r")

    def held_out(self, count: int, draw: int = 2) -> tuple[Descriptors, Ids]:
        """Photos `(count, d)` that are not in the gallery, and the places of their patients. Each
        `draw`, other than 0 and 1, gives others."""
        rng = np.random.default_rng([self.seed, draw])
        patients = rng.choice(len(self.disorder_of_patient), count, replace=False)
        return self.photos(patients, rng), patients


def make_population(
    photos: int = PHOTOS,
    *,
    dim: int = DIM,
    slots: int = 1,
    patients: int = PATIENTS,
    disorders: int = DISORDERS,
    seed: int = SEED,
) -> Population:
    """People for so many photos, descriptors of `slots × dim` numbers; fewer people where there
    are few photos."""
    patients = max(1, min(patients, photos * 3 // 5))
    disorders = max(1, min(disorders, patients // 3))
    rng = np.random.default_rng([seed, 0])
    sizes = (np.arange(disorders) + 20.0) ** -1.2
    disorder = np.concatenate([np.arange(disorders), _choose(rng, sizes, patients - disorders)])
    is_known = rng.random(patients) >= UNDIAGNOSED
    is_known[:disorders] = True
    order = rng.permutation(patients)
    disorder, is_known = disorder[order], is_known[order]
    casts = np.stack([_cast(rng, dim) for _ in range(slots)])
    centres = np.sqrt(PATIENT, dtype=np.float32) * _directions(rng, patients, casts)
    centres += np.sqrt(DISORDER, dtype=np.float32) * _directions(rng, disorders, casts)[disorder]
    centres += np.sqrt(EVERYBODY, dtype=np.float32) * _directions(rng, 1, casts)
    disorder[~is_known] = -1
    return Population(seed, _owners(rng, photos, patients), disorder, centres, casts)


def fill_gallery(
    home: Path,
    photos: int = PHOTOS,
    *,
    dim: int = DIM,
    patients: int = PATIENTS,
    disorders: int = DISORDERS,
    seed: int = SEED,
) -> Population:
    """Put a population as rows into the database of a home, and files `probe-000.png` … beside it.

    Each is a photo for the detector `aligned`, and the home's encoder makes a held-out photo of it:
    that of `held_out(PROBES)` with the same number. No index is written.
    """
    people = make_population(photos, dim=dim, patients=patients, disorders=disorders, seed=seed)
    model = _install_encoder(home, people.held_out(PROBES)[0])
    spec = encoder_spec(model)
    database = Database(home / "gallery.sqlite3")
    try:
        with database.writing() as session:
            space = writes.add_space(
                session,
                model=model.name,
                fingerprint=spec.fingerprint,
                specification=spec.to_json(),
                dim=dim,
            )
            insert_people(session, people.disorder_of_patient, seed)
        for start, vectors in people.blocks():
            owners = people.patient_of_row[start : start + len(vectors)]
            with database.writing() as session:
                insert_photos(session, start, owners, vectors, space_id=space, seed=seed)
    finally:
        database.close()
    return people


def _install_encoder(home: Path, wanted: Descriptors) -> InstalledModel:
    """A small network that makes the wanted descriptors of the pictures `probe-….png`."""
    home.mkdir(parents=True, exist_ok=True)
    pictures = np.stack([crop(number) for number in range(len(wanted))])
    for number in range(len(wanted)):
        photo_file(home / f"probe-{number:03d}.png", number)
    file = home / "million.onnx"
    arcface_onnx(file, dim=wanted.shape[1])
    network = onnx.load(str(file))
    weights = np.linalg.lstsq(_pooled(pictures), wanted.astype(np.float64), rcond=None)[0]
    network.graph.initializer[0].CopyFrom(
        numpy_helper.from_array(weights.astype(np.float32), "weights")
    )
    onnx.save(network, str(file))
    model = ModelStore(home / "models").add(file, license_name="made here")
    file.unlink()
    made = open_encoder(model, precision="float32").encode(pictures)[:, 0]
    assert np.abs(made - wanted).max() < 1e-4, "the encoder does not make the held-out photos"
    return model


def _pooled(pictures: Crops) -> NDArray[np.float64]:
    """What the network's matrix is given `(n, 147)`: means of 16 × 16 pixels, channels first."""
    levels = (pictures.astype(np.float64) - 127.5) / 127.5
    means = levels.reshape(-1, 7, 16, 7, 16, 3).mean(axis=(2, 4))
    return np.asarray(means.transpose(0, 3, 1, 2).reshape(len(pictures), -1))


def _owners(rng: np.random.Generator, photos: int, patients: int) -> Ids:
    """The patient of each row. Patients arrive in turn; of their photos, some come later."""
    weights = rng.lognormal(0, 1, patients)
    more = _choose(rng, weights, photos - patients)
    owners = np.concatenate([np.arange(patients), more])
    arrival = owners / patients
    later = rng.random(photos) < FOLLOW_UP
    later[:patients] = False
    when = np.where(later, arrival + (1 - arrival) * rng.random(photos), arrival)
    return np.asarray(owners[np.argsort(when, kind="stable")], np.int64)


def _choose(rng: np.random.Generator, weights: NDArray[np.float64], count: int) -> Ids:
    edges = np.cumsum(weights)
    return np.searchsorted(edges, rng.random(count) * edges[-1])


def _cast(rng: np.random.Generator, dim: int) -> NDArray[np.float32]:
    spectrum = (1 + 16 * np.arange(dim) / dim) ** -0.75
    turned = np.linalg.qr(rng.standard_normal((dim, dim)))[0]
    return np.asarray(spectrum[:, None] * turned, np.float32)


def _directions(
    rng: np.random.Generator, count: int, casts: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Directions `(count, slots × dim)` of length 1, of slots as long as each other."""
    made = np.empty((count, len(casts), casts.shape[1]), np.float32)
    for start in range(0, count, BLOCK):
        part = made[start : start + BLOCK]
        size = (len(part), casts.shape[1])
        common = rng.standard_normal(size, np.float32) * np.float32(IN_COMMON**0.5)
        for slot, cast in enumerate(casts):
            own = rng.standard_normal(size, np.float32) * np.float32((1 - IN_COMMON) ** 0.5)
            part[:, slot] = (common + own) @ cast
        _unit_slots(part)
    return made.reshape(count, -1)


def _unit_slots(slots: NDArray[np.float32]) -> None:
    """Give each slot of `(n, slots, dim)` the length 1 / √slots, in place."""
    slots /= np.linalg.norm(slots, axis=2, keepdims=True) * np.sqrt(np.float32(slots.shape[1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--photos", type=int, default=PHOTOS)
    parser.add_argument("--patients", type=int, default=PATIENTS)
    parser.add_argument("--disorders", type=int, default=DISORDERS)
    parser.add_argument("--dim", type=int, default=DIM)
    given = parser.parse_args()
    start = time.perf_counter()
    fill_gallery(
        given.home,
        given.photos,
        dim=given.dim,
        patients=given.patients,
        disorders=given.disorders,
    )
    taken = time.perf_counter() - start
    size = (given.home / "gallery.sqlite3").stat().st_size
    print(
        f"{given.photos:,} photos in {taken:.0f} s; the database has {size / 1e6:,.0f} MB, "
        f"{size / given.photos:,.0f} bytes a photo"
    )


if __name__ == "__main__":
    main()
