from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.errors import UsageError
from gestalt_space.simulate.persons import SEXES, FaceLabels, Persons
from gestalt_space.simulate.real_faces import RealFace
from gestalt_space.simulate.subjects import RealSubjects, SampledSubjects
from tests.simulate.faces import cartoon

ASKED = {"sex": "female", "age_years": 30.0, "ancestry": "light"}


def faces(*labels: FaceLabels) -> list[RealFace]:
    return [RealFace(f"{n}.png", cartoon(n)[0], label) for n, label in enumerate(labels)]


def test_a_sampled_subject_is_as_asked_for(drawn: Persons, rng: np.random.Generator):
    source = SampledSubjects(drawn)
    assert (source.sexes, source.ancestries) == (SEXES, drawn.ancestries)
    subject = source.draw(rng, **ASKED)
    assert (subject.sex, subject.age_years, subject.ancestry) == ("female", 30.0, "light")
    assert subject.ages_freely


def test_a_sampled_subject_has_another_face_at_another_age(
    drawn: Persons, rng: np.random.Generator
):
    source = SampledSubjects(drawn)
    subject = source.draw(rng, **ASKED)
    one, two, again = (
        source.portrait(subject, np.random.default_rng(1), age) for age in (5.0, 75.0, 5.0)
    )
    assert np.array_equal(one.pixels, again.pixels)
    assert not np.array_equal(one.pixels, two.pixels)


def test_each_real_face_is_drawn_once(rng: np.random.Generator):
    source = RealSubjects(faces(*[FaceLabels("female", 20.0, "light")] * 5))
    names = [source.draw(rng, **ASKED).source.name for _ in range(5)]
    assert sorted(names) == [f"{n}.png" for n in range(5)]
    with pytest.raises(UsageError, match="fewer faces than the cohort has people") as caught:
        source.draw(rng, **ASKED)
    assert "--patients" in caught.value.hint


def test_the_real_face_that_fits_best_is_drawn(rng: np.random.Generator):
    """Sex and ancestry come before age."""
    source = RealSubjects(
        faces(
            FaceLabels("male", 30.0, "light"),
            FaceLabels("female", 30.0, "dark"),
            FaceLabels("female", 80.0, "light"),
            FaceLabels("female", 45.0, "light"),
        )
    )
    assert (source.sexes, source.ancestries) == (["female", "male"], ["dark", "light"])
    ages = [source.draw(rng, **ASKED).age_years for _ in range(2)]
    assert ages == [45.0, 80.0]


def test_what_is_not_known_of_a_real_face_is_said_so(rng: np.random.Generator):
    source = RealSubjects(faces(FaceLabels()))
    assert (source.sexes, source.ancestries) == (["unknown"], ["unknown"])
    subject = source.draw(rng, sex="unknown", age_years=12.5, ancestry="unknown")
    assert (subject.sex, subject.age_years, subject.ancestry) == ("unknown", 12.5, "unknown")


def test_a_real_face_does_not_age(rng: np.random.Generator):
    source = RealSubjects(faces(FaceLabels("female", 20.0, "light")))
    subject = source.draw(rng, **ASKED)
    assert not subject.ages_freely
    assert subject.age_years == 20.0
    portrait = source.portrait(subject, rng, 70.0)
    assert np.array_equal(portrait.pixels, cartoon(0)[0].pixels)
