"""Losses on descriptors: all computed in float32, whatever the network computes in."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gestalt_space.ranking.grouping import Numbers
from gestalt_space.training.space.recipe import Recipe
from gestalt_space.types import Descriptors


class WeightedCrossEntropy(nn.Module):
    """The class layer and loss of GestaltMatcher-Arc (Hustinx 2023): dropout, one linear layer, and
    cross-entropy with class weights 0.5 + 0.5 · n_min / n_c of classes with n_c photos."""

    weights: Tensor

    def __init__(self, dim: int, photos: Numbers, dropout: float) -> None:
        """`photos` `(c,)`: how many photos each class has."""
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.linear = nn.Linear(dim, len(photos))
        weights = 0.5 + 0.5 * photos.min() / photos
        self.register_buffer("weights", torch.from_numpy(weights.astype(np.float32)))

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Features `(n, dim)` and classes `(n,)` to the mean loss."""
        return functional.cross_entropy(self.linear(self.drop(features)), labels, self.weights)


class _InFloat32(nn.Module):
    """A loss whose sums are float32 even where a network beside it computes in fewer bits."""

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Features `(n, dim)` and classes `(n,)` to the mean loss."""
        with torch.autocast(features.device.type, enabled=False):
            value: Tensor = self.loss(features.float(), labels)
        return value


def make_loss(recipe: Recipe, dim: int, photos: Numbers) -> nn.Module:
    """The loss of a recipe for descriptors of `dim` numbers, and classes that have `photos`
    `(c,)`. ArcFace (Deng 2019), sub-centre ArcFace (Deng 2020) and the supervised contrastive loss
    (Khosla 2020) are those of pytorch-metric-learning.
    """
    from pytorch_metric_learning import losses

    classes = len(photos)
    if recipe.loss == "cross-entropy":
        return _InFloat32(WeightedCrossEntropy(dim, photos, recipe.dropout))
    if recipe.loss == "arcface":
        return _InFloat32(losses.ArcFaceLoss(classes, dim, recipe.margin, recipe.scale))
    if recipe.loss == "sub-centre-arcface":
        return _InFloat32(
            losses.SubCenterArcFaceLoss(
                num_classes=classes,
                embedding_size=dim,
                margin=recipe.margin,
                scale=recipe.scale,
                sub_centers=recipe.sub_centres,
            )
        )
    return _InFloat32(losses.SupConLoss(recipe.temperature))


def centres_of(loss: nn.Module) -> Tensor | None:
    """The centres of classes that a loss of the ArcFace family has, `(dim, centres)`: those of a
    class stand side by side. None for other losses."""
    return getattr(getattr(loss, "loss", None), "W", None)


def start_centres(centres: Tensor, descriptors: Descriptors, labels: Numbers, seed: int) -> None:
    """Let centres start where their classes are: at the mean of their photos' descriptors
    `(n, dim)`, whose classes are `labels` `(n,)`. Several centres of one class start at the means
    of equal parts of it, dealt out at random.

    From random centres, the first epochs would move the whole space to wherever these happen to be.
    """
    classes = np.unique(labels)
    each = centres.shape[1] // len(classes)
    rng = np.random.default_rng(seed)
    found = []
    for number in classes:
        own = rng.permutation(np.flatnonzero(labels == number))
        parts = (part if len(part) else own for part in np.array_split(own, each))
        found += [descriptors[part].mean(axis=0) for part in parts]
    with torch.no_grad():
        centres.copy_(functional.normalize(torch.from_numpy(np.stack(found, axis=1)), dim=0))
