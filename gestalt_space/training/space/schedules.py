"""How learning rates change from epoch to epoch."""

from __future__ import annotations

from math import cos, pi
from typing import Any, Protocol

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

from gestalt_space.training.space.recipe import Recipe

SLOWER = 0.5
"""By how much rates change where the validation gets no better."""
NOTICED = 5e-4
"""Relative gain of the validation that counts as better for that (as in Hustinx 2023)."""


class RateSchedule(Protocol):
    """Sets the learning rates of an optimiser."""

    def finished(self, watched: float | None) -> None:
        """An epoch is finished; `watched`: its figure, None if it was not validated."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What it must know to go on."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        ...


class Plateau(ReduceLROnPlateau):
    """Rates are halved after some epochs that were not better."""

    def finished(self, watched: float | None) -> None:
        """See `RateSchedule`."""
        if watched is not None:
            self.step(watched)


class Cosine(LambdaLR):
    """Rates fall from the first epoch to the last as half a cosine (Loshchilov and Hutter 2017)."""

    def finished(self, watched: float | None) -> None:  # noqa: ARG002 - as `RateSchedule` has it
        """See `RateSchedule`."""
        self.step()


def make_schedule(recipe: Recipe, optimiser: Optimizer) -> RateSchedule:
    """The schedule of a recipe."""
    if recipe.schedule == "cosine":
        return Cosine(optimiser, lambda done: (1 + cos(pi * min(done / recipe.epochs, 1))) / 2)
    return Plateau(
        optimiser,
        mode="max",
        factor=SLOWER,
        patience=recipe.slower_after // recipe.validate_every,
        threshold=NOTICED,
        min_lr=recipe.least_rate,
        eps=0,
    )
