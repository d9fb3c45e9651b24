"""IResNet as InsightFace trains it: every batch norm a layer of its own."""

from __future__ import annotations

from torch import Tensor, nn

from gestalt_space.encoders import iresnet
from gestalt_space.encoders.iresnet import EPSILON, FINAL_SIDE, blocks_of


class TrainableBlock(nn.Module):
    """`iresnet.Block`, with the names of InsightFace."""

    def __init__(self, into: int, out: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(into, eps=EPSILON)
        self.conv1 = nn.Conv2d(into, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out, eps=EPSILON)
        self.prelu = nn.PReLU(out)
        self.conv2 = nn.Conv2d(out, out, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out, eps=EPSILON)
        self.downsample = (
            nn.Sequential(
                nn.Conv2d(into, out, 1, stride, bias=False), nn.BatchNorm2d(out, eps=EPSILON)
            )
            if stride != 1 or into != out
            else None
        )

    def forward(self, features: Tensor) -> Tensor:
        """`(n, into, h, w)` to `(n, out, h / stride, w / stride)`."""
        inner = self.prelu(self.bn2(self.conv1(self.bn1(features))))
        inner = self.bn3(self.conv2(inner))
        described: Tensor = inner + (
            features if self.downsample is None else self.downsample(features)
        )
        return described


class TrainableIResNet(nn.Module):
    """`(n, 3, 112, 112)` float32 to features `(n, dim)`, not of unit length.

    Its `state_dict` is a checkpoint of InsightFace (`backbone.pth`), and
    `gestaltmatcher.read_insightface` makes the weights of an `IResNet` of it. As in InsightFace's
    training the scale of the last norm stays 1.
    """

    def __init__(self, architecture: str, dim: int = 512) -> None:
        """Raises `ModelUnsuitable` for an architecture that is none of `BLOCKS`."""
        super().__init__()
        widths = iresnet.WIDTHS
        into = widths[0]
        self.conv1 = nn.Conv2d(3, into, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(into, eps=EPSILON)
        self.prelu = nn.PReLU(into)
        stages = []
        for width, count in zip(widths, blocks_of(architecture), strict=True):
            stages.append(
                nn.Sequential(
                    *(
                        TrainableBlock(width if number else into, width, 1 if number else 2)
                        for number in range(count)
                    )
                )
            )
            into = width
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.bn2 = nn.BatchNorm2d(into, eps=EPSILON)
        self.fc = nn.Linear(into * FINAL_SIDE**2, dim)
        self.features = nn.BatchNorm1d(dim, eps=EPSILON)
        self.features.weight.requires_grad = False

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        features = self.prelu(self.bn1(self.conv1(images)))
        features = self.layer4(self.layer3(self.layer2(self.layer1(features))))
        described: Tensor = self.features(self.fc(self.bn2(features).flatten(1)))
        return described
