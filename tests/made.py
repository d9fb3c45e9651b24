"""Things that tests make for themselves: pictures, models, galleries. Nobody's face is in them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gestalt_space.index.integers import ZERO, Bytes, Whole
from gestalt_space.types import Descriptors, Pixels


def crop(seed: int, size: int = 112) -> Pixels:
    """A smooth random picture `(size, size, 3)` uint8."""
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 7, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC), np.uint8)


def photo_file(path: Path, seed: int, size: int = 112) -> Path:
    """A PNG of `crop(seed)`: with the detector `aligned` it is a photo of one face."""
    # Weakly compressed: tests write thousands of them.
    Image.fromarray(crop(seed, size)).save(path, compress_level=1)
    return path


def unit(rng: np.random.Generator, n: int, d: int) -> Descriptors:
    """`(n, d)` random unit vectors."""
    vectors = rng.standard_normal((n, d)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def whole_products(codes: Bytes, probes: Whole) -> NDArray[np.int32]:
    """The exact products of 8-bit integers, as slowly as any processor can."""
    return ((codes.astype(np.int64) - ZERO) @ probes.astype(np.int64)).astype(np.int32)


def arcface_onnx(
    path: Path,
    *,
    dim: int = 16,
    seed: int = 0,
    size: int = 112,
    batch: int | str = "batch",
    embedded: bool = False,
) -> None:
    """An ArcFace-style network: an average pool to 7 × 7 and one matrix.

    `embedded`: with the `Sub` and `Mul` nodes in front by which InsightFace knows that the graph
    prepares its own input.
    """
    # Here: it would make the processes of many tests start later.
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(seed)
    side = size // 16
    weights = rng.standard_normal((3 * side * side, dim)).astype(np.float32)
    nodes, tensors, entry = [], [numpy_helper.from_array(weights, "weights")], "data"
    if embedded:
        tensors += [
            numpy_helper.from_array(np.array(127.5, np.float32), "mean"),
            numpy_helper.from_array(np.array(1 / 128, np.float32), "scale"),
        ]
        nodes += [
            helper.make_node("Sub", ["data", "mean"], ["shifted"], name="Sub_0"),
            helper.make_node("Mul", ["shifted", "scale"], ["scaled"], name="Mul_1"),
        ]
        entry = "scaled"
    nodes += [
        helper.make_node(
            "AveragePool", [entry], ["pooled"], kernel_shape=[16, 16], strides=[16, 16]
        ),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes,
        "arcface",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, [batch, 3, size, size])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [batch, dim])],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
