"""From descriptors to places on a flat map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gestalt_space.types import Descriptors

PERPLEXITY = 15.0


def perplexity_for(count: int, wanted: float = PERPLEXITY) -> float:
    """The perplexity wanted, less for so few points: a third of the others at the most."""
    return min(wanted, (count - 1) / 3)


def lay_out(
    descriptors: Descriptors, *, seed: int = 0, perplexity: float = PERPLEXITY
) -> NDArray[np.float32]:
    """Places `(n, 2)` of `(n, d)` descriptors, neighbours by cosine staying neighbours.

    t-SNE (van der Maaten and Hinton 2008), for a few points with less perplexity. Distances
    between groups, and the size of a group, mean nothing. The same descriptors and seed give the
    same places on one machine.
    """
    if len(descriptors) < 4:
        # Too few to have neighbours: a row in the order of the descriptors.
        return np.column_stack([np.arange(len(descriptors)), np.zeros(len(descriptors))]).astype(
            np.float32
        )
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    model = TSNE(
        metric="cosine",
        init="random",
        perplexity=perplexity_for(len(descriptors), perplexity),
        random_state=seed % 2**32,
    )
    # The steps are so small that threads spend the time waiting for each other: on cores that are
    # busy with other work, minutes of it.
    with threadpool_limits(1):
        return np.asarray(model.fit_transform(descriptors), dtype=np.float32)
