"""One encoder for many threads: what they give it while it is at work is encoded together next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gestalt_space.call_batching import BatchedCalls
from gestalt_space.encoders.specification import Encoder
from gestalt_space.types import Crops, Slots

MOST_JOINED = 64
"""Faces of several calls that are encoded together, at the most."""


class SharedEncoder:
    """An encoder that any number of threads may call; see `BatchedCalls`.

    A face comes back the same in any company (`Encoder.encode`), so that the load decides nothing.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.spec = encoder.spec
        self.run = encoder.run
        self._encoder = encoder
        self.encode_together = BatchedCalls(
            self._encode, kind=lambda _: None, weight=len, most=MOST_JOINED
        )

    def encode(self, crops: Crops) -> Slots:
        """See `Encoder.encode`."""
        return self.encode_together(crops)

    def _encode(self, calls: Sequence[Crops]) -> list[Slots]:
        if len(calls) == 1:
            return [self._encoder.encode(calls[0])]
        slots = self._encoder.encode(np.concatenate(calls))
        ends = np.cumsum([len(crops) for crops in calls])
        # Of its own: a view would keep the others' slots.
        return [own.copy() for own in np.split(slots, ends[:-1])]
