"""ONNX graphs that tests make, and what runs them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper
from torch import nn

from gestalt_space.encoders.iresnet import IResNet

Array = NDArray[Any]


def saved(
    path: Path,
    nodes: Sequence[NodeProto],
    constants: dict[str, Array],
    *,
    shape: Sequence[int | str],
    output: str,
    opset: int,
) -> Path:
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, str(path))
    return path


def by_runtime(path: Path, images: Array) -> Array:
    """What ONNX Runtime makes of images, one at a time where the file is fixed to that."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    step = 1 if entry.shape[0] == 1 else len(images)
    return np.concatenate(
        [
            session.run(None, {entry.name: images[start : start + step]})[0]
            for start in range(0, len(images), step)
        ]
    )


def by_torch(network: nn.Module, images: Array) -> Array:
    with torch.inference_mode():
        return network(torch.from_numpy(images)).numpy()


def least_cosine(ours: Array, theirs: Array) -> float:
    """The least of the images' cosines."""
    assert ours.shape == theirs.shape
    left, right = (one.reshape(len(one), -1).astype(np.float64) for one in (ours, theirs))
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return float(((left * right).sum(axis=1) / lengths).min())


def random_images(count: int, shape: Sequence[int], seed: int = 3) -> Array:
    return np.random.default_rng(seed).uniform(0, 255, (count, *shape)).astype(np.float32)


def as_insightface(path: Path, network: IResNet, *, by_kind: bool = False) -> Path:
    """IResNet node by node as InsightFace's own export lays it out, fixed to a batch of one.

    Nodes are numbered through, or each kind by itself, as in the files of Glint360K.
    """
    nodes: list[NodeProto] = []
    constants: dict[str, Array] = {}

    def add(kind: str, before: Sequence[str], *arrays: Array, **attributes: Any) -> str:
        number = len(nodes)
        names = [f"{number}.{place}" for place in range(len(arrays))]
        constants.update(zip(names, arrays, strict=True))
        count = sum(node.op_type == kind for node in nodes) if by_kind else number
        nodes.append(
            helper.make_node(
                kind, [*before, *names], [f"{number}"], name=f"{kind}_{count}", **attributes
            )
        )
        return f"{number}"

    def convolved(before: str, module: nn.Conv2d) -> str:
        assert module.bias is not None
        return add(
            "Conv",
            [before],
            module.weight.detach().numpy(),
            module.bias.detach().numpy(),
            dilations=[1, 1],
            group=1,
            kernel_shape=list(module.kernel_size),
            pads=[*module.padding, *module.padding],
            strides=list(module.stride),
        )

    def normed(before: str, module: nn.BatchNorm1d | nn.BatchNorm2d) -> str:
        assert module.running_mean is not None
        assert module.running_var is not None
        tensors = (module.weight, module.bias, module.running_mean, module.running_var)
        arrays = [one.detach().numpy() for one in tensors]
        return add("BatchNormalization", [before], *arrays, epsilon=module.eps, momentum=0.9)

    def bent(before: str, module: nn.PReLU) -> str:
        return add("PRelu", [before], module.weight.detach().numpy().reshape(-1, 1, 1))

    value = bent(convolved("x", network.stem), network.bend)
    for block in network.blocks:
        inner = convolved(
            bent(convolved(normed(value, block.norm), block.first), block.bend), block.second
        )
        value = add(
            "Add", [inner, value if block.around is None else convolved(value, block.around)]
        )
    flat = add("Flatten", [normed(value, network.norm)], axis=1)
    weights, bias = network.linear.weight.detach().numpy(), network.linear.bias.detach().numpy()
    features = add("Gemm", [flat], weights, bias, alpha=1.0, beta=1.0, transB=1)
    output = normed(features, network.last_norm)
    return saved(path, nodes, constants, shape=[1, 3, 112, 112], output=output, opset=11)
