"""IResNet (Duta 2021, arXiv 2004.04989) as InsightFace defines it, in the form that runs fastest.

Every batch norm that follows a convolution is a part of that convolution's weights, as it is in
InsightFace's ONNX files; those that come before one stay, since zeros are padded after them.
`iresnet_training` has the same network with all its norms.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from gestalt_space.errors import ModelUnsuitable

BLOCKS: Mapping[str, tuple[int, int, int, int]] = {
    "iresnet18": (2, 2, 2, 2),
    "iresnet34": (3, 4, 6, 3),
    "iresnet50": (3, 4, 14, 3),
    "iresnet100": (3, 13, 30, 3),
    "iresnet200": (6, 26, 60, 6),
}
"""Residual blocks of the four stages."""
WIDTHS = (64, 128, 256, 512)
INPUT_SIZE = 112
FINAL_SIDE = 7
EPSILON = 1e-5


class Block(nn.Module):
    """Norm, convolution, PReLU, convolution, around which the input goes on."""

    def __init__(self, into: int, out: int, stride: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(into, eps=EPSILON)
        self.first = nn.Conv2d(into, out, 3, 1, 1)
        self.bend = nn.PReLU(out)
        self.second = nn.Conv2d(out, out, 3, stride, 1)
        self.around = nn.Conv2d(into, out, 1, stride) if stride != 1 or into != out else None

    def forward(self, features: Tensor) -> Tensor:
        """`(n, into, h, w)` to `(n, out, h / stride, w / stride)`."""
        inner: Tensor = self.second(self.bend(self.first(self.norm(features))))
        return inner + (features if self.around is None else self.around(features))


class IResNet(nn.Module):
    """`(n, 3, 112, 112)` float32 to features `(n, dim)`, not of unit length."""

    def __init__(self, architecture: str, dim: int = 512) -> None:
        """Raises `ModelUnsuitable` for an architecture that is none of `BLOCKS`."""
        super().__init__()
        self.stem = nn.Conv2d(3, WIDTHS[0], 3, 1, 1)
        self.bend = nn.PReLU(WIDTHS[0])
        blocks, into = [], WIDTHS[0]
        for width, count in zip(WIDTHS, blocks_of(architecture), strict=True):
            for number in range(count):
                blocks.append(Block(into, width, stride=1 if number else 2))
                into = width
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.BatchNorm2d(into, eps=EPSILON)
        self.linear = nn.Linear(into * FINAL_SIDE**2, dim)
        self.last_norm = nn.BatchNorm1d(dim, eps=EPSILON)

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        features = self.norm(self.blocks(self.bend(self.stem(images))))
        described: Tensor = self.last_norm(self.linear(features.flatten(1)))
        return described


def blocks_of(architecture: str) -> tuple[int, int, int, int]:
    """Residual blocks of the four stages. Raises `ModelUnsuitable` for none of `BLOCKS`."""
    if architecture not in BLOCKS:
        raise ModelUnsuitable(
            f"Unknown network {architecture!r}.", f"Choose one of: {', '.join(BLOCKS)}."
        )
    return BLOCKS[architecture]


def architecture_of(blocks: int) -> str | None:
    """The architecture with that many residual blocks."""
    return next((name for name, counts in BLOCKS.items() if sum(counts) == blocks), None)


def randomised(network: nn.Module, seed: int) -> nn.Module:
    """Random weights that keep the features of a network of the true shape in a sane range.

    For tests and measurements of speed where the published weights may not be had.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                fan = module.weight[0].numel()
                module.weight.normal_(0, (1.0 / fan) ** 0.5, generator=generator)
                if module.bias is not None:
                    module.bias.normal_(0, 0.02, generator=generator)
            elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.weight.uniform_(0.7, 1.3, generator=generator)
                module.bias.normal_(0, 0.1, generator=generator)
                assert module.running_mean is not None  # noqa: S101 - they track
                assert module.running_var is not None  # noqa: S101
                module.running_mean.normal_(0, 0.1, generator=generator)
                module.running_var.uniform_(0.7, 1.3, generator=generator)
            elif isinstance(module, nn.PReLU):
                module.weight.uniform_(0.1, 0.4, generator=generator)
    return network.eval()
