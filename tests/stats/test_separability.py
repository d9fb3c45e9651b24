from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from gestalt_space.stats.design import Design
from gestalt_space.stats.separability import least_separability_p, separability


def similar(rng: np.random.Generator, first: int, second: int, apart: float = 0.0) -> np.ndarray:
    rows = rng.normal(size=(first + second, 12))
    rows[:first, 0] += apart
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows @ rows.T)


def by_hand(values: np.ndarray, first: np.ndarray, clusters: np.ndarray, strata: np.ndarray):
    """The mean of both sides over all triples, one at a time."""
    sizes = np.bincount(clusters)
    sides = []
    for own in (first, ~first):
        won = all_ = 0.0
        for x, near, far in permutations(range(len(values)), 3):
            if not (own[x] and own[near] and not own[far]):
                continue
            if clusters[x] == clusters[near] or strata[near] != strata[far]:
                continue
            weight = 1 / (sizes[clusters[x]] * sizes[clusters[near]] * sizes[clusters[far]])
            won += weight * (
                (values[x, near] > values[x, far]) + 0.5 * (values[x, near] == values[x, far])
            )
            all_ += weight
        sides.append(won / all_)
    return sides


def test_it_is_the_share_of_triples_by_cluster_and_stratum():
    rng = np.random.default_rng(1)
    clusters = np.array([0, 0, 1, 2, 3, 4, 5, 5, 5, 6, 7, 8])
    first = clusters < 5
    strata = np.array([0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1, 0])
    values = similar(rng, 6, 6, 0.5).round(1)
    found = separability(values, first, Design.of(clusters, strata))
    sides = by_hand(values, first, clusters, strata)
    assert found.sides == pytest.approx(sides)
    assert found.share.value == pytest.approx(np.mean(sides))


def test_leaving_out_a_cluster_is_the_share_without_it():
    from scipy.special import logit

    rng = np.random.default_rng(2)
    values, first = similar(rng, 5, 6, 1.0), np.arange(11) < 5
    found = separability(values, first, Design.of(np.arange(11)))
    odds = []
    for out in range(11):
        kept = np.arange(11) != out
        sides = by_hand(values[np.ix_(kept, kept)], first[kept], np.arange(10), np.zeros(10, int))
        odds.append(logit(np.mean(sides)))
    parts = [np.var(odds[:5]) * 4, np.var(odds[5:]) * 5]
    assert found.error == pytest.approx(np.sqrt(sum(parts)))


@pytest.mark.parametrize(("first", "second"), [(3, 3), (3, 12), (12, 12)])
def test_half_is_chance_at_every_size(first: int, second: int):
    shares = []
    for seed in range(150):
        values = similar(np.random.default_rng([first, second, seed]), first, second)
        of_first = np.arange(first + second) < first
        found = separability(values, of_first, Design.of(np.arange(first + second)), draws=9)
        shares.append(found.share.value)
    assert np.mean(shares) == pytest.approx(0.5, abs=4 * np.std(shares) / np.sqrt(150))


def test_every_labelling_of_few_is_counted():
    """3 and 5 have 56 labellings: with perfect halves none but the true one reaches so far."""
    values = np.full((8, 8), 0.1)
    values[:3, :3] = values[3:, 3:] = 0.9
    first = np.arange(8) < 3
    design = Design.of(np.arange(8))
    found = separability(values, first, design, draws=5_000)
    assert found.share.value == 1
    assert found.p == pytest.approx(least_separability_p(first, design), rel=0.5)
    assert least_separability_p(first, design) == pytest.approx(2 / 56)
    assert least_separability_p(np.arange(6) < 3, Design.of(np.arange(6))) == pytest.approx(4 / 20)


def test_labels_are_dealt_within_strata():
    """What differs between strata alone is no difference of groups that are in both unequally."""
    rng = np.random.default_rng(3)
    strata = np.repeat([0, 1], 20)
    first = np.concatenate([np.arange(20) < 17, np.arange(20) < 3])
    rows = rng.normal(size=(40, 12)) + 3 * strata[:, None] * np.eye(12)[0]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    free = separability(rows @ rows.T, first, Design.of(np.arange(40)))
    bound = separability(rows @ rows.T, first, Design.of(np.arange(40), strata))
    assert free.p < 0.01
    assert bound.p > 0.05


def test_all_alike_are_at_chance():
    found = separability(np.ones((12, 12)), np.arange(12) < 6, Design.of(np.arange(12)))
    assert found.share.value == 0.5
    assert found.p == 1
    assert found.p_alike(0.1) == 0


def test_complete_separation_is_not_certainty():
    values = np.full((10, 10), 0.1)
    values[:5, :5] = values[5:, 5:] = 0.9
    share = separability(values, np.arange(10) < 5, Design.of(np.arange(10))).share
    assert (share.value, share.high) == (1, 1)
    assert share.low == 0.5, "five of each can be told from chance, and from little more"


def test_groups_without_a_stratum_in_common_have_no_share():
    first = np.arange(10) < 5
    assert separability(np.eye(10), first, Design.of(np.arange(10), first)) is None
    assert separability(np.eye(5), np.arange(5) < 2, Design.of(np.arange(5))) is None


def test_intervals_hold_the_truth():
    """Of 8 and 12, some in families, against a large sample."""

    def drawn(seed: int, first: int, second: int):
        values = similar(np.random.default_rng(seed), first, second, 1.5)
        of_first = np.arange(first + second) < first
        return separability(values, of_first, Design.of(np.arange(first + second)), draws=9).share

    truth = np.mean([drawn(seed, 200, 200).value for seed in range(4)])
    held = [
        one.low <= truth <= one.high for one in (drawn(100 + seed, 8, 12) for seed in range(150))
    ]
    assert np.mean(held) >= 0.93
