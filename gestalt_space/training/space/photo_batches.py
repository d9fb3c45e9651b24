"""Training photos as the network takes them, varied and sized by threads: while a GPU learns from a
batch, those of the next one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gestalt_space.encoders.preparation import sized
from gestalt_space.encoders.specification import EncoderSpec
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.training.space.augmentation import Augmentation
from gestalt_space.types import Crops

Looks = NDArray[np.float64]
"""The random numbers of photos, a row each, as `Augmentation.draw` gives them."""
MOST_THREADS = 4
"""More than these wait for Python rather than for the processor."""


def as_images(sized_faces: NDArray[np.uint8]) -> Tensor:
    """Faces `(n, size, size, c)` as `TorchPreparation` takes them; no number is copied."""
    return torch.from_numpy(sized_faces).permute(0, 3, 1, 2)


@dataclass(frozen=True, slots=True)
class PhotoBatches:
    """Prepares batches of these aligned faces; what comes out does not depend on the threads.

    `ahead`: batches that are prepared while the network learns. With 0 both take turns, which is
    faster where they share the cores: a step waits for the slowest of its threads.
    """

    crops: Crops
    spec: EncoderSpec
    vary: Augmentation
    threads: int
    ahead: int

    def prepared(self, batches: Iterable[tuple[Numbers, Looks]]) -> Iterator[Tensor]:
        """Batches, each the numbers of its faces and their looks, as `TorchPreparation` takes
        them."""
        begun: deque[list[Future[NDArray[np.uint8]]]] = deque()
        with ThreadPoolExecutor(self.threads) as pool:
            for faces, looks in batches:
                parts = zip(
                    *(np.array_split(one, self.threads) for one in (faces, looks)), strict=True
                )
                begun.append([pool.submit(self._part, *part) for part in parts])
                if len(begun) > self.ahead:
                    yield _whole(begun.popleft())
            while begun:
                yield _whole(begun.popleft())

    def _part(self, faces: Numbers, looks: Looks) -> NDArray[np.uint8]:
        pairs = zip(faces, looks, strict=True)
        varied = [self.vary(self.crops[face], numbers) for face, numbers in pairs]
        return sized(np.stack(varied) if varied else self.crops[:0], self.spec)


def _whole(parts: list[Future[NDArray[np.uint8]]]) -> Tensor:
    return as_images(np.concatenate([part.result() for part in parts]))
