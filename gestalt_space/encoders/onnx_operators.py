"""ONNX operators as torch modules, as https://onnx.ai/onnx/operators defines them.

What an operator becomes depends on the shape of what it is given, known for one image: every value
that depends on the images has the batch as its first axis, and an operator that would move or mix
that axis is `NotUnderstood`. So a file that was fixed to a batch of one gives a network for any.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, prod
from typing import Any

import numpy as np
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from gestalt_space.encoders.onnx_nodes import Array, ConvertedNode, Node, Shape


def parameter(array: Array) -> nn.Parameter:
    """A float32 copy."""
    return nn.Parameter(torch.from_numpy(np.array(array, np.float32)))


def fold(module: nn.Conv2d | nn.Linear, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
    """Let weights and bias do a batch norm's work as well, computed in float64."""
    assert norm.running_mean is not None  # noqa: S101 - a norm that was read has both
    assert norm.running_var is not None  # noqa: S101
    with torch.no_grad():
        gain = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
        bias = -norm.running_mean.double()
        if module.bias is not None:
            bias += module.bias.double()
        weights = module.weight.double() * gain.reshape(-1, *(1,) * (module.weight.ndim - 1))
        module.weight = nn.Parameter(weights.float())
        module.bias = nn.Parameter((bias * gain + norm.bias.double()).float())


class Arithmetic(nn.Module):
    """Two values, or one and a constant, through an operator.

    A constant of one number is not rounded with the parameters, so that images are prepared in
    bfloat16 as they are in float32.
    """

    constant: float | Tensor | None

    def __init__(
        self,
        work: Callable[[Any, Any], Tensor],
        constant: Array | None = None,
        *,
        constant_first: bool = False,
    ) -> None:
        super().__init__()
        self.work = work
        self.constant_first = constant_first
        if constant is None or constant.size == 1:
            self.constant = None if constant is None else float(constant.item())
        else:
            self.register_buffer("constant", torch.from_numpy(np.array(constant)))

    def forward(self, features: Tensor, others: Tensor | None = None) -> Tensor:
        """`(n, …)` each, broadcast as NumPy does."""
        second = self.constant if others is None else others
        return self.work(second, features) if self.constant_first else self.work(features, second)


class Applied(nn.Module):
    """A function of torch with the options that a node fixes."""

    def __init__(self, work: Callable[..., Tensor], **options: Any) -> None:
        super().__init__()
        self.work = work
        self.options = options

    def forward(self, features: Tensor) -> Tensor:
        """`(n, …)` to `(n, …)`."""
        return self.work(features, **self.options)


class Reshaped(nn.Module):
    """Each image's numbers in another shape."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, features: Tensor) -> Tensor:
        """`(n, …)` to `(n, *shape)`."""
        return features.reshape(features.shape[0], *self.shape)


class Expanded(nn.Module):
    """Each image's numbers, repeated along axes of size one."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, features: Tensor) -> Tensor:
        """`(n, …)` to `(n, *shape)`."""
        return features.expand(features.shape[0], *self.shape)


