"""Parts of the small networks that are built in, and the ONNX files that they become."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

OPSET = 17

Shapes: TypeAlias = Mapping[str, Sequence[int | str]]
"""Tensors by name, and their sides: counted, or named where they may be any."""


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


class Graph:
    """An ONNX graph that grows a node at a time; tensors are named by number."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        self.constant("twice", np.array([1, 1, 2, 2], np.float32))

    def constant(self, name: str, values: NDArray[np.generic]) -> str:
        """A tensor of the file, and its name."""
        self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def weights(self, name: str, values: NDArray[np.float32]) -> str:
        """Weights, 16 bits each in the file."""
        half = self.constant(f"{name}_half", values.astype(np.float16))
        return self.add("Cast", [half], output=name, to=TensorProto.FLOAT)

    def add(self, kind: str, inputs: list[str], output: str = "", **facts: object) -> str:
        """One node; the name of what it gives."""
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
        """A convolution like that one, with these weights `(out, into, k, k)` and bias `(out,)`."""
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
        """Each pixel four times."""
        return self.add(
            "Resize",
            [features, "", "twice"],
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )

    def save(self, path: Path, inputs: Shapes, outputs: Shapes) -> None:
        """Write the model; sides that are named instead of counted may be any."""
        given, wanted = (
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
                for name, shape in part.items()
            ]
            for part in (inputs, outputs)
        )
        graph = helper.make_graph(self.nodes, "builtin", given, wanted, self.tensors)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9
        )
        onnx.checker.check_model(model)
        onnx.save(model, str(path))


def _convolutions(module: nn.Module) -> Iterator[Convolution]:
    for part in module.modules():
        if isinstance(part, Convolution):
            yield part
