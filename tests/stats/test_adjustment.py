from __future__ import annotations

import pytest

from gestalt_space.stats.adjustment import false_discovery_rates, holm


def test_by_hand():
    p = [0.04, 0.01, 0.03, 0.5]
    assert holm(p) == pytest.approx([0.09, 0.04, 0.09, 0.5])
    assert false_discovery_rates(p) == pytest.approx([0.16 / 3, 0.04, 0.16 / 3, 0.5])


def test_of_nothing_there_is_nothing():
    assert holm([]) == false_discovery_rates([]) == []
