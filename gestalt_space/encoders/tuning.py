"""What a machine gains in a faster precision, and what that changes: measured on faces."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.descriptors import to_descriptors
from gestalt_space.devices import Precision
from gestalt_space.encoders.precision import LEAST_COSINE
from gestalt_space.encoders.specification import Encoder
from gestalt_space.types import Crops, Descriptors, EncodingRun, Slots

NEAREST = 10
ROUNDS = 3
"""Times that all faces are encoded; the quickest counts."""


@dataclass(frozen=True, slots=True)
class PrecisionMeasurement:
    """A precision, measured. `rate`: faces a second. `least_cosine`: of any slot of any face to the
    same in float32. `top1`, `top10`: the shares of faces whose nearest, and of the ten nearest that
    are among the ten nearest in float32; None with too few to be compared.
    """

    precision: Precision
    run: EncodingRun
    rate: float
    least_cosine: float
    top1: float | None
    top10: float | None

    @property
    def sound(self) -> bool:
        """Whether it leaves descriptors as they are: every cosine is 0.999 or more."""
        return self.least_cosine >= LEAST_COSINE


@dataclass(frozen=True, slots=True)
class ReferenceFaces:
    """What faces are compared with: descriptors `(m, d)`, and which of them are not to be found by
    which face, their own patient's, `(n, m)` bool."""

    descriptors: Descriptors
    own: NDArray[np.bool_]


def tune(
    encoders: Sequence[Encoder], crops: Crops, compared: ReferenceFaces | None = None
) -> list[PrecisionMeasurement]:
    """Measure a model's encoders, each in a precision of its own and the first in float32, on
    aligned faces. Without `compared`, faces are compared with each other.
    """
    exact = encoders[0].encode(crops)
    among = compared or ReferenceFaces(to_descriptors(exact), np.eye(len(exact), dtype=bool))
    rows = []
    for encoder in encoders:
        slots, seconds = _timed(encoder, crops)
        top1, top10 = agreement(to_descriptors(slots), to_descriptors(exact), among)
        rate, cosine = len(crops) / seconds, least_cosine(slots, exact)
        rows.append(
            PrecisionMeasurement(encoder.run.precision, encoder.run, rate, cosine, top1, top10)
        )
    return rows


def fastest(rows: Sequence[PrecisionMeasurement]) -> PrecisionMeasurement:
    """The fastest of the precisions that leave descriptors as they are."""
    return max((row for row in rows if row.sound), key=lambda row: row.rate)


def least_cosine(slots: Slots, exact: Slots) -> float:
    """The least cosine of a slot `(n, slots, dim)` to the exact one; NaN counts as -1, and faces
    for which the exact one is NaN, which get no descriptor in any precision, do not count."""
    described = np.isfinite(exact).all(axis=(1, 2))
    ours, true = (rows[described].astype(np.float64) for rows in (slots, exact))
    lengths = np.linalg.norm(ours, axis=2) * np.linalg.norm(true, axis=2)
    cosines = np.einsum("nsd,nsd->ns", ours, true) / lengths
    return float(np.nan_to_num(cosines, nan=-1.0).min(initial=1.0))


def agreement(
    descriptors: Descriptors, exact: Descriptors, compared: ReferenceFaces
) -> tuple[float | None, float | None]:
    """How far faces find the same as in float32: `top1` and `top10` of `PrecisionMeasurement`."""
    if (~compared.own).sum(axis=1).min() <= NEAREST:
        return None, None
    found, true = (_nearest(rows, compared) for rows in (descriptors, exact))
    shared = [len(np.intersect1d(one, other)) for one, other in zip(found, true, strict=True)]
    return float((found[:, 0] == true[:, 0]).mean()), float(np.mean(shared)) / NEAREST


def _nearest(rows: Descriptors, compared: ReferenceFaces) -> NDArray[np.int64]:
    similarities = np.nan_to_num(rows @ compared.descriptors.T, nan=-1.0)
    similarities[compared.own] = -np.inf
    return np.asarray(np.argsort(-similarities, axis=1, kind="stable")[:, :NEAREST])


def _timed(encoder: Encoder, crops: Crops) -> tuple[Slots, float]:
    slots = encoder.encode(crops)
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        encoder.encode(crops)
        seconds.append(time.perf_counter() - started)
    return slots, min(seconds)
