"""A measure of trials in which readers and photos are crossed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]
EffectName: TypeAlias = Literal["group", "ancestry", "group x ancestry"]
EFFECTS: tuple[EffectName, ...] = ("group", "ancestry", "group x ancestry")


@dataclass(frozen=True)
class CrossedTrials:
    """A measure of trials `(n,)`: numbers of readers and photos, and values. `is_second` `(r,)`:
    whether a reader is in the second group; `is_other` `(p,)`: whether a photo is of the second
    ancestry, None if there is one only."""

    reader: Numbers
    photo: Numbers
    value: Floats
    is_second: Flags
    is_other: Flags | None
