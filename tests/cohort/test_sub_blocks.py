"""Blocks between two groups, read by groups whose disorders are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.confounded_blocks import BlockDesign, bands, judged, study
from gestalt_space.cohort.selection import Selection
from gestalt_space.cohort.sub_blocks import (
    BlockSides,
    Families,
    block_sizes,
    fit_reference,
    judge_blocks,
    reference_sides,
)
from gestalt_space.errors import SpaceMismatch, UsageError
from gestalt_space.simulate.planted import PlantedPlan, plant

PLAN = PlantedPlan((16,) * 16)
FIRST, SECOND = "OMIM:100000", "OMIM:100001"


@pytest.fixture(scope="module")
def gallery() -> Selection:
    return plant(PLAN, 5)


def group(gallery: Selection, disorder: str, cohort: str) -> Selection:
    return gallery.only(
        who
        for who, has, of in zip(
            gallery.patients, gallery.disorders, gallery.people.cohort, strict=True
        )
        if has == (disorder,) and of == cohort
    )


def test_the_same_disorder_and_another_are_told_apart(gallery: Selection):
    a, b, other = (group(gallery, *of) for of in ((FIRST, "A"), (FIRST, "B"), (SECOND, "B")))
    same = judge_blocks(a, b, gallery, leave_out={FIRST})
    different = judge_blocks(a, other, gallery, leave_out={FIRST, SECOND})
    assert same.different.value < 0.2 < 0.8 < different.different.value
    assert same.same.value == pytest.approx(1 - same.different.value)
    assert same.same.low <= same.same.value <= same.same.high
    assert same.distance < same.threshold <= different.distance
    assert min(same.sensitivity, same.specificity) > 0.9
    assert (same.side_a, same.side_b) == (len(a.patients), len(b.patients))
    assert (same.disorders, different.disorders) == (15, 14)
    means = a.patient_means().mean(axis=0), b.patient_means().mean(axis=0)
    assert same.distance == pytest.approx(1 - float(means[0] @ means[1]), abs=1e-6)


def test_the_prior_counts(gallery: Selection):
    a, b = group(gallery, FIRST, "A"), group(gallery, FIRST, "B")
    told = [
        judge_blocks(a, b, gallery, leave_out={FIRST}, prior=prior).different.value
        for prior in (0.1, 0.5, 0.9)
    ]
    odds = [one / (1 - one) for one in told]
    assert odds[1] / odds[0] == pytest.approx(9)
    assert odds[2] / odds[1] == pytest.approx(9)


def test_the_reference_has_nobody_who_is_compared(gallery: Selection):
    """Neither the disorder, nor the patients under another disorder, nor their families."""
    a, b = group(gallery, FIRST, "A"), group(gallery, FIRST, "B")
    told = judge_blocks(a, b, gallery, leave_out={FIRST})
    # The compared patients, recorded with another disorder in the reference, change nothing.
    renamed = replace(
        gallery, disorders=tuple((SECOND,) if one == (FIRST,) else one for one in gallery.disorders)
    )
    assert judge_blocks(a, b, renamed, leave_out={FIRST}) == told
    # Nor does a member of their family, who has another disorder.
    family = gallery.people.family.astype("<U9")
    place, relative = (gallery.patients.index(who) for who in (a.patients[0], "P00020"))
    family[[place, relative]] = "kin"
    related = replace(gallery, people=replace(gallery.people, family=family))
    groups = reference_sides(related, {FIRST}, set(a.patients), {"kin"})
    assert [len(one.a.names) for one in groups][:2] == [15, 16]


def test_a_family_is_one(gallery: Selection):
    family = np.where(np.arange(len(gallery.patients)) % 16 < 4, "kin", "").astype("<U9")
    numbers = np.arange(len(gallery.patients)) // 16
    named = np.where(family == "", "", np.char.add(family, numbers.astype("<U4")))
    related = replace(gallery, people=replace(gallery.people, family=named))
    groups = reference_sides(related, (), (), ())
    assert {len(one.a.names) for one in groups} == {13}
    place = groups[0].a.names.tolist().index("kin0")
    np.testing.assert_allclose(
        groups[0].a.means[place], related.patient_means()[:4].mean(axis=0), rtol=1e-5
    )


def test_a_family_of_two_disorders_is_on_one_side_alone():
    """Otherwise siblings make two disorders alike: with copies in all disorders, distances of two
    disorders would be those of a person to themselves."""
    rng = np.random.default_rng(6)
    rows = rng.standard_normal((4, 300))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    families = Families(np.array(["f0", "f1", "f2", "f3"]), rows)
    found = fit_reference([BlockSides(families, families)] * 3, (2, 2), rng)
    assert abs(found.values[found.high].mean() - 1) < 0.1


def sides(*sizes: int) -> list[BlockSides]:
    """Disorders with so many families, who may all stand on either side."""
    families = [Families(np.arange(size).astype(str), np.zeros((size, 1))) for size in sizes]
    return [BlockSides(one, one) for one in families]


def test_sides_are_as_large_as_the_reference_has():
    assert block_sizes(sides(*[30] * 12), (3, 12)) == (3, 12)
    assert block_sizes(sides(*[8] * 12), (3, 12)) == (3, 5)
    assert block_sizes(sides(*[8] * 12), (9, 9)) == (4, 4)
    assert block_sizes(sides(*[40] * 20, *[8] * 12), (9, 9)) == (9, 9), "20 are enough"
    assert block_sizes(sides(*[40] * 15, *[8] * 12), (9, 9)) == (4, 4), "and rather 20 than large"
    assert block_sizes(sides(*[4] * 10), (9, 2)) == (2, 2)
    assert block_sizes(sides(*[40] * 9, *[3] * 30), (2, 2)) is None
    few, many = sides(3, 9)
    own = [BlockSides(few.a, many.a._replace(names=np.array(list("abcdefghi"))))] * 12
    assert block_sizes(own, (5, 5)) == (3, 5), "three from the first group's sites"


def test_too_little_is_withheld_with_a_reason(gallery: Selection):
    a, b = group(gallery, FIRST, "A"), group(gallery, FIRST, "B")
    few = gallery.only(gallery.patients[: 16 * 10])
    found = judge_blocks(a, b, few, leave_out={FIRST})
    assert found.withheld == ("only 9 other disorders have 2 families for each side; 10 are needed")
    assert np.isnan([found.distance, found.different.value, found.same.high]).all()
    one = judge_blocks(a.only(a.patients[:1]), b, gallery, leave_out={FIRST})
    assert one.withheld == "a group has fewer than 2 families"


def test_bad_input(gallery: Selection):
    a, b = group(gallery, FIRST, "A"), group(gallery, FIRST, "B")
    for prior in (0.0, 1.0, float("nan")):
        with pytest.raises(UsageError, match="must be between 0 and 1"):
            judge_blocks(a, b, gallery, leave_out={FIRST}, prior=prior)
    with pytest.raises(UsageError, match=f"family {a.patients[0]} is in both groups"):
        judge_blocks(a, a, gallery, leave_out={FIRST})
    with pytest.raises(SpaceMismatch):
        judge_blocks(a, b, replace(gallery, fingerprint="0" * 64), leave_out={FIRST})


def test_the_probability_is_what_it_says():
    """The failure of before: of pairs called 80 to 90 % different, 6 % were."""
    told, truth = study(BlockDesign(PlantedPlan((20,) * 16, disorder=0.6), (3, 3)), 60, seed=8)
    assert len(told) == 60
    assert -np.log(np.where(truth, told, 1 - told)).mean() < 0.6, "better than a coin, 0.69"
    assert told.mean() == pytest.approx(0.5, abs=0.12)
    assert sum(count for _, _, count, *_ in bands(told, truth)) == 60


def test_a_site_is_not_taken_for_a_disorder():
    """Where sites are known, the reference's sides are of the same ones. As documented, sites that
    are recorded as one make the same disorder look like another."""
    plan = PlantedPlan((24,) * 16, sites=2, site=1.2, sites_follow=1.0)
    designs = (
        BlockDesign(replace(plan, site=0.0)),
        BlockDesign(plan, sites_told=False),
        BlockDesign(plan),
    )
    found = [
        [judged(design, seed, different=False) for seed in range(90, 102)] for design in designs
    ]
    plain, as_one, known = (np.mean([one.different.value for one in of if one]) for of in found)
    assert [of[0].sites for of in found if of[0]] == ["apart", "shared", "apart"]
    assert plain < 0.25
    assert as_one > plain + 0.2
    assert known < 0.25


def test_without_sites_nothing_is_given(gallery: Selection):
    a, b = group(gallery, FIRST, "A"), group(gallery, FIRST, "B")
    nowhere = replace(b, sites=np.where(np.arange(len(b)) == 0, "", b.sites))
    found = judge_blocks(a, nowhere, gallery, leave_out={FIRST})
    assert found.withheld == "the sites of some photos are not known"
    assert np.isnan([found.distance, found.different.value, found.same.value]).all()
    assert not judge_blocks(a, b, gallery, leave_out={FIRST}).withheld


def test_sites_need_disorders_at_both(gallery: Selection):
    a, b = group(gallery, FIRST, "A"), group(gallery, FIRST, "B")
    apart = replace(a, sites=np.full_like(a.sites, "S7"))
    found = judge_blocks(apart, b, gallery, leave_out={FIRST})
    assert found.withheld.startswith("only 0 other disorders")
    assert found.withheld.endswith("for each side, from its sites; 10 are needed")
    # Photos of one site in the other group, too: everybody is a reference.
    mixed = replace(apart, sites=np.where(np.arange(len(a)) == 0, "S0", "S7"))
    assert judge_blocks(mixed, b, gallery, leave_out={FIRST}).sites == "shared"
