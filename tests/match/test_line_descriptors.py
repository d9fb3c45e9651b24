"""The descriptors that a line is explained by, recomputed by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import NoFace, NotInGallery
from gestalt_space.match.filters import parse_filter
from gestalt_space.match.line_descriptors import LineDescriptors, line_descriptors
from gestalt_space.match.probe import Probe
from gestalt_space.match.question import Question
from gestalt_space.match.view import open_view
from tests.match.test_evidence import VECTORS, Small, asked, owned

__all__ = ["asked"]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Small]:
    """A has the patients P0 (photos a, d) and P1 (b), B has P1 and P2 (c)."""
    made = Small(tmp_path)
    yield made
    made.database.close()


def of(
    small: Small, probe: Probe, wanted: str, question: Question | None = None
) -> LineDescriptors:
    with small.database.reading() as session:
        view = open_view(small.state(), question or Question(), session)
        return line_descriptors(probe, view, session, wanted)


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def test_the_centroid_is_the_mean_of_patients_and_the_others_are_all_other_lines(
    small: Small, asked: Probe
) -> None:
    a, b, c, d = VECTORS.astype(np.float64)
    line = of(small, asked, "A")
    assert (line.id, line.name, line.patients, line.photos) == ("A", "first", 2, 3)
    assert line.centroid == pytest.approx(((a + d) / 2 + b) / 2, abs=1e-6)
    assert line.others == pytest.approx(unit(b + c), abs=1e-6)
    assert line.lines == 1


def test_the_nearest_photo_is_that_of_the_evidence(small: Small, asked: Probe) -> None:
    (evidence,) = small.evidence(asked, "A")
    line, first = of(small, asked, "A"), evidence.photos[0]
    assert (line.patient, line.photo) == (first.patient, first.photo)
    assert line.similarity == pytest.approx(first.similarity)
    assert line.nearest == pytest.approx(VECTORS["abcd".index(first.photo)])
    assert line.crop is None


def test_the_own_patient_does_not_count(small: Small, asked: Probe) -> None:
    line = of(small, owned(small, asked, "P0"), "A")
    assert (line.patient, line.patients, line.photos) == ("P1", 1, 1)
    assert line.centroid == pytest.approx(VECTORS[1], abs=1e-6)
    of_b = of(small, owned(small, asked, "P0"), "B")
    assert of_b.others == pytest.approx(VECTORS[1], abs=1e-6)


def test_a_filter_counts(small: Small, asked: Probe) -> None:
    line = of(small, asked, "A", Question(among=parse_filter(["age=3-9y"])))
    assert (line.photo, line.photos) == ("d", 1)
    assert line.centroid == pytest.approx(VECTORS[3], abs=1e-6)
    assert line.others == pytest.approx(VECTORS[2], abs=1e-6)


def test_of_the_only_line_the_others_are_nothing(small: Small, asked: Probe) -> None:
    line = of(small, asked, "A", Question(without=("P1", "P2")))
    assert (line.lines, np.abs(line.others).max()) == (0, 0)


@pytest.mark.parametrize("wanted", ["C", "P0"])
def test_what_is_no_line_is_refused(small: Small, asked: Probe, wanted: str) -> None:
    with pytest.raises(NotInGallery, match=f"no disorder '{wanted}'"):
        of(small, asked, wanted)


def test_a_line_of_the_own_patient_alone_is_refused(small: Small, asked: Probe) -> None:
    owner = owned(small, asked, "P2")
    question = Question(without=("P1",))
    with pytest.raises(NotInGallery, match="no disorder 'B'"):
        of(small, owner, "B", question)


def test_a_probe_without_a_face_raises_its_error(small: Small, asked: Probe) -> None:
    photo = replace(asked.photos[0], error=NoFace("nothing", ""))
    with pytest.raises(NoFace):
        of(small, Probe("x", (photo,), None, None), "A")
