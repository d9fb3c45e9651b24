from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.errors import UsageError
from gestalt_space.stats.design import Design, labellings, require_labellings
from gestalt_space.stats.permutation import Stratum, draw_groups


def test_units_of_one_family_are_one_cluster():
    design = Design.of(["f1", "f1", "p3", "f2", "f2"], ["female"] * 3 + ["male"] * 2)
    assert design.count == 3
    assert design.clusters[0] == design.clusters[1] != design.clusters[2]
    assert design.strata_of_clusters[design.clusters].tolist() == design.strata.tolist()


def test_a_family_in_two_strata_is_refused():
    with pytest.raises(ValueError, match="in two strata"):
        Design.of([1, 1, 2], ["a", "b", "b"])


def test_labels_are_dealt_within_strata_alone():
    design = Design.of(np.arange(6), [0, 0, 0, 1, 1, 1])
    first = np.array([True, True, False, True, False, False])
    shuffles = design.shuffles(first)
    assert [one.take for one in shuffles] == [2, 1]
    drawn = np.concatenate(list(draw_groups(np.random.default_rng(0), shuffles, 6, 200)))
    assert (drawn[:, :3].sum(1) == 2).all()
    assert (drawn[:, 3:].sum(1) == 1).all()
    assert len(np.unique(drawn, axis=0)) == labellings(shuffles) == 9


def test_three_against_three_cannot_reach_one_percent():
    shuffles = [Stratum(np.arange(6), 3)]
    assert labellings(shuffles) == 20
    require_labellings(shuffles, 0.05)
    with pytest.raises(UsageError, match="20 permutations"):
        require_labellings(shuffles, 0.01)


def test_strata_of_one_add_no_labelling():
    shuffles = [Stratum(np.array([0]), 1), Stratum(np.array([1]), 0), Stratum(np.arange(2, 4), 1)]
    assert labellings(shuffles) == 2
