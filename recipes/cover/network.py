"""The cover network: what of an aligned face something hides, cell by cell.

Fine features, and coarse ones added to them (Lin 2017, arXiv 1612.03144): whether a patch of skin
is a cheek or a hand is seen in what lies around it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from gestalt_space.faces.alignment import SIZE
from gestalt_space.faces.cover import CELLS
from recipes.small_networks import Convolution, Graph

FINE, COARSE = 48, 80
"""Channels at 8 pixels a cell, and at 16."""


class CoverNetwork(nn.Module):
    """Aligned faces `(n, 3, 112, 112)` float32 RGB 0..255 to logits `(n, 1, CELLS, CELLS)`."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            Convolution(3, 16, 5, stride=2),
            Convolution(16, 32, stride=2),
            Convolution(32, FINE, stride=2),
            Convolution(FINE, FINE),
        )
        self.coarse = nn.Sequential(
            Convolution(FINE, COARSE, stride=2),
            Convolution(COARSE, COARSE),
            Convolution(COARSE, COARSE),
            Convolution(COARSE, COARSE),
            Convolution(COARSE, FINE, 1),
        )
        self.neck = Convolution(FINE, FINE)
        self.head = nn.Conv2d(FINE, 1, 1)

    def forward(self, crops: Tensor) -> Tensor:
        """See the class. The head runs in float32."""
        fine = self.stem(crops / 255)
        coarse = nn.functional.interpolate(self.coarse(fine), scale_factor=2.0, mode="nearest")
        features = self.neck(fine + coarse)
        with torch.autocast(crops.device.type, enabled=False):
            cells: Tensor = self.head(features.float())
        return cells


def export(network: CoverNetwork, path: Path) -> None:
    """Write the network as ONNX, `crops` to `hidden (n, 1, CELLS, CELLS)`, each 0..1."""
    graph = Graph()
    fine = graph.stack(network.stem, "crops", scale=1 / 255)
    coarse = graph.doubled(graph.stack(network.coarse, fine))
    features = graph.stack(network.neck, graph.add("Add", [fine, coarse]))
    head = network.head
    assert head.bias is not None  # noqa: S101
    weights, bias = head.weight.detach().numpy(), head.bias.detach().numpy()
    logits = graph.convolve(features, head, np.asarray(weights), np.asarray(bias))
    graph.add("Sigmoid", [logits], output="hidden")
    graph.save(path, {"crops": ["n", 3, SIZE, SIZE]}, {"hidden": ["n", 1, CELLS, CELLS]})
