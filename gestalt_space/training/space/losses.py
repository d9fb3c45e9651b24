"""Losses on descriptors: all computed in float32, whatever the network computes in."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gestalt_space.ranking.grouping import Numbers
from gestalt_space.training.space.recipe import Recipe


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
