"""From a trained network to the built-in encoder's file."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from gestalt_space.encoders.export import write_network
from recipes.encoder.network import DIM, EncoderNetwork


class _Encoder(nn.Module):
    """The convolutions, and all linear maps after them as one."""

    def __init__(self, network: EncoderNetwork) -> None:
        super().__init__()
        *body, linear, norm = network.trunk
        assert isinstance(linear, nn.Linear)  # noqa: S101 - the network's own layout
        assert isinstance(norm, nn.BatchNorm1d)  # noqa: S101
        fused = nn.utils.fusion.fuse_linear_bn_eval(linear, norm)
        self.body = nn.Sequential(*body)
        self.space = nn.Linear(fused.in_features, DIM)
        with torch.no_grad():
            self.space.weight.copy_(network.space.weight @ fused.weight)
            self.space.bias.copy_(network.space.weight @ fused.bias + network.space.bias)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.space(self.body(images))
        return features


def export(network: EncoderNetwork, path: Path) -> None:
    """Write the encoder as ONNX: `(n, 3, 112, 112)` float32 to `(n, DIM)`, not of unit length."""
    write_network(_Encoder(network.eval()).eval(), path, torch.zeros(2, 3, 112, 112))
