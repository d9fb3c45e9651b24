"""The built-in detector's network: anchor-free, three scales, one row of 15 numbers a cell.

It follows YuNet (Wu 2023) and FCOS (Tian 2019): strides of 8, 16 and 32 pixels, features of the
coarse scales added to the fine ones, one prediction a cell. A row holds a logit (face or not), the
shift of the box's middle from the cell's, the logarithms of its width and height, and the shifts
of the five landmarks, lengths in units of `UNITS` of the scale.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from gestalt_space.faces.builtin import LOOK_PLACES, LOOK_SIDE, NUMBERS

OPSET = 17
WIDTHS = (16, 32, 48, 64, 64)
"""Channels at strides of 2, 4, 8, 16 and 32 pixels."""
RARE = 0.01
"""The share of cells that the untrained network takes for faces."""


class Convolution(nn.Module):
    """A convolution, batch norm, ReLU; `groups` as in `nn.Conv2d`."""

    def __init__(
        self, into: int, out: int, size: int = 3, *, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(into, out, size, stride, size // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(out)

    def forward(self, features: Tensor) -> Tensor:
        """`(n, into, h, w)` to `(n, out, h / stride, w / stride)`."""
        return torch.relu(self.norm(self.convolution(features)))

    def folded(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Weights and bias of the convolution that does the norm's work as well."""
        norm = self.norm
        assert norm.running_var is not None  # noqa: S101
        assert norm.running_mean is not None  # noqa: S101
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        bias = norm.bias - norm.running_mean * gain
        weights = self.convolution.weight * gain[:, None, None, None]
        return weights.detach().float().numpy(), bias.detach().float().numpy()


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
    graph = _Graph()
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
    onnx.save(graph.model(), str(path))


class _Graph:
    """An ONNX graph that grows a node at a time; tensors are named by number."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        self.constant("twice", np.array([1, 1, 2, 2], np.float32))

    def constant(self, name: str, values: NDArray[np.generic]) -> str:
        self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def weights(self, name: str, values: NDArray[np.float32]) -> str:
        """Weights, 16 bits each in the file."""
        half = self.constant(f"{name}_half", values.astype(np.float16))
        return self.add("Cast", [half], output=name, to=TensorProto.FLOAT)

    def add(self, kind: str, inputs: list[str], output: str = "", **facts: object) -> str:
        output = output or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **facts))
        return output

    def stack(self, module: nn.Module, features: str, scale: float = 1.0) -> str:
        """The convolutions of a module one after the other; `scale` is folded into the first."""
        for part in _convolutions(module):
            weights, bias = part.folded()
            convolved = self.convolve(features, part.convolution, weights * np.float32(scale), bias)
            features, scale = self.add("Relu", [convolved]), 1.0
        return features

    def convolve(
        self,
        features: str,
        like: nn.Conv2d,
        weights: NDArray[np.float32],
        bias: NDArray[np.float32],
    ) -> str:
        number, size = len(self.nodes), weights.shape[2]
        return self.add(
            "Conv",
            [features, self.weights(f"w{number}", weights), self.constant(f"b{number}", bias)],
            kernel_shape=[size, size],
            strides=list(like.stride),
            pads=[size // 2] * 4,
            group=like.groups,
        )

    def doubled(self, features: str) -> str:
        return self.add(
            "Resize",
            [features, "", "twice"],
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )

    def model(self) -> onnx.ModelProto:
        shapes = {
            "pictures": ["n", 3, "height", "width"],
            "crops": ["faces", 3, LOOK_SIDE, LOOK_SIDE],
            "cells": ["n", NUMBERS, "cells"],
            "landmarks": ["faces", 10],
        }
        pictures, crops, cells, landmarks = (
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in shapes.items()
        )
        graph = helper.make_graph(
            self.nodes, "builtin", [pictures, crops], [cells, landmarks], self.tensors
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9
        )
        onnx.checker.check_model(model)
        return model


def _convolutions(module: nn.Module) -> Iterator[Convolution]:
    for part in module.modules():
        if isinstance(part, Convolution):
            yield part
