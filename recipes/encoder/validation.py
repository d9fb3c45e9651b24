"""How well an encoder tells the disorders of the validation family, on people it never saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from gestalt_space.simulate.aligned_photos import photographed
from gestalt_space.simulate.persons import Portrait
from recipes.encoder.network import EncoderNetwork
from recipes.encoder.training import normalised
from recipes.encoder.validation_family import draw_disorders

DISORDERS = 100
PATIENTS = 8
"""At most, of a disorder; each has one photo."""
SEED = 31
BATCH = 64


@dataclass(frozen=True, slots=True)
class Told:
    """The share of photos whose nearest other photo, or one of whose ten nearest disorders, is of
    the same disorder."""

    photos: int
    first: float
    tenth: float

    def __str__(self) -> str:
        return f"top-1 {self.first:.1%}, top-10 {self.tenth:.1%} of {self.photos:,} photos"


def told_on_validation(network: EncoderNetwork, people: Sequence[Portrait], disorders: int) -> Told:
    """Disorders of the validation family on these people, each of whom has one of them.

    As in `benchmarks.spaces`: the rank of a disorder is that of its nearest photo. Needs two people
    for each disorder.
    """
    rng = np.random.default_rng([SEED, 9])
    order = iter(np.random.default_rng([SEED, 11]).permutation(len(people)))
    patients = min(PATIENTS, len(people) // disorders)
    crops, labels = [], []
    for number, disorder in enumerate(draw_disorders(rng, disorders)):
        for _ in range(patients):
            crops.append(photographed(disorder.show(rng, people[next(order)]), rng))
            labels.append(number)
    ranks = ranks_of(_descriptors(network, np.stack(crops)), np.array(labels))
    return Told(len(ranks), float((ranks <= 1).mean()), float((ranks <= 10).mean()))


def _descriptors(network: EncoderNetwork, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    with torch.inference_mode():
        parts = [
            network(normalised(torch.from_numpy(crops[start : start + BATCH])))
            for start in range(0, len(crops), BATCH)
        ]
    features = torch.cat(parts).numpy()
    return np.asarray(features / np.linalg.norm(features, axis=1, keepdims=True), np.float32)


def ranks_of(unit: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rank of each photo's label, of descriptors `(n, d)` of unit length: 1 is best."""
    similarity = unit @ unit.T
    np.fill_diagonal(similarity, -2)
    best = np.stack([similarity[:, labels == one].max(axis=1) for one in np.unique(labels)], axis=1)
    own = best[np.arange(len(best)), np.unique(labels, return_inverse=True)[1]]
    return np.asarray((best > own[:, None]).sum(axis=1) + 1)
