"""A classifier: one network and class layer a region, whose probabilities are averaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gestalt_space.classifiers.class_layer import ClassLayer, Probabilities
from gestalt_space.classifiers.regions import cut
from gestalt_space.encoders.specification import Encoder
from gestalt_space.errors import DescriptorError
from gestalt_space.types import Crops
from gestalt_space.weights.classifier_facts import ClassifierFacts


@dataclass(frozen=True, eq=False)
class RegionEnsemble:
    """`facts`, and for each region its encoder and class layer. `fingerprints`: of the classifier,
    and of the spaces of the encoders that it was trained from."""

    facts: ClassifierFacts
    encoders: Mapping[str, Encoder]
    layers: Mapping[str, ClassLayer]
    fingerprints: tuple[str, ...] = ()

    def by_region(self, crops: Crops) -> Probabilities:
        """Aligned faces `(n, 112, 112, 3)` uint8 RGB to probabilities `(n, regions, classes)`.

        Raises `DescriptorError` for a face for which a network gives no finite number.
        """
        found = []
        for one in self.facts.regions:
            slots = self.encoders[one.region].encode(cut(crops, one.region, self.facts.view))
            found.append(self.layers[one.region].probabilities(slots[:, 0]))
        together = np.stack(found, axis=1)
        if not np.isfinite(together).all():
            raise DescriptorError(
                "The classifier gives numbers that are not finite for this face.",
                "Try another photo.",
            )
        return together

    def probabilities(self, crops: Crops) -> Probabilities:
        """Aligned faces to `(n, classes)`: the mean over regions, by their weights."""
        return average(self.by_region(crops), [one.weight for one in self.facts.regions])


def average(by_region: Probabilities, weights: Sequence[float]) -> Probabilities:
    """Probabilities `(…, regions, classes)` to their weighted mean `(…, classes)`."""
    share = np.asarray(weights) / np.sum(weights)
    return np.asarray(np.einsum("...rc,r->...c", by_region, share))
