from __future__ import annotations

import pytest

from gestalt_space.faces.steps import step_text
from tests.faces.test_ladder import RUNGS


@pytest.mark.parametrize("step", RUNGS)
def test_steps_are_told_in_words(step: str) -> None:
    told = {"turned 0": "padded and made smaller"}
    told |= {f"turned {turn}": f"turned by {turn}°" for turn in (90, 180, 270)}
    assert step_text(step) == told.get(step, step)
