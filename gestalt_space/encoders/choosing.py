"""The precision that is fastest on this machine among those that keep descriptors as they are.

It is found once for each space, device and version of torch, on the first faces that come, and
remembered beside the models.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from gestalt_space.encoders.precision import Precision
from gestalt_space.encoders.specification import Encoder, EncoderSpec
from gestalt_space.types import Crops, Slots

LEAST_COSINE = 0.999
"""Of each slot of each face, to the same in float32."""
LEAST_FACES, MOST_FACES = 8, 32
"""Faces to try precisions on; with fewer, float32 is used and nothing is decided."""
MEMORY_NAME = ".precisions.json"

Open = Callable[[Precision], Encoder]


class ChoosingEncoder:
    """Encodes in float32 until it has seen enough faces to choose.

    `opened`: opens the encoder in a precision. `able`: the precisions of the device. `memory`: the
    file that remembers choices, by `key`.
    """

    def __init__(self, opened: Open, able: tuple[Precision, ...], memory: Path, key: str) -> None:
        self._opened, self._able = opened, able
        self._memory, self._key = memory, key
        known = remembered(memory).get(key)
        self._chosen = known if known in able else None
        self._encoder = opened(self._chosen or "float32")

    @property
    def spec(self) -> EncoderSpec:
        """See `Encoder.spec`."""
        return self._encoder.spec

    @property
    def device(self) -> str:
        """See `Encoder.device`."""
        return self._encoder.device

    @property
    def precision(self) -> str:
        """See `Encoder.precision`."""
        return self._encoder.precision

    def encode(self, crops: Crops) -> Slots:
        """See `Encoder.encode`."""
        if self._chosen is None and len(crops) >= LEAST_FACES:
            self._choose(crops[:MOST_FACES])
        return self._encoder.encode(crops)

    def _choose(self, crops: Crops) -> None:
        exact, best = timed(self._encoder, crops)
        chosen: Precision = "float32"
        for precision in self._able:
            if precision == "float32":
                continue
            encoder = self._opened(precision)
            slots, seconds = timed(encoder, crops)
            if least_cosine(slots, exact) >= LEAST_COSINE and seconds < best:
                best, chosen, self._encoder = seconds, precision, encoder
        self._chosen = chosen
        remember(self._memory, self._key, chosen)


def timed(encoder: Encoder, crops: Crops) -> tuple[Slots, float]:
    """What an encoder gives, and the seconds that it takes the second time."""
    encoder.encode(crops)
    started = time.perf_counter()
    slots = encoder.encode(crops)
    return slots, time.perf_counter() - started


def least_cosine(slots: Slots, exact: Slots) -> float:
    """The least cosine of a slot `(n, slots, dim)` to the exact one; NaN counts as -1."""
    cosines = np.einsum("nsd,nsd->ns", slots, exact)
    return float(np.nan_to_num(cosines, nan=-1.0).min(initial=1.0))


def remembered(memory: Path) -> Mapping[str, Precision]:
    """The choices of a file, by key; none where it cannot be read."""
    try:
        record = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def remember(memory: Path, key: str, precision: Precision) -> None:
    """Write a choice down. A folder that cannot be written to only costs the next trial."""
    record = {**remembered(memory), key: precision}
    aside = memory.with_name(f"{memory.name}.{os.getpid()}")
    try:
        aside.write_text(json.dumps(record, indent=2, sort_keys=True), encoding="utf-8")
        aside.replace(memory)
    except OSError:
        aside.unlink(missing_ok=True)