@dataclass(frozen=True)
class _Window:
    """How a convolution or a pool goes over a picture, heights before widths."""

    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    pads: tuple[int, int, int, int]
    """Top, left, bottom, right."""
    picture: Shape

    @classmethod
    def of(cls, node: Node, kernel: Sequence[int]) -> _Window:
        automatic = node.take("auto_pad", "NOTSET")
        strides, dilations = node.take("strides", [1, 1]), node.take("dilations", [1, 1])
        pads = node.take("pads", [0] * 4)
        if automatic not in ("NOTSET", "VALID") or (automatic == "VALID" and any(pads)):
            raise node.unknown(f"has auto_pad = {automatic}")
        lengths = [len(one) for one in (node.shape(), kernel, strides, dilations, pads)]
        if lengths != [3, 2, 2, 2, 4]:
            raise node.unknown("does not go over pictures")
        if min(pads) < 0 or min(*kernel, *strides, *dilations) < 1:
            raise node.unknown(f"has pads = {pads}, strides = {strides}, dilations = {dilations}")
        window = cls(*map(tuple, (kernel, strides, dilations, pads, node.shape())))
        if min(window.sides) < 1:
            raise node.unknown("is larger than the picture")
        return window

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of what comes out."""
        height, width = (
            (size + sum(self.pads[axis::2]) - dilation * (kernel - 1) - 1) // stride + 1
            for axis, (size, kernel, stride, dilation) in enumerate(
                zip(self.picture[1:], self.kernel, self.strides, self.dilations, strict=True)
            )
        )
        return height, width

    @property
    def symmetric(self) -> bool:
        return self.pads[:2] == self.pads[2:]

    @property
    def suits_pools(self) -> bool:
        """Whether torch's pools take the padding: alike on both sides, half a window at most."""
        return self.symmetric and all(
            2 * pad <= size for pad, size in zip(self.pads[:2], self.kernel, strict=True)
        )

    def padded(self, module: nn.Module, value: float) -> nn.Module:
        """The module behind a padding of its own."""
        top, left, bottom, right = self.pads
        return nn.Sequential(nn.ConstantPad2d((left, right, top, bottom), value), module)


def _conv(node: Node) -> ConvertedNode:
    weights = node.numbers(1)
    window = _Window.of(node, node.take("kernel_shape", weights.shape[2:]))
    groups, channels, out = node.take("group", 1), node.shape()[0], weights.shape[0]
    if groups < 1 or channels % groups or out % groups:
        raise node.unknown(f"has {groups} groups of {channels} and {out} channels")
    module = nn.Conv2d(
        channels,
        out,
        window.kernel,
        window.strides,
        window.pads[:2] if window.symmetric else 0,
        window.dilations,
        groups,
        bias=node.has(2),
        device="meta",
    )
    module.weight = parameter(node.of_shape(weights, tuple(module.weight.shape)))
    if node.has(2):
        module.bias = parameter(node.of_shape(node.numbers(2), (out,)))
    return ConvertedNode(
        module if window.symmetric else window.padded(module, 0.0), (out, *window.sides)
    )


def _gemm(node: Node) -> ConvertedNode:
    node.expect("transA", 0)
    if len(node.shape()) != 1:
        raise node.unknown(f"is given {node.shape()} an image, not a vector")
    weights, bias = node.numbers(1).astype(np.float64), None
    weights = (weights if node.take("transB", 0) else weights.T) * node.take("alpha", 1.0)
    beta = node.take("beta", 1.0)
    if node.has(2):
        added = node.numbers(2).astype(np.float64) * beta
        if added.size not in (1, len(weights)) or added.shape[:-1] not in ((), (1,)):
            raise node.unknown(f"adds an array of shape {added.shape}")
        bias = np.broadcast_to(added.reshape(-1), len(weights))
    return _matrix(node, weights, bias)


def _matmul(node: Node) -> ConvertedNode:
    return _matrix(node, node.numbers(1).T, None)


def _matrix(node: Node, weights: Array, bias: Array | None) -> ConvertedNode:
    shape = node.shape()
    if weights.ndim != 2 or not shape or weights.shape[1] != shape[-1]:
        raise node.unknown(f"has a matrix {weights.shape[::-1]} for {shape} an image")
    module = nn.Linear(weights.shape[1], len(weights), bias=bias is not None, device="meta")
    module.weight = parameter(weights)
    if bias is not None:
        module.bias = parameter(bias)
    return ConvertedNode(module, (*shape[:-1], len(weights)))


def _batch_norm(node: Node) -> ConvertedNode:
    node.expect("spatial", 1)
    node.expect("training_mode", 0)
    node.take("momentum")
    epsilon, shape = node.take("epsilon", 1e-5), node.shape()
    if len(shape) not in (1, 3):
        raise node.unknown(f"is given {shape} an image")
    gain, shift, mean, variance = (
        parameter(node.of_shape(node.numbers(index), shape[:1])) for index in range(1, 5)
    )
    module = (nn.BatchNorm1d if len(shape) == 1 else nn.BatchNorm2d)(shape[0], eps=epsilon)
    module.weight, module.bias = gain, shift
    module.running_mean, module.running_var = mean.data, variance.data
    return ConvertedNode(module, shape)


