"""The network of the built-in encoder, with its norms, as it is trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn

DIM = 128
COMPONENTS = 96
"""Principal components of the targets that are told."""


class Standardised(nn.Module):
    """Each channel of each image to mean 0 and deviation 1: light and contrast of a photo go."""

    def forward(self, features: Tensor) -> Tensor:
        """`(n, c, h, w)` to the same."""
        centred = features - features.mean(dim=(2, 3), keepdim=True)
        variance = centred.square().mean(dim=(2, 3), keepdim=True)
        return centred * torch.rsqrt(variance + 1e-5)


class Residual(nn.Module):
    """Two 3 × 3 convolutions around which the input goes on."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_convolution(width, width), nn.ReLU(), _convolution(width, width))

    def forward(self, features: Tensor) -> Tensor:
        """`(n, width, h, w)` to the same."""
        return torch.relu(features + self.body(features))


class EncoderNetwork(nn.Module):
    """`(n, 3, 112, 112)` float32, levels as `normalised` gives, to features `(n, DIM)`."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(3, 64, 8, 4, 2, bias=False),
            Standardised(),
            nn.ReLU(),
            _convolution(64, 96, stride=2),
            nn.ReLU(),
            Residual(96),
            Residual(96),
            _convolution(96, 192, stride=2),
            nn.ReLU(),
            Residual(192),
            nn.Conv2d(192, 48, 1),
            nn.BatchNorm2d(48),
            nn.Flatten(),
            nn.Linear(48 * 7 * 7, 256),
            nn.BatchNorm1d(256),
        )
        self.told = nn.Linear(256, COMPONENTS)
        self.space = nn.Linear(256, DIM)

    def forward(self, images: Tensor) -> Tensor:
        """Descriptors before they are brought to unit length."""
        features: Tensor = self.space(self.trunk(images))
        return features


def _convolution(into: int, out: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(into, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out))
