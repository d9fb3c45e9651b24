"""The linear discriminant of the trained disorders, from which a training can start: what differs
between patients with one disorder counts less, what differs between disorders counts more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils import parametrize

from gestalt_space.errors import UsageError
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.training.space.adapters import WEIGHT


@dataclass(frozen=True)
class Discriminant:
    """Features `x` `(n, d)` become `(x - mean) @ transform`; `mean` `(d,)`, `transform` `(d, d)`
    symmetric."""

    mean: NDArray[np.float64]
    transform: NDArray[np.float64]


def fit_discriminant(features: NDArray[np.floating], labels: Numbers) -> Discriminant:
    """The discriminant of features `(n, d)` of classes `(n,)`, of which one at least has two.

    Within-class covariance is estimated with the shrinkage of Ledoit and Wolf (2004). A direction
    in which classes have the variance `v`, where members of a class have 1, is weighted by
    `v / (v + 1/2)`, as in the score of two samples in probabilistic discriminant analysis (Prince
    and Elder 2007). `c` classes have told something of `c - 1` directions: for the share
    `1 - (c - 1) / d` the products stay what they were, so that few classes change little.
    """
    from scipy.linalg import eigh
    from sklearn.covariance import ledoit_wolf

    features = features.astype(np.float64)
    count, dim = features.shape
    _, labels = np.unique(labels, return_inverse=True)
    photos = np.bincount(labels)
    classes = len(photos)
    mean = features.mean(axis=0)
    sums = np.zeros((classes, dim))
    np.add.at(sums, labels, features)
    means = sums / photos[:, None]
    within = ledoit_wolf(features - means[labels], assume_centered=True)[0]
    within *= count / (count - classes)
    spread = (means - mean) * np.sqrt(photos / photos.mean())[:, None]
    between = spread.T @ spread / (classes - 1) - within / photos.mean()
    variances, directions = eigh(between, within)
    variances = np.maximum(variances, 0)
    products = (directions * (variances / (variances + 0.5))) @ directions.T
    if not products.any():  # the classes do not differ
        return Discriminant(mean, np.eye(dim))
    known = min(classes - 1, dim) / dim
    products = known * products * dim / np.trace(products) + (1 - known) * np.eye(dim)
    squares, axes = np.linalg.eigh(products)
    root = (axes * np.sqrt(np.maximum(squares, 0))) @ axes.T
    return Discriminant(mean, root)


@torch.no_grad()
def fold(layer: Sequence[nn.Module], discriminant: Discriminant) -> None:
    """Make a discriminant of a network's features a part of its last layer, which is a linear map.
    Raises `UsageError` for another layer."""
    linear = layer[-1]
    if not isinstance(linear, nn.Linear) or linear.bias is None:
        raise UsageError(
            "The network does not end with a linear map, so a discriminant cannot become a part "
            "of it.",
            "Use --set discriminant=false.",
        )
    mean, transform = (
        torch.from_numpy(one).to(linear.weight.device)
        for one in (discriminant.mean, discriminant.transform)
    )
    changed = (transform @ linear.weight.double()).to(linear.weight.dtype)
    linear.bias.copy_(transform @ (linear.bias.double() - mean))
    if parametrize.is_parametrized(linear, WEIGHT):
        linear.weight = changed  # what the adapter adds stays as it is
    else:
        linear.weight.copy_(changed)
