"""Where patients are photographed: sites that differ in camera, light, wall and patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gestalt_space.simulate.capture import Capture
from gestalt_space.simulate.surroundings import Background


@dataclass(frozen=True, slots=True)
class PhotoSite:
    """A place, and what every photo of it has.

    `light`, added to a photo's own; `balance`, multiplied with it; `blur` and `noise`, added;
    `resolution`, multiplied; `quality`, added, 0 or less (units as in `Capture`). `wall`: what
    stands behind the face. `ages` and `ancestries`: shares of the groups among its patients.
    """

    name: str
    light: tuple[float, float, float]
    balance: tuple[float, float, float]
    blur: float
    noise: float
    resolution: float
    quality: int
    wall: Background
    ages: Mapping[str, float]
    ancestries: Mapping[str, float]

    def capture(self, own: Capture) -> Capture:
        """How a photo is taken here, that would be taken as `own` in a place without a style."""
        return replace(
            own,
            light=_added(own.light, self.light),
            balance=_scaled(own.balance, self.balance),
            blur=own.blur + self.blur,
            noise=own.noise + self.noise,
            resolution=own.resolution * self.resolution,
            quality=max(1, own.quality + self.quality),
        )


def draw_sites(
    rng: np.random.Generator,
    names: Sequence[str],
    strength: float,
    ages: Mapping[str, float],
    ancestries: Mapping[str, float],
) -> tuple[PhotoSite, ...]:
    """Places that differ in style and patients; `strength` 0..1: how much, 0 for not at all.

    `ages`, `ancestries`: shares in all, about which those of a place are drawn: at strength 1 the
    logarithm of a share has a standard deviation of 1.
    """
    return tuple(
        PhotoSite(
            name=name,
            light=_spread(rng, strength, (0.22, 0.12, 0.18)),
            balance=_spread(rng, strength, (0.1, 0.0, 0.1), exponential=True),
            blur=strength * float(rng.uniform(0, 0.6)),
            noise=strength * float(rng.uniform(0, 4)),
            resolution=1 - strength * float(rng.uniform(0, 0.4)),
            quality=-round(strength * float(rng.uniform(0, 40))),
            wall=Background(_colour(rng), 0.85 * strength),
            ages=_varied(rng, ages, strength),
            ancestries=_varied(rng, ancestries, strength),
        )
        for name in names
    )


def _added(
    own: tuple[float, float, float], by: tuple[float, float, float]
) -> tuple[float, float, float]:
    return (own[0] + by[0], own[1] + by[1], own[2] + by[2])


def _scaled(
    own: tuple[float, float, float], by: tuple[float, float, float]
) -> tuple[float, float, float]:
    return (own[0] * by[0], own[1] * by[1], own[2] * by[2])


def _spread(
    rng: np.random.Generator,
    strength: float,
    deviations: tuple[float, float, float],
    *,
    exponential: bool = False,
) -> tuple[float, float, float]:
    drawn = strength * rng.normal(0, deviations)
    one, two, three = np.exp(drawn) if exponential else drawn
    return (float(one), float(two), float(three))


def _colour(rng: np.random.Generator) -> tuple[float, float, float]:
    one, two, three = rng.uniform(40, 215) + rng.normal(0, 18, 3)
    return (float(one), float(two), float(three))


def _varied(
    rng: np.random.Generator, shares: Mapping[str, float], strength: float
) -> dict[str, float]:
    drawn = {name: share * float(np.exp(strength * rng.normal())) for name, share in shares.items()}
    total = sum(drawn.values())
    return {name: share / total for name, share in drawn.items()}
