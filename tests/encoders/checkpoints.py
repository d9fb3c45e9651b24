"""Checkpoints as the published ones are made, of networks with random weights."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gestalt_space.encoders.iresnet import IResNet, randomised
from tests.encoders.graphs import as_insightface


class FineTuned(nn.Module):
    """A graph that onnx2torch made, its last layers taken off and put into `features`."""

    def __init__(self, graph: Any, classes: int) -> None:
        super().__init__()
        self.base = graph
        norms = [name for name, _ in graph.named_children() if name.startswith("BatchNorm")]
        last = max(norms, key=lambda name: int(name.rpartition("_")[2]))
        self.features = nn.Sequential()
        for name in ("Gemm_0", last):
            self.features.add_module(name, graph.get_submodule(name))
        flat = next(node for node in graph.graph.nodes if node.name == "flatten_0")
        end = next(node for node in graph.graph.nodes if node.op == "output")
        end.replace_input_with(end.all_input_nodes[0], flat)
        graph.graph.eliminate_dead_code()
        graph.recompile()
        graph.delete_all_unused_submodules()
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(512, classes))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(self.base(images))
        return self.classifier(features), features


def fine_tuned(path: Path, architecture: str, *, seed: int, classes: int = 7) -> FineTuned:
    """Save a whole module as GestaltMatcher-Arc's `.pth` files are, and give it back."""
    network = randomised(IResNet(architecture), seed)
    assert isinstance(network, IResNet)
    onnx_file = as_insightface(path.with_suffix(".onnx"), network, by_kind=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # onnx2torch and torch.fx warn of each other
        from onnx2torch import convert

        torch.manual_seed(seed)
        module = FineTuned(convert(str(onnx_file)), classes).eval()
        torch.save(module, path)
    return module


def insightface_training(architecture: str, *, seed: int) -> nn.Module:
    """An IResNet in the layout and with the names of InsightFace's training code."""
    from gestalt_space.encoders.iresnet import BLOCKS, WIDTHS

    class Block(nn.Module):
        def __init__(self, into: int, out: int, stride: int) -> None:
            super().__init__()
            self.bn1 = nn.BatchNorm2d(into)
            self.conv1 = nn.Conv2d(into, out, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(out)
            self.prelu = nn.PReLU(out)
            self.conv2 = nn.Conv2d(out, out, 3, stride, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(out)
            self.downsample = (
                nn.Sequential(nn.Conv2d(into, out, 1, stride, bias=False), nn.BatchNorm2d(out))
                if stride == 2
                else None
            )

        def forward(self, x: Tensor) -> Tensor:
            inner = self.bn3(self.conv2(self.prelu(self.bn2(self.conv1(self.bn1(x))))))
            return inner + (x if self.downsample is None else self.downsample(x))

    class Backbone(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(64)
            self.prelu = nn.PReLU(64)
            into = 64
            for stage, (width, count) in enumerate(
                zip(WIDTHS, BLOCKS[architecture], strict=True), start=1
            ):
                blocks = []
                for number in range(count):
                    blocks.append(Block(into, width, 1 if number else 2))
                    into = width
                self.add_module(f"layer{stage}", nn.Sequential(*blocks))
            self.bn2 = nn.BatchNorm2d(512)
            self.fc = nn.Linear(512 * 49, 512)
            self.features = nn.BatchNorm1d(512)

        def forward(self, x: Tensor) -> Tensor:
            x = self.prelu(self.bn1(self.conv1(x)))
            for stage in range(1, 5):
                x = self.get_submodule(f"layer{stage}")(x)
            return self.features(self.fc(self.bn2(x).flatten(1)))

    return randomised(Backbone(), seed)


class PublishedFaceNet(nn.Module):
    """GestaltMatcher's `DeepGestalt` or `FaceRecogNet`, with the names of its state dictionary."""

    def __init__(self, classes: int, act: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.act = act()
        self.base = nn.ModuleList()
        into = 1
        for pair in ((32, 64), (64, 128), (96, 192), (128, 256), (160, 320)):
            for out in pair:
                if out == 320:
                    self.base.append(nn.Conv2d(into, out, 3, 1, 1))
                else:
                    layer = nn.Module()
                    layer.conv = nn.Conv2d(into, out, 3, 1, 1)
                    layer.norm = nn.BatchNorm2d(out)
                    layer.act = act()
                    self.base.append(layer)
                into = out
            self.base.append(
                nn.AvgPool2d(7, 1) if into == 320 else nn.MaxPool2d(2, 2, ceil_mode=True)
            )
        self.classifier = nn.ModuleList([nn.Linear(320, classes)])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        for layer in self.base:
            x = layer.act(layer.norm(layer.conv(x))) if hasattr(layer, "norm") else layer(x)
        features = x.flatten(1)
        return self.classifier[0](features), features
