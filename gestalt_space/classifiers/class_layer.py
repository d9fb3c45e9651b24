"""The class layer of a region: descriptors to probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gestalt_space.paths import plain_path

Probabilities = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ClassLayer:
    """`weights` `(c, d)` float32 and `bias` `(c,)` float32, for descriptors of unit length."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    def probabilities(self, descriptors: NDArray[np.floating]) -> Probabilities:
        """`(n, d)` to `(n, c)`, each row sums to 1."""
        scores = np.asarray(descriptors, np.float64) @ self.weights.T.astype(np.float64) + self.bias
        return softmax(scores)


def softmax(scores: NDArray[np.float64]) -> Probabilities:
    """Scores `(…, c)` to probabilities."""
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


@dataclass(frozen=True, eq=False)
class ClassLayers:
    """The class layer of each region."""

    by_region: Mapping[str, ClassLayer]

    def write(self, path: Path) -> None:
        """As safetensors."""
        from safetensors.numpy import save_file

        tensors = {}
        for region, layer in self.by_region.items():
            tensors[f"{region}.weights"] = np.ascontiguousarray(layer.weights, np.float32)
            tensors[f"{region}.bias"] = np.ascontiguousarray(layer.bias, np.float32)
        save_file(tensors, path)

    @classmethod
    def read(cls, path: Path, sizes: Mapping[str, tuple[int, int]]) -> Self:
        """Read them. `sizes`: classes and length of a descriptor, of each region.

        Raises `ValueError` for layers of other sizes, and what safetensors raises.
        """
        from safetensors.numpy import load_file

        with plain_path(path) as name:
            tensors = load_file(name)
        layers = {}
        for region, size in sizes.items():
            layer = ClassLayer(
                *(tensors.get(f"{region}.{part}", np.empty(0)) for part in ("weights", "bias"))
            )
            if layer.weights.shape != size or layer.bias.shape != size[:1]:
                raise ValueError(f"the class layer of {region} has another size")
            if not (np.isfinite(layer.weights).all() and np.isfinite(layer.bias).all()):
                raise ValueError(f"the class layer of {region} has numbers that are not finite")
            layers[region] = layer
        return cls(layers)
