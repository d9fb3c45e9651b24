from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gestalt_space.cohort.pair_similarities import pair_similarities
from tests.cohort.selections import planted


def test_pairs_share_a_disorder_or_have_others():
    of = planted(disorders=2, each=3, strength=2.0, undiagnosed=1)
    means = of.patient_means()
    expected = means @ means.T
    found = pair_similarities(of)
    same = [expected[i, j] for i, j in ((0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5))]
    assert found.same.tolist() == pytest.approx(same)
    assert len(found.different) == 9


def test_a_family_is_one_and_several_disorders_are_shared_by_any():
    of = planted(disorders=3, each=1, strength=1.0)
    disorders = (("A", "B"), ("B",), ("C",))
    people = replace(of.people, family=np.array(["", "F", "F"]))
    found = pair_similarities(replace(of, disorders=disorders, people=people))
    means = of.patient_means()
    assert found.same.tolist() == pytest.approx([float(means[0] @ (means[1] + means[2]) / 2)])
    assert len(found.different) == 0
