"""Whether a map is true: whether it points at what was planted, and changes with the network.

The pointing game is that of Zhang (2018, doi:10.1007/s11263-017-1059-x), mass accuracy that of
Arras (2022, doi:10.1016/j.inffus.2021.11.008), shuffled weights are after Adebayo (2018, arXiv
1810.03292).
"""

from __future__ import annotations

import copy

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from gestalt_space.encoders.differentiable import DifferentiableEncoder
from gestalt_space.encoders.torch_encoder import TorchEncoder
from gestalt_space.explain.face_map import Values

TOLERANCE = 4
"""Pixels that the highest place of a map may lie beside the region: as many of 112 as Zhang's 15
are of a photo of 420."""

Region = NDArray[np.bool_]


def points_at(values: Values, region: Region) -> bool:
    """Whether the highest place of a map `(112, 112)` lies in a region, or `TOLERANCE` pixels
    beside it; never for a map without anything above 0."""
    place = np.unravel_index(np.argmax(values), values.shape)
    return bool(values[place] > 0 and _widened(region)[place])


def chance_of_pointing(region: Region) -> float:
    """How often a place that is drawn at random would be a hit."""
    return float(_widened(region).mean())


def mass_in(values: Values, region: Region) -> float:
    """The share of what speaks for the line that lies in a region, 0..1; NaN for an empty map. By
    chance it is the region's share of the face, `region.mean()`."""
    positive = np.maximum(values, 0)
    total = float(positive.sum())
    return float(positive[region].sum()) / total if total else float("nan")


def with_shuffled_weights(
    encoder: DifferentiableEncoder, seed: int
) -> tuple[DifferentiableEncoder, TorchEncoder]:
    """The same networks with the numbers of each of their weights in a random order: for gradients,
    and to encode by."""
    generator = torch.Generator().manual_seed(seed)
    networks = tuple(copy.deepcopy(network) for network in encoder.networks)
    for network in networks:
        for weights in network.parameters():
            order = torch.randperm(weights.numel(), generator=generator).to(weights.device)
            weights.data = weights.data.flatten()[order].view_as(weights)
    shuffled = DifferentiableEncoder(encoder.spec, networks, encoder.prepare, encoder.device)
    views = encoder.prepare.views
    return shuffled, TorchEncoder(
        encoder.spec, [copy.deepcopy(one) for one in networks], views, device=encoder.device
    )


def _widened(region: Region) -> Region:
    side = 2 * TOLERANCE + 1
    near = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.dilate(region.astype(np.uint8), near) > 0)
