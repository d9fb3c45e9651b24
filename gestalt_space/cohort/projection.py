"""From descriptors to places on a two-dimensional map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gestalt_space.types import Descriptors

PERPLEXITY = 15.0


def perplexity_for(count: int, wanted: float = PERPLEXITY) -> float:
    """The perplexity, lowered for few points: at most a third of the other points."""
    return min(wanted, (count - 1) / 3)


def lay_out(
    descriptors: Descriptors, *, seed: int = 0, perplexity: float = PERPLEXITY
) -> NDArray[np.float32]:
    """Places `(n, 2)` of `(n, d)` descriptors that preserve neighbours by cosine.

    t-SNE (van der Maaten and Hinton 2008), with a lower perplexity for few points. Distances
    between groups, and the sizes of groups, mean nothing. The same descriptors and seed give the
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
