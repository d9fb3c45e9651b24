from __future__ import annotations

import threading

import pytest

from recipes.drawing import drawn_ahead


def test_what_is_drawn_ahead_comes_in_order():
    drawn = list(drawn_ahead(lambda step: step * step, range(3, 60)))
    assert drawn == [step * step for step in range(3, 60)]


def test_an_error_in_drawing_is_raised():
    def draw(step: int) -> int:
        if step == 5:
            raise ValueError("no picture")
        return step

    with pytest.raises(ValueError, match="no picture"):
        list(drawn_ahead(draw, range(10)))


def test_drawing_stops_with_the_training():
    before = threading.active_count()
    batches = drawn_ahead(lambda step: step, range(1000))
    assert next(batches) == 0
    batches.close()
    assert threading.active_count() == before