def _prelu(node: Node) -> ConvertedNode:
    slope, shape = node.numbers(1), node.shape()
    _broadcast(node, slope.shape, shape)
    if slope.size != 1:
        slope = slope.reshape(*(1,) * (len(shape) + 1 - slope.ndim), *slope.shape)
        slope = node.of_shape(slope, (1, *shape[:1], *(1,) * (len(shape) - 1)))
    module = nn.PReLU(slope.size)
    module.weight = parameter(slope.reshape(-1))
    return ConvertedNode(module, shape)


def _clip(node: Node) -> ConvertedNode:
    bounds = {
        name: node.number(index) if node.has(index) else node.take(name)
        for index, name in enumerate(("min", "max"), start=1)
    }
    bounded = any(value is not None for value in bounds.values())
    return ConvertedNode(Applied(torch.clamp, **bounds) if bounded else None, node.shape())


def _arithmetic(work: Callable[[Any, Any], Tensor]) -> Callable[[Node], ConvertedNode]:
    def read(node: Node) -> ConvertedNode:
        for index in (0, 1):
            if node.fixed(index):
                constant, shape = node.numbers(index), node.shape(1 - index)
                result = _broadcast(node, constant.shape, shape)
                return ConvertedNode(Arithmetic(work, constant, constant_first=index == 0), result)
        left, right = node.shape(0), node.shape(1)
        if len(left) != len(right):
            raise node.unknown(f"is given {left} and {right} an image")
        return ConvertedNode(Arithmetic(work), _broadcast(node, (1, *left), right))

    return read


def _broadcast(node: Node, constant: Shape, shape: Shape) -> Shape:
    """One image's shape after a constant of that shape, which must leave the batch alone."""
    rank = len(shape) + 1
    if len(constant) > rank or (len(constant) == rank and constant[0] != 1):
        raise node.unknown(f"has a constant of shape {constant} for {shape} an image")
    try:
        _, *result = np.broadcast_shapes(constant, (1, *shape))
    except ValueError as error:
        raise node.unknown(f"has a constant of shape {constant} for {shape} an image") from error
    return tuple(result)


def _average_pool(node: Node) -> ConvertedNode:
    window = _pool_window(node)
    counted = bool(node.take("count_include_pad", 0))
    if window.dilations != (1, 1) or not (counted or window.suits_pools):
        raise node.unknown(f"has dilations = {window.dilations}, pads = {window.pads}")
    pads = window.pads[:2] if window.suits_pools else 0
    pool = nn.AvgPool2d(window.kernel, window.strides, pads, count_include_pad=counted)
    return _pooled(node, window, pool, 0.0)


def _max_pool(node: Node) -> ConvertedNode:
    node.take("storage_order")
    window = _pool_window(node)
    pads = window.pads[:2] if window.suits_pools else 0
    pool = nn.MaxPool2d(window.kernel, window.strides, pads, window.dilations)
    return _pooled(node, window, pool, -inf)


def _pool_window(node: Node) -> _Window:
    node.expect("ceil_mode", 0)
    return _Window.of(node, node.take("kernel_shape"))


def _pooled(node: Node, window: _Window, pool: nn.Module, padding: float) -> ConvertedNode:
    module = pool if window.suits_pools else window.padded(pool, padding)
    return ConvertedNode(module, (node.shape()[0], *window.sides))


def _global_average_pool(node: Node) -> ConvertedNode:
    if len(node.shape()) != 3:
        raise node.unknown(f"is given {node.shape()} an image")
    return ConvertedNode(nn.AdaptiveAvgPool2d(1), (node.shape()[0], 1, 1))


def _flatten(node: Node) -> ConvertedNode:
    node.expect("axis", 1, -len(node.shape()))
    return _reshaped((prod(node.shape()),))


