"""One encoder for many threads: what they give it while it is at work is encoded together next."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from gestalt_space.encoders.specification import Encoder
from gestalt_space.types import Crops, Slots

MOST_JOINED = 64
"""Faces of other threads' calls that go with a call, at the most: nobody waits for thousands."""


@dataclass(eq=False)
class _Call:
    """The faces of one call, and what became of them. `alone`: a joined call of it failed."""

    crops: Crops
    slots: Slots | None = None
    alone: bool = False


class SharedEncoder:
    """An encoder that any number of threads may call.

    Who finds it free begins at once, with the faces of those who wait: nobody waits for company. A
    face comes back the same in any company (`Encoder.encode`), so that the load decides nothing.
    Where a joined call fails, each of it is encoded by itself, and an error reaches whose it is.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.spec = encoder.spec
        self.run = encoder.run
        self._encoder = encoder
        self._changed = threading.Condition()
        self._waiting: list[_Call] = []
        self._at_work = False

    def encode(self, crops: Crops) -> Slots:
        """See `Encoder.encode`."""
        mine = _Call(crops)
        with self._changed:
            self._waiting.append(mine)
            try:
                self._changed.wait_for(lambda: mine.slots is not None or not self._at_work)
            finally:
                # One that was encoded with others, or interrupted, is waiting no longer.
                if mine in self._waiting:
                    self._waiting.remove(mine)
            if mine.slots is not None:
                return mine.slots
            self._at_work = True
            others = [] if mine.alone else self._company()
        try:
            if others:
                with suppress(Exception):
                    self._encode_together([mine, *others])
            if mine.slots is None:
                mine.slots = self._encoder.encode(crops)
            return mine.slots
        finally:
            with self._changed:
                self._at_work = False
                for call in others:
                    call.alone = True
                self._changed.notify_all()

    def _company(self) -> list[_Call]:
        """Calls that wait, the first ones first, as many as go together; they are taken out."""
        faces, count = 0, 0
        for call in self._waiting:
            faces += len(call.crops)
            if faces > MOST_JOINED or call.alone:
                break
            count += 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    def _encode_together(self, calls: list[_Call]) -> None:
        slots = self._encoder.encode(np.concatenate([call.crops for call in calls]))
        ends = np.cumsum([len(call.crops) for call in calls])
        for call, own in zip(calls, np.split(slots, ends[:-1]), strict=True):
            # Of its own: a view would keep the others' slots.
            call.slots = own.copy()
