"""What a space sees of terms, and which terms a descriptor looks like, where the truth is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from gestalt_space.errors import UsageError
from gestalt_space.explain.space_probe import EncodedFaces, compare_spaces, probe_space
from gestalt_space.explain.term_effects import TermEffect, term_effect
from gestalt_space.explain.term_likeness import TermScale
from gestalt_space.stats.resampling import Bootstrap

Floats = NDArray[np.float64]

PEOPLE, DIMENSIONS = 80, 16
FEW = Bootstrap(200)
EVERYBODY = np.ones(PEOPLE, bool)
MEASURED = np.arange(PEOPLE) % 2 == 0


def people(seed: int) -> Floats:
    return np.random.default_rng(seed).normal(size=(PEOPLE, DIMENSIONS))


def effect_of(without: Floats, with_term: Floats) -> TermEffect:
    return term_effect(without, with_term, EVERYBODY, MEASURED, {}, FEW)


def test_a_move_of_two_deviations_has_an_effect_of_two():
    without = people(1)
    move = np.zeros(DIMENSIONS)
    move[3] = 2 * without[MEASURED, 3].std(ddof=1)
    found = effect_of(without, without + move)
    assert found.effect.value == pytest.approx(2)
    assert found.effect.low == pytest.approx(found.effect.high)
    # Of two normal values two deviations apart, the larger one is larger in 92 %.
    assert found.beyond.value == pytest.approx(0.921, abs=0.05)
    distances = [
        np.square(a - b).sum() for a in without[MEASURED] for b in without[MEASURED] if a is not b
    ]
    assert found.moved == pytest.approx(move[3] / np.sqrt(np.mean(distances)), rel=0.02)
    assert found.people == PEOPLE // 2


def test_a_face_that_stays_as_it_is_has_no_effect():
    without = people(2)
    found = effect_of(without, without.copy())
    assert (found.effect.value, found.beyond.value, found.moved) == (0, 0.5, 0)


def test_of_moves_without_a_common_direction_the_intervals_have_zero():
    """And not one alone: in a direction taken from the same people, all would be above it."""
    found = [
        effect_of(without := people(seed), without + people(1000 + seed)) for seed in range(100)
    ]
    assert sum(one.effect.low <= 0 <= one.effect.high for one in found) >= 85
    assert np.mean([one.effect.value for one in found]) == pytest.approx(0, abs=0.06)
    assert np.mean([one.beyond.value for one in found]) == pytest.approx(0.5, abs=0.02)


def test_groups_and_people_without_a_face():
    without = people(3)
    move = np.zeros(DIMENSIONS)
    move[0] = 1.0
    moves = np.where(np.arange(PEOPLE)[:, None] % 4 < 2, move, 3 * move)
    missed = np.isin(np.arange(PEOPLE), [0, 1])
    # A black crop has some descriptor, too.
    shown = np.where(missed[:, None], 100.0, without + moves)
    groups = {"weak": np.arange(PEOPLE) % 4 < 2, "strong": np.arange(PEOPLE) % 4 >= 2}
    groups["nobody"] = np.zeros(PEOPLE, bool)
    found = term_effect(without, shown, ~missed, MEASURED, groups, FEW)
    assert set(found.groups) == {"weak", "strong"}
    assert found.groups["strong"].value == pytest.approx(3 * found.groups["weak"].value)
    assert found.people == PEOPLE // 2 - 1
    with pytest.raises(UsageError, match="in 5 people of a half"):
        term_effect(without, shown, np.arange(PEOPLE) < 10, MEASURED, {}, FEW)


def encoded(scale: float, found: NDArray[np.bool_] | None = None) -> EncodedFaces:
    """A photo, another one that differs by noise, and a term that moves by `scale`."""
    first = people(4)
    again = first + 0.1 * people(5)
    shown = first.copy()
    shown[:, 0] += scale + 0.1 * people(6)[:, 0]
    return EncodedFaces(
        np.stack([first, again, shown], axis=1).astype(np.float32),
        np.ones((PEOPLE, 3), bool) if found is None else found,
        MEASURED,
        {"sex": {"female": EVERYBODY}, "age": {}, "ancestry": {}},
        ("HP:0000316",),
    )


def test_two_spaces_are_compared_in_the_same_people():
    missing = np.ones((PEOPLE, 3), bool)
    missing[0, 2] = False
    strong, weak = probe_space(encoded(2.0), FEW), probe_space(encoded(1.0, missing), FEW)
    assert (strong.missed, weak.missed) == (0, 1)
    between = compare_spaces(strong, weak, FEW)["HP:0000316"]
    assert between.low < between.value < between.high
    one, other = strong.terms["HP:0000316"], weak.terms["HP:0000316"]
    assert between.value == pytest.approx(one.effect.value - other.effect.value, abs=0.05)
    assert abs(strong.another_photo.effect.value) < 0.3 < one.effect.value


@pytest.fixture
def scale() -> Callable[..., TermScale]:
    def make(patients: Floats, *directions: Floats) -> TermScale:
        return TermScale(patients, np.stack(directions), ("A", "B")[: len(directions)])

    return make


def test_what_moves_like_a_term_looks_like_it(scale: Callable[..., TermScale]):
    patients = people(7)
    # Along the first axis people differ much, along the second little.
    patients[:, 0] *= 10
    along, across = np.eye(DIMENSIONS)[0], np.eye(DIMENSIONS)[1]
    made = scale(patients, along, across)
    first, second = made.likeness(patients.mean(axis=0) + 3 * across)
    assert (first.term, second.term) == ("B", "A")
    assert first.deviations == pytest.approx(3, rel=0.2)
    assert first.beyond > 0.97
    assert abs(second.deviations) < 0.5
    # As long a way along the axis in which all differ is nothing.
    assert made.likeness(patients.mean(axis=0) + 3 * along)[0].deviations < 0.6


def test_the_mean_of_the_patients_looks_like_nothing(scale: Callable[..., TermScale]):
    patients = people(8)
    (one,) = scale(patients, np.eye(DIMENSIONS)[2]).likeness(patients.mean(axis=0))
    assert one.deviations == pytest.approx(0, abs=1e-9)
    assert 0.3 < one.beyond < 0.7


def test_few_patients_are_refused(scale: Callable[..., TermScale]):
    with pytest.raises(UsageError, match="19 patients are too few"):
        scale(people(9)[:19], np.eye(DIMENSIONS)[0])


def test_nobody_looks_like_a_term_that_moves_nobody(scale: Callable[..., TermScale]):
    patients = people(10)
    (one,) = scale(patients, np.zeros(DIMENSIONS)).likeness(patients[0])
    assert one.deviations == 0
