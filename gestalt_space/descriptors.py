"""Facial phenotypic descriptors: slots laid end to end, and the gate every stored one passes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import DescriptorError
from gestalt_space.types import Descriptors, Slots

UNIT_TOLERANCE = 1e-3
"""How far a descriptor's length may lie from 1."""


def to_descriptors(slots: Slots) -> Descriptors:
    """Lay `(n, slots, dim)` end to end and divide by √slots: `(n, slots × dim)`.

    The inner product of two descriptors is then the mean of their slot-wise cosines.
    """
    n, count, dim = slots.shape
    flat = np.ascontiguousarray(slots, dtype=np.float32).reshape(n, count * dim)
    return flat if count == 1 else flat / np.float32(np.sqrt(count))


def to_slots(descriptors: Descriptors, count: int) -> Slots:
    """`(n, d)` taken apart into `count` slots of unit length: `(n, count, dim)`.

    `to_descriptors` makes of them what was given, to the bit, if it made that as well: of the
    numbers that come near, the one is taken that leads back.
    """
    n, d = descriptors.shape
    scale = np.float32(np.sqrt(count))
    near = np.asarray(descriptors * scale, dtype=np.float32)
    if count > 1:
        for beside in (
            np.nextafter(near, np.float32(np.inf)),
            np.nextafter(near, -np.float32(np.inf)),
        ):
            leads_back = (near / scale != descriptors) & (beside / scale == descriptors)
            near = np.where(leads_back, beside, near)
    return near.reshape(n, count, d // count)


def unsound(descriptors: Descriptors) -> NDArray[np.bool_]:
    """Which rows of `(n, d)` are zero, not finite, or not of unit length: `(n,)` bool."""
    with np.errstate(over="ignore", invalid="ignore"):
        length = np.linalg.norm(descriptors, axis=1)
        sound: NDArray[np.bool_] = np.abs(length - 1.0) <= UNIT_TOLERANCE
    return ~sound


def check_descriptors(descriptors: Descriptors, dim: int | None = None) -> Descriptors:
    """The descriptors as contiguous float32 `(n, d)`.

    Raises `DescriptorError` for another shape, or for a row that is not a finite unit vector.
    """
    checked = np.ascontiguousarray(descriptors, dtype=np.float32)
    if checked.ndim != 2 or (dim is not None and checked.shape[1] != dim):
        wanted = "(n, d)" if dim is None else f"(n, {dim})"
        raise DescriptorError(f"Descriptors must have the shape {wanted}, not {checked.shape}.")
    wrong = np.flatnonzero(unsound(checked))
    if len(wrong):
        raise DescriptorError(
            f"{len(wrong)} of {len(checked)} descriptors are zero, not finite or not of unit "
            f"length; the first is in row {wrong[0]}.",
            "The photo is unusable, or the model is damaged: run `gestalt models verify`.",
        )
    return checked
