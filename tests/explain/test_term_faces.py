from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.explain.term_faces import AGES, FacesPlan, everybody, term_faces
from gestalt_space.faces.registry import detector_factory
from gestalt_space.simulate.persons import SEXES, Persons
from gestalt_space.types import Photo
from gestalt_space.weights.store import ModelStore

TERMS = ("HP:0000316", "HP:0000664")


@pytest.fixture(scope="module")
def persons() -> Persons:
    return Persons.builtin()


class Blind:
    """Finds no face."""

    name = "blind"

    def find(self, _: Photo) -> list[object]:
        return []


def test_each_group_is_measured_as_often_as_it_gives_directions(persons: Persons):
    people = everybody(FacesPlan(people=3), persons)
    groups = len(SEXES) * len(AGES) * len(persons.ancestries)
    assert len(people) == 2 * 3 * groups
    assert all(people.count((half, group)) == 3 for half, group in people)


def test_a_term_changes_its_own_place_alone(persons: Persons, tmp_path):
    _, factory = detector_factory(ModelStore(tmp_path), "builtin")
    first = next(term_faces(FacesPlan(seed=3), persons, factory(1), TERMS))
    assert first.found.all()
    photo, another, _, brows = first.crops.astype(int)
    assert np.abs(photo - another).mean() > 3
    # Between the brows, and not at the chin; the detector moves the crop by less than a pixel.
    between, chin = np.s_[38:48, 48:64], np.s_[100:110, 40:72]
    assert np.abs(photo - brows)[between].mean() > 3 * np.abs(photo - brows)[chin].mean()


def test_the_same_seed_gives_the_same_faces(persons: Persons, tmp_path):
    _, factory = detector_factory(ModelStore(tmp_path), "builtin")
    detector = factory(1)
    one, again, other = (
        next(term_faces(FacesPlan(seed=seed), persons, detector, TERMS[:1])).crops
        for seed in (3, 3, 4)
    )
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_face_that_is_not_found_is_marked(persons: Persons):
    first = next(term_faces(FacesPlan(), persons, Blind(), TERMS[:1]))  # type: ignore[arg-type]
    assert not first.found.any()
    assert not first.crops.any()