def _reshape(node: Node) -> ConvertedNode:
    zero_copies = not node.take("allowzero", 0)
    shape, (first, *rest) = node.shape(), node.sizes(1) or [0]
    sizes = [
        shape[at] if one == 0 and zero_copies and at < len(shape) else one or 0
        for at, one in enumerate(rest)
    ]
    if sizes.count(-1) == 1 and first != -1:
        sizes[sizes.index(-1)] = prod(shape) // (-prod(sizes) or 1)
    # Exporters that trace one image write its batch of one, and then name the input's batch freely.
    traced = first == (node.batch or 1)
    of_the_batch = first in (None, -1) or traced or (first == 0 and zero_copies)
    if not of_the_batch or min(sizes, default=1) < 1 or prod(sizes) != prod(shape):
        raise node.unknown(f"makes {[first, *rest]} of a batch of {shape}")
    return _reshaped(tuple(sizes))


def _squeeze(node: Node) -> ConvertedNode:
    shape = node.shape()
    axes = node.axes(len(shape) + 1)
    if any(axis == 0 or shape[axis - 1] != 1 for axis in axes):
        raise node.unknown(f"takes the axes {axes} out of a batch of {shape}")
    return _reshaped(tuple(size for axis, size in enumerate(shape, 1) if axis not in axes))


def _unsqueeze(node: Node) -> ConvertedNode:
    shape = list(node.shape())
    for axis in _new_axes(node, len(shape) + 1):
        if axis == 0:
            raise node.unknown("puts an axis before the batch")
        shape.insert(axis - 1, 1)
    return _reshaped(tuple(shape))


def _new_axes(node: Node, rank: int) -> list[int]:
    """The axes of an `Unsqueeze`, which count in the shape that it gives."""
    return node.axes(rank + (len(node.integers(1)) if node.has(1) else node.count("axes")))


def _reshaped(shape: Shape) -> ConvertedNode:
    return ConvertedNode(Reshaped(shape), shape)


def _expand(node: Node) -> ConvertedNode:
    shape, (first, *rest) = node.shape(), node.sizes(1) or [None]
    if len(rest) != len(shape) or first not in (None, 1, node.batch) or None in rest:
        raise node.unknown(f"makes {[first, *rest]} of a batch of {shape}")
    result = _broadcast(node, (1, *(one or 0 for one in rest)), shape)
    return ConvertedNode(Expanded(result), result)


def _transpose(node: Node) -> ConvertedNode:
    shape, order = node.shape(), node.take("perm", [])
    if sorted(order) != list(range(len(shape) + 1)) or order[0] != 0:
        raise node.unknown(f"has perm = {order}")
    return ConvertedNode(
        Applied(torch.permute, dims=order), tuple(shape[axis - 1] for axis in order[1:])
    )


def _reduction(work: Callable[..., Tensor]) -> Callable[[Node], ConvertedNode]:
    def read(node: Node) -> ConvertedNode:
        shape = node.shape()
        node.expect("noop_with_empty_axes", 0)
        kept = bool(node.take("keepdims", 1))
        axes = node.axes(len(shape) + 1)
        if 0 in axes:
            raise node.unknown("goes over the batch")
        sizes = [(size if axis not in axes else 1, axis) for axis, size in enumerate(shape, 1)]
        result = tuple(size for size, axis in sizes if kept or axis not in axes)
        return ConvertedNode(Applied(work, dim=tuple(axes), keepdim=kept), result)

    return read


def _power(node: Node) -> ConvertedNode:
    return ConvertedNode(Applied(torch.pow, exponent=node.number(1)), node.shape())


def _lp_normalization(node: Node) -> ConvertedNode:
    rank, power, axis = len(node.shape()) + 1, node.take("p", 2), node.take("axis", -1)
    if power not in (1, 2) or not -rank < axis < rank or axis == 0:
        raise node.unknown(f"has p = {power}, axis = {axis}")
    tiny = float(np.finfo(np.float32).tiny)
    return ConvertedNode(Applied(functional.normalize, p=power, dim=axis, eps=tiny), node.shape())


