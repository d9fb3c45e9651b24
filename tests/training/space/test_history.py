"""What an epoch is told as."""

from __future__ import annotations

import math

from gestalt_space.training.space.history import FIGURES, Epoch


def test_the_line_of_an_epoch_fits_into_eighty_columns() -> None:
    figures = dict.fromkeys(FIGURES, 1.0)
    usual = str(Epoch(12, 0.5, 1e-3, dict.fromkeys(FIGURES, 0.456)))
    assert usual == "epoch 12: loss 0.5000; top-1/top-5: frequent 45.6%/45.6%, rare 45.6%/45.6%"
    assert len(usual) <= 80
    first = Epoch(0, math.nan, 1e-3, figures | {"rare_top1": math.nan})
    assert str(first) == "epoch 0: before training; top-1/top-5: frequent 100.0%/100.0%"
