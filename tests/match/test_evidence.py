"""The evidence of a line: every photo, by slot where there are several."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gestalt_space.errors import NoFace, NotInGallery
from gestalt_space.gallery.snapshot import Lines, Snapshot
from gestalt_space.index.exact import ExactIndex
from gestalt_space.match.answer import ProbePhoto
from gestalt_space.match.evidence import evidence_of
from gestalt_space.match.matching import Probe
from gestalt_space.ranking.grouping import grouping
from gestalt_space.store.people import PhotoFacts
from gestalt_space.types import Descriptors
from tests.made import unit

SLOTS, DIM = 3, 4


def slotted(rng: np.random.Generator, n: int) -> Descriptors:
    """Descriptors of several slots, each of unit length before they are laid end to end."""
    slots = unit(rng, n * SLOTS, DIM).reshape(n, SLOTS * DIM)
    return (slots / np.sqrt(SLOTS)).astype(np.float32)


@pytest.fixture
def snapshot() -> Snapshot:
    """P0 with rows 0 and 3, P1 with 1, P2 with 2; A has P0 and P1, B has P1 and P2."""
    index = ExactIndex(SLOTS * DIM)
    index.add(np.arange(4), slotted(np.random.default_rng(1), 4))
    patient_of_row = np.array([0, 1, 2, 0])
    pairs = np.array([[0, 0], [1, 0], [1, 1], [2, 1]])
    return Snapshot(
        index,
        ("P0", "P1", "P2"),
        patient_of_row,
        Lines(
            "disorder", (("A", "first"), ("B", "")), grouping(np.arange(4), patient_of_row, pairs)
        ),
        np.array(["", "", ""]),
        photos=PhotoFacts(
            np.array(["a", "b", "c", "d"]), np.array([1.0, np.nan, 3.0, 4.0]), np.array([""] * 4)
        ),
    )


@pytest.fixture
def asked() -> Probe:
    probe = slotted(np.random.default_rng(2), 1)[0]
    return Probe("probe", (ProbePhoto("probe"),), probe, None)


def test_every_photo_of_a_line_is_shown_nearest_first(snapshot: Snapshot, asked: Probe) -> None:
    (line,) = evidence_of(asked, snapshot, "A", SLOTS)
    assert (line.id, line.name) == ("A", "first")
    assert {(p.patient, p.photo, p.age) for p in line.photos} == {
        ("P0", "a", 1.0),
        ("P0", "d", 4.0),
        ("P1", "b", None),
    }
    similarities = [photo.similarity for photo in line.photos]
    assert similarities == sorted(similarities, reverse=True)


def test_the_slots_are_cosines_whose_mean_is_the_similarity(
    snapshot: Snapshot, asked: Probe
) -> None:
    (line,) = evidence_of(asked, snapshot, "B", SLOTS)
    rows = {"b": 1, "c": 2}
    assert asked.descriptor is not None
    probe = asked.descriptor.reshape(SLOTS, DIM)
    for photo in line.photos:
        stored = snapshot.index.descriptors[rows[photo.photo]].reshape(SLOTS, DIM)
        cosines = [
            a @ b / np.linalg.norm(a) / np.linalg.norm(b)
            for a, b in zip(probe, stored, strict=True)
        ]
        assert photo.slots == pytest.approx(cosines, abs=1e-6)
        assert photo.similarity == pytest.approx(np.mean(cosines), abs=1e-6)


def test_one_slot_is_not_told_apart(snapshot: Snapshot, asked: Probe) -> None:
    (line,) = evidence_of(asked, snapshot, "B", 1)
    assert [photo.slots for photo in line.photos] == [(), ()]


def test_a_patient_stands_for_their_lines(snapshot: Snapshot, asked: Probe) -> None:
    assert [line.id for line in evidence_of(asked, snapshot, "P1", SLOTS)] == ["A", "B"]
    assert [line.id for line in evidence_of(asked, snapshot, "P0", SLOTS)] == ["A"]


def test_the_own_patient_is_left_out(snapshot: Snapshot) -> None:
    probe = slotted(np.random.default_rng(2), 1)[0]
    own = Probe("probe", (ProbePhoto("probe"),), probe, "P1")
    (line,) = evidence_of(own, snapshot, "B", SLOTS)
    assert [photo.patient for photo in line.photos] == ["P2"]


def test_the_own_family_is_left_out(snapshot: Snapshot, asked: Probe) -> None:
    grouping = replace(snapshot.lines.grouping, family_numbers=np.array([0, 1, 0]))
    family = replace(snapshot, lines=replace(snapshot.lines, grouping=grouping))
    (line,) = evidence_of(replace(asked, own="P0"), family, "B", SLOTS)
    assert [photo.photo for photo in line.photos] == ["b"]
    assert [line.id for line in evidence_of(asked, family, "P2", SLOTS)] == ["B"]


def test_what_is_not_there_is_refused(snapshot: Snapshot, asked: Probe) -> None:
    with pytest.raises(NotInGallery, match="'Z'"):
        evidence_of(asked, snapshot, "Z", SLOTS)
    failed = Probe("probe", (ProbePhoto("probe", error=NoFace("None.", "")),), None, None)
    with pytest.raises(NoFace):
        evidence_of(failed, snapshot, "A", SLOTS)