def _dropout(node: Node) -> ConvertedNode:
    node.take("ratio")
    node.take("seed")
    if node.has(2) and node.constant(2).any():
        raise node.unknown("is training")
    return _unchanged(node)


def _cast(node: Node) -> ConvertedNode:
    node.expect("to", TensorProto.FLOAT)
    node.take("saturate")
    return _unchanged(node)


def _unchanged(node: Node) -> ConvertedNode:
    return ConvertedNode(None, node.shape())


def _activation(module: Callable[[Node], nn.Module]) -> Callable[[Node], ConvertedNode]:
    return lambda node: ConvertedNode(module(node), node.shape())


ON_FEATURES: Mapping[str, Callable[[Node], ConvertedNode]] = {
    "Add": _arithmetic(operator.add),
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Clip": _clip,
    "Conv": _conv,
    "Div": _arithmetic(operator.truediv),
    "Dropout": _dropout,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": _global_average_pool,
    "Identity": _unchanged,
    "LeakyRelu": _activation(lambda node: nn.LeakyReLU(node.take("alpha", 0.01))),
    "LpNormalization": _lp_normalization,
    "MatMul": _matmul,
    "MaxPool": _max_pool,
    "Mul": _arithmetic(operator.mul),
    "PRelu": _prelu,
    "Pow": _power,
    "Reciprocal": _activation(lambda _: Applied(torch.reciprocal)),
    "ReduceL2": _reduction(torch.linalg.vector_norm),
    "ReduceMean": _reduction(torch.mean),
    "Relu": _activation(lambda _: nn.ReLU()),
    "Reshape": _reshape,
    "Sigmoid": _activation(lambda _: nn.Sigmoid()),
    "Sqrt": _activation(lambda _: Applied(torch.sqrt)),
    "Squeeze": _squeeze,
    "Sub": _arithmetic(operator.sub),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
"""Operators on values that depend on the images."""


def _constant(node: Node) -> Array:
    for name, kind in (("value_float", np.float32), ("value_int", np.int64)):
        for attribute in (name, f"{name}s"):
            if (given := node.take(attribute)) is not None:
                return np.array(given, kind)
    value = node.take("value")
    if value is None:
        raise node.unknown("has no numbers")
    return np.asarray(numpy_helper.to_array(value))


def _shape(node: Node) -> Array:
    sizes = np.array([None, *node.shape()], dtype=object)
    return sizes[node.take("start", 0) : node.take("end", len(sizes))]


def _cast_constant(node: Node) -> Array:
    array, kind = node.constant(0), helper.tensor_dtype_to_np_dtype(node.take("to"))
    node.take("saturate")
    if array.dtype == object and kind == np.int64:
        return array
    if array.dtype == object or kind not in (np.float32, np.int64):
        raise node.unknown(f"makes {kind} of {array.dtype}")
    return array.astype(kind)


def _gather(node: Node) -> Array:
    array, axis = node.constant(0), node.take("axis", 0)
    indices = node.constant(1)
    return np.asarray(np.take(array, indices, axis), array.dtype)


def _concat(node: Node) -> Array:
    arrays = [node.constant(index) for index in range(len(node.inputs))]
    return np.concatenate(arrays, node.take("axis"))


ON_CONSTANTS: Mapping[str, Callable[[Node], Array]] = {
    "Cast": _cast_constant,
    "Concat": _concat,
    "Constant": _constant,
    "Gather": _gather,
    "Identity": lambda node: node.constant(0),
    "Shape": _shape,
    "Squeeze": lambda node: np.squeeze(node.constant(0), tuple(node.axes(node.constant(0).ndim))),
    "Unsqueeze": lambda node: np.expand_dims(
        node.constant(0), tuple(_new_axes(node, node.constant(0).ndim))
    ),
}
"""Operators on constants: what comes between a shape, or weights, and where they are used."""
