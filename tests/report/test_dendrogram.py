"""The tree of a cohort."""

from __future__ import annotations

import pytest

from gestalt_space.report.dendrogram import _axis
from gestalt_space.report.drawing import Text


@pytest.mark.parametrize(
    "highest", [0.0, 1e-9, 0.07, 0.1, 0.2, 0.51, 0.6, 0.83, 0.99, 1.0, 1.9, 2.0]
)
def test_the_axis_has_a_few_ticks_up_to_the_highest(highest: float) -> None:
    ticks = [part for part in _axis(highest) if isinstance(part, Text)][1:]
    values = [float(tick.text) for tick in ticks]
    assert values[0] == 0
    assert values == sorted(values)
    assert 1 <= len(values) <= 6
    assert values[-1] <= max(highest, 1) * 1.001
