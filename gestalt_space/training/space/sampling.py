"""Which photos make a batch: a function of the seed and the epoch alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gestalt_space.ranking.grouping import Numbers
from gestalt_space.training.space.recipe import Sampling


def draw_batches(
    sampling: Sampling,
    classes: Numbers,
    patients: Numbers,
    *,
    size: int,
    per_class: int,
    seed: Sequence[int],
) -> Iterator[Numbers]:
    """The batches of one epoch, as places of photos whose `classes` and `patients` are given
    `(n,)`.

    `plain`: every photo once; the rest that fills no batch is left out. `balanced`: the same number
    of batches, in which all classes come equally often, `per_class` photos at a time, of different
    patients where there are enough.
    """
    rng = np.random.default_rng(seed)
    size = min(size, len(classes))
    count = max(1, len(classes) // size)
    if sampling == "plain":
        order = rng.permutation(len(classes))
        yield from (order[start * size : (start + 1) * size] for start in range(count))
        return
    members = [np.flatnonzero(classes == number) for number in np.unique(classes)]
    waiting: list[int] = []
    for _ in range(count):
        batch: list[int] = []
        while len(batch) < size:
            if not waiting:
                waiting = rng.permutation(len(members)).tolist()
            drawn = _drawn(members[waiting.pop()], patients, per_class, rng)
            batch += drawn[: size - len(batch)]
        yield np.array(batch, dtype=np.int64)


def _drawn(photos: Numbers, patients: Numbers, count: int, rng: np.random.Generator) -> list[int]:
    """Photos of one class, a new patient each time until all have had their turn."""
    left: list[int] = []
    drawn: list[int] = []
    while len(drawn) < count:
        if not left:
            left = rng.permutation(np.unique(patients[photos])).tolist()
        drawn.append(int(rng.choice(photos[patients[photos] == left.pop()])))
    return drawn
