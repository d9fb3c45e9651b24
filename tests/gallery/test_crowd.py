"""Many processes at one gallery: readers and writers, all at once."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.descriptors import to_descriptors
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.home import Gallery
from gestalt_space.match.question import Question
from gestalt_space.types import Descriptors
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import make_home, row
from tests.gallery import workers
from tests.gallery.workers import Worker

pytestmark = pytest.mark.skipif(os.name != "posix", reason="fork is POSIX")

ANCHORS = 4
"""Patients who stay; each reader asks with photos that are like theirs."""
KEPT = 12
"""Patients of a writer who are there at once, at most."""


def seed_of(patient: str) -> int:
    """Of a patient's picture: `W1-17` is the 17th of the second writer."""
    who, number = patient.removeprefix("W").split("-")
    return 1000 * (1 + int(who)) + int(number)


def anchor(number: int) -> int:
    return 100 + number


def like(pixels: np.ndarray) -> np.ndarray:
    """Another file of the same face."""
    return np.clip(pixels.astype(int) + 3, 0, 255).astype(np.uint8)


def write(gallery: Gallery, folder: str, who: int, count: int) -> list[str]:
    """Add and remove patients of one's own; who is there at the end."""
    rng = np.random.default_rng(who)
    there: list[str] = []
    number = 0
    for _ in range(count):
        if len(there) < KEPT and (not there or rng.random() < 0.6):
            patient = f"W{who}-{number}"
            number += 1
            photo = made.photo_file(Path(folder, f"{patient}.png"), seed_of(patient))
            (added,) = gallery.add([row(photo, patient, f"D{patient}")]).photos
            assert added.status == "added", added
            there.append(patient)
        else:
            patient = there.pop(int(rng.integers(len(there))))
            assert gallery.remove(patients=[patient]).patients == 1
    return sorted(there)


def read(gallery: Gallery, folder: str, who: int, count: int) -> int:
    """Ask about pictures like the anchors', and hold each line against its patient's picture."""
    encoder = gallery.encoder

    def vector(pixels: np.ndarray) -> Descriptors:
        return np.asarray(to_descriptors(encoder.encode(pixels[None]))[0])

    lines = 0
    for n in range(count):
        number = (who + n) % ANCHORS
        pixels = like(made.crop(anchor(number)))
        probe = vector(pixels)
        path = Path(folder, f"like-{number}.png")
        (found,) = gallery.match([PhotoSource(path.name, path)], Question(k=workers.ALL))
        assert found.error is None, found.error
        assert found.lines[0].patient == f"A{number}", "the answer is another probe's"
        for line in found.lines:
            is_anchor = line.patient.startswith("A")
            seed = anchor(int(line.patient[1:])) if is_anchor else seed_of(line.patient)
            assert line.id == f"D{line.patient}"
            assert abs(line.similarity - float(vector(made.crop(seed)) @ probe)) < 1e-5, line
            lines += 1
    return lines


@pytest.mark.parametrize(
    ("writes", "reads"),
    [(12, 12), pytest.param(1000, 2000, marks=pytest.mark.slow)],
    ids=["short", "long"],
)
def test_four_read_while_two_write(
    writes: int, reads: int, tmp_path: Path, tiny_store: ModelStore
) -> None:
    """The long one: 2,000 writes and 8,000 matches."""
    home = make_home(tmp_path / "home", tiny_store)
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(ANCHORS):
        made.photo_file(folder / f"A{number}.png", anchor(number))
        pixels = like(made.crop(anchor(number)))
        made.Image.fromarray(pixels).save(folder / f"like-{number}.png")
    crowd = [Worker(home, sealed_from=8) for _ in range(6)]
    anchors = [
        (str(folder / f"A{number}.png"), f"A{number}", [f"DA{number}"], {})
        for number in range(ANCHORS)
    ]
    assert crowd[0].do(workers.add, anchors, False) == ["added"] * ANCHORS
    for who, worker in enumerate(crowd):
        deed, count = (write, writes) if who < 2 else (read, reads)
        worker.begin(deed, str(folder), who, count)
    found = [worker.end() for worker in crowd]
    assert all(lines >= reads * ANCHORS for lines in found[2:])
    there = {*found[0], *found[1], *(f"A{number}" for number in range(ANCHORS))}
    for worker in crowd:
        assert set(worker.do(workers.dump)) == there, "no write was lost"
    assert "no problem found" in crowd[0].do(workers.check)["tiny"]
    for worker in crowd:
        worker.close()
