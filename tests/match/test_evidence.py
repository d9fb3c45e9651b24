"""The evidence of a line: every photo, by slot where there are several."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import NoFace, NotInGallery
from gestalt_space.gallery.reader import Reader
from gestalt_space.gallery.state import GalleryState
from gestalt_space.match.answer import ProbePhoto
from gestalt_space.match.evidence import Evidence, evidence_of
from gestalt_space.match.probe import Probe
from gestalt_space.match.question import Question
from gestalt_space.match.view import open_view
from gestalt_space.store import reads, writes
from gestalt_space.store.engine import Database
from gestalt_space.store.reads import OwnPatient
from gestalt_space.types import Descriptors, Disorder
from tests.databases import address_of
from tests.galleries import new_photo
from tests.made import unit

SLOTS, DIM = 3, 4
A, B = Disorder("A", "first"), Disorder("B")


def slotted(rng: np.random.Generator, n: int) -> Descriptors:
    """Descriptors of several slots, each of unit length before they are laid end to end."""
    slots = unit(rng, n * SLOTS, DIM).reshape(n, SLOTS * DIM)
    return (slots / np.sqrt(SLOTS)).astype(np.float32)


VECTORS = slotted(np.random.default_rng(1), 4)
"""Of the photos a, b, c and d."""


class Small:
    """P0 with the photos a and d, P1 with b, P2 with c; A has P0 and P1, B has P1 and P2."""

    def __init__(self, home: Path) -> None:
        self.database = Database(address_of(home))
        with self.database.writing() as session:
            self.space_id = writes.add_space(
                session, model="m", fingerprint="f" * 64, specification="{}", dim=SLOTS * DIM
            )
        self.reader = Reader(self.database, home / "index")
        for patient, disorders, photo, age in (
            ("P0", (A,), "a", 1.0),
            ("P1", (A, B), "b", None),
            ("P2", (B,), "c", 3.0),
            ("P0", (A,), "d", 4.0),
        ):
            self.tell(patient, photo, disorders=disorders, age=age)

    def tell(self, patient: str, photo: str, *, update: bool = False, **facts: object) -> None:
        row = new_photo(
            patient,
            "abcd".index(photo),
            descriptor=VECTORS["abcd".index(photo)],
            crop=False,
            **facts,
        )
        row = replace(row, record=replace(row.record, photo=photo))
        with self.database.writing() as session:
            (stored,) = writes.add_photos(session, [row], space_id=self.space_id, update=update)
        assert stored.error is None

    def state(self) -> GalleryState:
        with self.database.reading() as session:
            (space,) = reads.spaces(session)
        return self.reader.current(space)

    def evidence(
        self, probe: Probe, wanted: str, slots: int = SLOTS, question: Question | None = None
    ) -> tuple[Evidence, ...]:
        with self.database.reading() as session:
            view = open_view(self.state(), question or Question(), session)
            return evidence_of(probe, view, session, wanted, slots)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Small]:
    made = Small(tmp_path)
    yield made
    made.database.close()


@pytest.fixture
def asked() -> Probe:
    probe = slotted(np.random.default_rng(2), 1)[0]
    return Probe("probe", (ProbePhoto("probe"),), probe, None)


def owned(small: Small, asked: Probe, patient: str) -> Probe:
    with small.database.reading() as session:
        keys = {name: key for key, name in reads.patient_names(session).items()}
        family = reads.patient_detail(session, patient).family
    return replace(asked, own=OwnPatient(keys[patient], patient, family))


def test_every_photo_of_a_line_is_shown_nearest_first(small: Small, asked: Probe) -> None:
    (line,) = small.evidence(asked, "A")
    assert (line.id, line.name) == ("A", "first")
    assert {(p.patient, p.photo, p.age) for p in line.photos} == {
        ("P0", "a", 1.0),
        ("P0", "d", 4.0),
        ("P1", "b", None),
    }
    similarities = [photo.similarity for photo in line.photos]
    assert similarities == sorted(similarities, reverse=True)


def test_the_slots_are_cosines_whose_mean_is_the_similarity(small: Small, asked: Probe) -> None:
    (line,) = small.evidence(asked, "B")
    assert asked.descriptor is not None
    probe = asked.descriptor.reshape(SLOTS, DIM)
    assert {photo.photo for photo in line.photos} == {"b", "c"}
    for photo in line.photos:
        stored = VECTORS["abcd".index(photo.photo)].reshape(SLOTS, DIM)
        cosines = [
            a @ b / np.linalg.norm(a) / np.linalg.norm(b)
            for a, b in zip(probe, stored, strict=True)
        ]
        assert photo.slots == pytest.approx(cosines, abs=1e-6)
        assert photo.similarity == pytest.approx(np.mean(cosines), abs=1e-6)


def test_one_slot_is_not_told_apart(small: Small, asked: Probe) -> None:
    (line,) = small.evidence(asked, "B", 1)
    assert [photo.slots for photo in line.photos] == [(), ()]


def test_a_patient_stands_for_their_lines(small: Small, asked: Probe) -> None:
    assert [line.id for line in small.evidence(asked, "P1")] == ["A", "B"]
    assert [line.id for line in small.evidence(asked, "P0")] == ["A"]


def test_the_own_patient_is_left_out(small: Small, asked: Probe) -> None:
    (line,) = small.evidence(owned(small, asked, "P1"), "B")
    assert [photo.patient for photo in line.photos] == ["P2"]


def test_the_own_family_is_left_out(small: Small, asked: Probe) -> None:
    small.tell("P0", "a", update=True, disorders=(A,), family="F")
    small.tell("P2", "c", update=True, disorders=(B,), family="F")
    own = owned(small, asked, "P0")
    (line,) = small.evidence(own, "B")
    assert [photo.photo for photo in line.photos] == ["b"]
    (line,) = small.evidence(own, "B", question=Question(with_family=True))
    assert {photo.photo for photo in line.photos} == {"b", "c"}
    assert [line.id for line in small.evidence(asked, "P2")] == ["B"]


def test_a_corrected_age_is_shown(small: Small, asked: Probe) -> None:
    small.tell("P1", "b", update=True, disorders=(A, B), age=9.0)
    (line,) = small.evidence(asked, "B")
    assert {photo.photo: photo.age for photo in line.photos} == {"b": 9.0, "c": 3.0}


def test_what_is_not_there_is_refused(small: Small, asked: Probe) -> None:
    with pytest.raises(NotInGallery, match="'Z'"):
        small.evidence(asked, "Z")
    failed = Probe("probe", (ProbePhoto("probe", error=NoFace("None.", "")),), None, None)
    with pytest.raises(NoFace):
        small.evidence(failed, "A")
