"""Similarities to the nearest of a number of references, on both sides alike."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from gestalt_space.gallery.calibration import references as module
from gestalt_space.gallery.calibration.photos import photo_correlation
from gestalt_space.gallery.calibration.references import ReferenceSimilarities
from gestalt_space.gallery.calibration.rows import ArrayRows
from gestalt_space.ranking.calibration import references_of
from gestalt_space.ranking.grouping import Grouping, grouping
from gestalt_space.simulate.planted import PlantedPlan, plant
from gestalt_space.types import Descriptors
from tests.made import unit


def gallery(
    sizes: tuple[int, ...], *, seed: int = 1, families: list[int] | None = None
) -> tuple[Descriptors, Grouping]:
    """One photo a patient, without any likeness."""
    told = np.repeat(np.arange(len(sizes)), sizes)
    patients = np.arange(len(told))
    found = grouping(
        patients,
        patients,
        np.stack([patients, told], axis=1),
        families=None if families is None else np.array(families),
    )
    return unit(np.random.default_rng(seed), len(told), 16), found


def draw_sides(faces: Descriptors, groups: Grouping, seed: int) -> list[ReferenceSimilarities]:
    return module.draw_sides(ArrayRows(faces), groups, seed)


def test_the_nearest_of_drawn_references_is_that_of_all_draws() -> None:
    """Against the mean over every choice of two references, in plain loops."""
    faces, groups = gallery((4, 3, 3))
    (two,) = [s for s in draw_sides(faces, groups, 0) if s.size == 2]
    similar = faces @ faces.T
    expected = []
    for first, size in ((0, 4), (4, 3), (7, 3)):
        members = range(first, first + size)
        means = [
            np.mean([max(similar[p, list(r)]) for r in combinations(set(members) - {p}, 2)])
            for p in members
        ]
        expected.append(np.mean(means))
    sums = np.bincount(two.same.groups, two.same.weights * two.same.values)
    assert sums == pytest.approx(expected, abs=1e-5)
    assert np.bincount(two.same.groups, two.same.weights) == pytest.approx([1, 1, 1])
    assert np.bincount(two.other.groups, two.other.weights) == pytest.approx([1, 1, 1])


def test_disorders_weigh_alike_on_both_sides_and_nobody_is_other_to_an_own_one() -> None:
    faces, groups = gallery((40, 2, 2, 2))
    sides = draw_sides(faces, groups, 0)
    one = sides[0]
    assert one.size == 1
    assert np.bincount(one.same.groups, one.same.weights) == pytest.approx([1] * 4)
    assert (one.other.origins != one.other.groups).all()
    # For the others of one disorder, the three remaining ones are as likely.
    of_small = one.other.groups == 1
    shares = np.bincount(one.other.origins[of_small], one.other.weights[of_small])
    assert shares[[0, 2, 3]] == pytest.approx([1 / 3] * 3, abs=0.03)
    assert [s.size for s in sides][-1] == 39
    assert np.unique(sides[-1].same.groups).tolist() == [0]


def test_a_family_is_neither_reference_nor_other() -> None:
    """A pair of siblings alone in a disorder is no evidence; one in two disorders neither."""
    faces, groups = gallery((2, 3, 3, 3), families=[0, 0, 1, 2, 3, 4, 5, 1, 6, 7, 8])
    (one, *_) = draw_sides(faces, groups, 0)
    assert 0 not in one.same.groups
    similar = faces @ faces.T
    # Patients 2 and 7 are of one family, of disorders 1 and 2.
    values = one.other.values[one.other.groups == 2]
    for member in (5, 6, 7):
        assert not np.isclose(values, similar[2, member]).any()


def test_no_likeness_gives_both_sides_one_distribution_however_unequal_the_sizes() -> None:
    """The mean over galleries of the share of the same side above the others' upper tenth."""
    found = []
    for seed in range(60):
        faces, groups = gallery((60, 20, *[2] * 20), seed=seed)
        one = draw_sides(faces, groups, seed)[0]
        order = np.argsort(one.other.values)
        below = np.cumsum(one.other.weights[order]) / one.other.weights.sum()
        limit = one.other.values[order][np.searchsorted(below, 0.9)]
        found.append(np.average(one.same.values > limit, weights=one.same.weights))
    assert np.mean(found) == pytest.approx(0.1, abs=0.025)


@pytest.mark.parametrize("photo", [0.3, 0.7, 1.5])
def test_photos_of_a_patient_are_worth_what_they_add(photo: float) -> None:
    """The nearest photo of a patient with several is as near to strangers, one time in ten, as the
    nearest of as many patients with one as they are worth."""
    plan = PlantedPlan(sizes=(20,) * 20, disorder=0.0, photo=photo, photos=4.0)
    selection = plant(plan, 3)
    told = np.repeat(np.arange(20), 20)
    pairs = np.stack([np.arange(400), told], axis=1)
    groups = grouping(np.arange(len(selection)), selection.patient_of_row, pairs)
    correlation = photo_correlation(ArrayRows(selection.descriptors), groups)
    worth = references_of(groups.photo_counts, correlation)
    similar = selection.descriptors[groups.rows[groups.row_starts]] @ selection.descriptors.T
    nearest = np.maximum.reduceat(similar[:, groups.rows], groups.row_starts, axis=1)
    apart = told[:, None] != told
    first = similar[:, groups.rows[groups.row_starts]]
    limit = np.quantile(first[apart], 0.9)
    many = groups.photo_counts >= 4
    kept = apart & many[None, :]
    expected = 0.1 * worth[many].mean()
    assert (nearest >= limit)[kept].mean() == pytest.approx(expected, rel=0.15)


def test_without_several_photos_there_is_nothing_to_add() -> None:
    faces, groups = gallery((3, 3))
    assert photo_correlation(ArrayRows(faces), groups) == 1


def test_of_a_large_disorder_some_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_MEMBERS", 5)
    faces, groups = gallery((30, 4, 4))
    one = draw_sides(faces, groups, 0)[0]
    assert (one.same.groups == 0).sum() == 5 * 29


@pytest.mark.parametrize("sizes", [(), (1, 1, 1), (5,)])
def test_galleries_without_both_sides(sizes: tuple[int, ...]) -> None:
    assert draw_sides(*gallery(sizes), 0) == []
