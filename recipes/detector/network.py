"""The built-in detector's network: anchor-free, three scales, one row of 15 numbers a cell.

It follows YuNet (Wu 2023) and FCOS (Tian 2019): strides of 8, 16 and 32 pixels, features of the
coarse scales added to the fine ones, one prediction a cell. A row holds a logit (face or not), the
shift of the box's middle from the cell's, the logarithms of its width and height, and the shifts
of the five landmarks, lengths in units of `UNITS` of the scale.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from gestalt_space.faces.builtin import LOOK_PLACES, LOOK_SIDE, NUMBERS
from recipes.small_networks import Convolution, Graph

WIDTHS = (16, 32, 48, 64, 64)
"""Channels at strides of 2, 4, 8, 16 and 32 pixels."""
RARE = 0.01
"""The share of cells that the untrained network takes for faces."""


def separable(into: int, out: int, *, stride: int = 1) -> nn.Sequential:
    """A 3 × 3 convolution of each channel alone, then one across channels."""
    return nn.Sequential(
        Convolution(into, into, stride=stride, groups=into), Convolution(into, out, 1)
    )


class DetectorNetwork(nn.Module):
    """Pictures `(n, 3, h, w)` float32 RGB 0..255, sides multiples of 32, to `(n, 15, cells)`."""

    def __init__(self) -> None:
        super().__init__()
        w2, w4, w8, w16, w32 = WIDTHS
        self.stem = nn.Sequential(
            Convolution(3, w2, stride=2), Convolution(w2, w4, stride=2), separable(w4, w4)
        )
        self.stage8 = nn.Sequential(
            Convolution(w4, w8, stride=2), separable(w8, w8), separable(w8, w8)
        )
        self.stage16 = nn.Sequential(
            Convolution(w8, w16, stride=2), Convolution(w16, w16), Convolution(w16, w16)
        )
        self.stage32 = nn.Sequential(
            Convolution(w16, w32, stride=2),
            Convolution(w32, w32),
            Convolution(w32, w32),
            Convolution(w32, w32),
        )
        self.from32 = Convolution(w32, w16, 1)
        self.from16 = Convolution(w16, w8, 1)
        self.necks = nn.ModuleList([separable(w8, w8), separable(w16, w16), separable(w32, w32)])
        self.heads = nn.ModuleList([nn.Conv2d(width, NUMBERS, 1) for width in (w8, w16, w32)])
        for head in self.heads:
            assert isinstance(head, nn.Conv2d)  # noqa: S101
            nn.init.normal_(head.weight, std=0.01)
            assert head.bias is not None  # noqa: S101
            nn.init.zeros_(head.bias)
            head.bias.data[0] = float(np.log(RARE / (1 - RARE)))

    def forward(self, pictures: Tensor) -> Tensor:
        """See the class. The heads run in float32: landmarks need more digits than bfloat16 has."""
        fine = self.stage8(self.stem(pictures / 255))
        middle = self.stage16(fine)
        coarse = self.stage32(middle)
        middle = middle + _doubled(self.from32(coarse))
        fine = fine + _doubled(self.from16(middle))
        necks = [
            neck(features)
            for neck, features in zip(self.necks, (fine, middle, coarse), strict=True)
        ]
        with torch.autocast(pictures.device.type, enabled=False):
            cells = [
                head(features.float()).flatten(2)
                for head, features in zip(self.heads, necks, strict=True)
            ]
        return torch.cat(cells, dim=2)


class LandmarkNetwork(nn.Module):
    """Crops of faces that were found, `(n, 3, LOOK_SIDE, LOOK_SIDE)` float32 RGB 0..255, laid
    upright by their landmarks, to the landmarks `(n, 10)` x, y in pixels of the crop.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            Convolution(3, 24, stride=2),
            Convolution(24, 48, stride=2),
            Convolution(48, 48),
            Convolution(48, 64, stride=2),
            Convolution(64, 64),
            Convolution(64, 96, stride=2),
            Convolution(96, 96),
            Convolution(96, 48, 1),
        )
        side = LOOK_SIDE // 16
        self.places = nn.Linear(48 * side * side, 10)
        nn.init.normal_(self.places.weight, std=0.01)
        self.places.bias.data.copy_(torch.from_numpy(LOOK_PLACES.ravel()))

    def forward(self, crops: Tensor) -> Tensor:
        """See the class. What it says of the places runs in float32."""
        features = self.features(crops / 255)
        with torch.autocast(crops.device.type, enabled=False):
            places: Tensor = self.places(features.float().flatten(1))
        return places


def _doubled(features: Tensor) -> Tensor:
    return nn.functional.interpolate(features, scale_factor=2.0, mode="nearest")


def export(network: DetectorNetwork, look: LandmarkNetwork, path: Path) -> None:
    """Write both networks as one ONNX model, of any batch, height and width; norms are folded in.

    Weights are kept in 16 bits and used in 32. What is asked for decides which network runs.
    """
    graph = Graph()
    fine = graph.stack(network.stem, "pictures", scale=1 / 255)
    fine = graph.stack(network.stage8, fine)
    middle = graph.stack(network.stage16, fine)
    coarse = graph.stack(network.stage32, middle)
    middle = graph.add("Add", [middle, graph.doubled(graph.stack(network.from32, coarse))])
    fine = graph.add("Add", [fine, graph.doubled(graph.stack(network.from16, middle))])
    flat = graph.constant("flat", np.array([0, NUMBERS, -1], np.int64))
    cells = []
    for neck, head, features in zip(
        network.necks, network.heads, (fine, middle, coarse), strict=True
    ):
        assert isinstance(head, nn.Conv2d)  # noqa: S101
        assert head.bias is not None  # noqa: S101
        weights, bias = head.weight.detach().numpy(), head.bias.detach().numpy()
        predicted = graph.convolve(graph.stack(neck, features), head, weights, bias)
        cells.append(graph.add("Reshape", [predicted, flat]))
    graph.add("Concat", cells, output="cells", axis=2)
    features = graph.add("Flatten", [graph.stack(look.features, "crops", scale=1 / 255)])
    weights, bias = look.places.weight.detach().numpy(), look.places.bias.detach().numpy()
    places = [features, graph.weights("places", weights), graph.constant("places_bias", bias)]
    graph.add("Gemm", places, output="landmarks", transB=1)
    graph.save(
        path,
        {"pictures": ["n", 3, "height", "width"], "crops": ["faces", 3, LOOK_SIDE, LOOK_SIDE]},
        {"cells": ["n", NUMBERS, "cells"], "landmarks": ["faces", 10]},
    )
