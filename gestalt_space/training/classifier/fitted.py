"""Class layers fitted to descriptors, and probabilities of patients."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from gestalt_space.classifiers.class_layer import ClassLayer, Probabilities
from gestalt_space.encoders.preparation import prepare
from gestalt_space.encoders.trainable import TrainableEncoder
from gestalt_space.errors import TrainingError
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.stats.mixture_weights import mixture_weights
from gestalt_space.stats.softmax_regression import fit
from gestalt_space.training.cards import FEWEST
from gestalt_space.training.computing import Computing
from gestalt_space.types import Crops, Descriptors
from gestalt_space.weights.classifier_facts import STEPS, TopProbabilities

ENCODED = 64


@torch.inference_mode()
def describe(start: TrainableEncoder, crops: Crops, computing: Computing) -> Descriptors:
    """Descriptors `(n, d)` of unit length by the network as it is, in float32. Raises
    `TrainingError` for numbers that are not finite."""
    network = computing.placed(start.network).eval()
    parts = [torch.empty(0, start.spec.dim)]
    for first in range(0, len(crops), ENCODED):
        images = torch.from_numpy(prepare(crops[first : first + ENCODED], start.spec))
        images = images.to(computing.device, memory_format=torch.channels_last)
        parts.append(functional.normalize(network(images).float(), dim=1).cpu())
    found = torch.cat(parts).numpy()
    if not np.isfinite(found).all():
        raise TrainingError(
            "The network gives descriptors that are not finite numbers.",
            "Train again with another --output and a lower rate.",
        )
    return np.asarray(found, dtype=np.float32)


def photo_weights(classes: Numbers, patients: Numbers) -> np.ndarray:
    """`(n,)`: photos of a patient share the patient's weight, patients of a class that of the
    class; all classes weigh the same, and on average a patient weighs 1."""
    of_patient = np.bincount(patients)[patients]
    owners, first = np.unique(patients, return_index=True)
    count = np.bincount(classes[first])
    used = np.count_nonzero(count)
    return np.asarray(len(owners) / (used * count[classes] * of_patient), dtype=np.float64)


def scaling(rows: Descriptors) -> tuple[np.ndarray, float]:
    """The mean `(d,)` of descriptors, and the root of their mean squared distance from it."""
    mean = rows.mean(axis=0, dtype=np.float64)
    spread = float(np.sqrt(np.mean(np.sum((rows - mean) ** 2, axis=1))))
    return mean, spread or 1.0


def fit_layer(
    descriptors: Descriptors, classes: Numbers, patients: Numbers, ridge: float
) -> ClassLayer:
    """The class layer for photos `(n, d)` of `patients` `(n,)` with `classes` `(n,)`, all of which
    are there: a softmax regression of descriptors whose mean squared distance from their mean is 1,
    with a ridge penalty. All classes count the same, however many patients they have.
    """
    mean, spread = scaling(descriptors)
    rows = (descriptors - mean) / spread
    weights, bias = fit(rows, classes, photo_weights(classes, patients), ridge)
    weights = weights / spread
    return ClassLayer(
        np.asarray(weights, np.float32), np.asarray(bias - weights @ mean, np.float32)
    )


def by_patient(photos: Probabilities, patients: Numbers, count: int) -> Probabilities:
    """The mean `(p, …)` over the photos `(n, …)` of each of `count` patients."""
    sums = np.zeros((count, *photos.shape[1:]))
    np.add.at(sums, patients, photos)
    counts = np.bincount(patients, minlength=count).reshape(-1, *[1] * (photos.ndim - 1))
    return np.asarray(sums / counts)


def region_weights(by_region: Probabilities, classes: Numbers) -> np.ndarray:
    """Weights `(r,)` of regions, from the probabilities `(p, r, c)` of patients with `classes`
    `(p,)` who were not trained on: those with which the weighted mean gives the true classes the
    highest likelihood. All classes count the same."""
    likelihoods = by_region[np.arange(len(classes)), :, classes]
    counts = np.bincount(classes)
    cases = len(classes) / (np.count_nonzero(counts) * counts[classes])
    return np.asarray(mixture_weights(likelihoods, cases))


def top_probabilities(probabilities: Probabilities) -> TopProbabilities | None:
    """The distribution of the largest probability of patients `(p, c)`; None for fewer than 5."""
    if len(probabilities) < FEWEST:
        return None
    values = np.quantile(probabilities.max(axis=1), np.linspace(0, 1, STEPS + 1))
    return TopProbabilities(len(probabilities), tuple(round(float(one), 4) for one in values))
