"""The weights of the parts of a mixture, by maximum likelihood (expectation maximisation, Dempster
1977)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PRIOR = 1.0
"""Cases that each part has from the beginning, so that a few cases leave weights nearly equal."""
_STEPS = 50
_TINY = 1e-12


def mixture_weights(likelihoods: Floats, cases: Floats, *, prior: float = PRIOR) -> Floats:
    """Weights `(…, r)`, which sum to 1, of parts that give each case `(…, n, r)` a likelihood;
    `cases` `(…, n)`: how much each one counts."""
    parts = likelihoods.shape[-1]
    found = np.full((*likelihoods.shape[:-2], parts), 1 / parts)
    for _ in range(_STEPS):
        shares = likelihoods * found[..., None, :] + _TINY
        shares /= shares.sum(axis=-1, keepdims=True)
        counted = np.einsum("...nr,...n->...r", shares, cases) + prior
        found = counted / counted.sum(axis=-1, keepdims=True)
    return np.asarray(found)
