"""Training faces varied at random, by torchvision."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from gestalt_space.training.space.recipe import Recipe
from gestalt_space.types import Pixels

SMALLEST, LARGEST = 50, 100
"""Pixels to which a face is shrunk (Hustinx 2023)."""


class Shrink(nn.Module):
    """With a probability, shrinks a face to a size at random and brings it back."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, image: Tensor) -> Tensor:
        """`(3, h, w)` uint8 to the same."""
        if torch.rand(()) >= self.probability:
            return image
        height, width = image.shape[-2:]
        side = int(torch.randint(SMALLEST, LARGEST + 1, ()))
        small: Tensor = functional.resize(image, [side, side])
        whole: Tensor = functional.resize(small, [height, width])
        return whole


class Augmentation:
    """Varies an aligned face `(112, 112, 3)` uint8 RGB; the same for a seed."""

    def __init__(self, recipe: Recipe) -> None:
        steps: list[nn.Module] = [Shrink(recipe.shrink)]
        if recipe.turn or recipe.shift:
            steps.append(
                v2.RandomAffine(
                    recipe.turn,
                    translate=(recipe.shift, recipe.shift),
                    interpolation=v2.InterpolationMode.BILINEAR,
                )
            )
        steps.append(v2.RandomHorizontalFlip(recipe.flip))
        if recipe.jitter or recipe.hue:
            level = recipe.jitter
            steps.append(v2.ColorJitter(level, level, level, recipe.hue))
        steps.append(v2.RandomGrayscale(recipe.grey))
        self._varied = v2.Compose(steps)

    def __call__(self, crop: Pixels, seed: int) -> Pixels:
        """The face, varied by the random numbers of that seed."""
        torch.manual_seed(seed)
        image = torch.from_numpy(crop).permute(2, 0, 1).contiguous()
        varied: Tensor = self._varied(image)
        return np.ascontiguousarray(varied.permute(1, 2, 0).numpy())
