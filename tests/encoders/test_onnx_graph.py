from __future__ import annotations

import logging
import warnings
import weakref
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from gestalt_space.encoders.iresnet import IResNet, randomised
from gestalt_space.encoders.onnx_graph import GraphNetwork, read_graph
from gestalt_space.errors import GestaltError, GraphUnknown, ModelDamaged
from gestalt_space.faces.alignment import align
from gestalt_space.faces.photos import read_photo
from gestalt_space.faces.yunet import YunetDetector
from tests.encoders.graphs import (
    Array,
    as_insightface,
    by_runtime,
    by_torch,
    least_cosine,
    random_images,
    saved,
)

Nodes = Sequence[tuple[str, Sequence[str], dict[str, Any]]]
"""Operator, inputs, attributes; each gives `v0`, `v1`, … by its place, and the last the output."""
SHAPE = (6, 9, 8)


def made(
    path: Path,
    nodes: Nodes,
    constants: dict[str, Array] | None = None,
    *,
    shape: Sequence[int | str] = ("n", *SHAPE),
    opset: int = 17,
    names: Callable[[int], str] = lambda number: f"node_{number}",
) -> Path:
    """A graph of a few nodes with the input `x`."""
    protos = [
        helper.make_node(kind, list(inputs), [f"v{number}"], name=names(number), **attributes)
        for number, (kind, inputs, attributes) in enumerate(nodes)
    ]
    return saved(
        path, protos, constants or {}, shape=shape, output=f"v{len(nodes) - 1}", opset=opset
    )


def numbers(*shape: int, seed: int = 5, low: float = -1.0, high: float = 1.0) -> Array:
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


def whole(*values: int) -> Array:
    return np.array(values, np.int64)


def norm_constants(channels: int, prefix: str = "", seed: int = 0) -> dict[str, Array]:
    return {
        f"{prefix}gain": numbers(channels, seed=seed + 1, low=0.5),
        f"{prefix}shift": numbers(channels, seed=seed + 2),
        f"{prefix}mean": numbers(channels, seed=seed + 3),
        f"{prefix}variance": numbers(channels, seed=seed + 4, low=0.5, high=2.0),
    }


def norm_inputs(before: str, prefix: str = "") -> list[str]:
    return [before, *(f"{prefix}{one}" for one in ("gain", "shift", "mean", "variance"))]


# ---------------------------------------------------------------------------- whole networks


@pytest.fixture(scope="module")
def mobilefacenet(shared: Path) -> GraphNetwork:
    return read_graph(shared / "models" / "arcface-mbf" / "mobilefacenet.onnx")


@pytest.fixture(scope="module")
def iresnet18() -> IResNet:
    network = randomised(IResNet("iresnet18"), seed=2)
    assert isinstance(network, IResNet)
    return network


@pytest.fixture(scope="module")
def insightface_file(tmp_path_factory: pytest.TempPathFactory, iresnet18: IResNet) -> Path:
    return as_insightface(tmp_path_factory.mktemp("iresnet") / "r18.onnx", iresnet18)


@pytest.mark.shared
@pytest.mark.parametrize("count", [1, 5])
def test_the_real_mobilefacenet_agrees_with_onnx_runtime(
    shared: Path, mobilefacenet: GraphNetwork, count: int
):
    images = random_images(count, (3, 112, 112))
    theirs = by_runtime(shared / "models" / "arcface-mbf" / "mobilefacenet.onnx", images)
    assert least_cosine(by_torch(mobilefacenet, images), theirs) >= 0.99999


@pytest.mark.shared
def test_the_real_mobilefacenet_is_ordinary_modules_with_its_norms_folded(
    mobilefacenet: GraphNetwork,
):
    kinds = {type(part) for part in mobilefacenet.parts.values()}
    assert {nn.Conv2d, nn.PReLU, nn.Linear} <= kinds
    assert nn.BatchNorm2d not in kinds
    assert nn.BatchNorm1d not in kinds
    assert (mobilefacenet.input_shape, mobilefacenet.output_shape) == ((3, 112, 112), (128,))
    assert "parts.conv_1_conv2d_o.weight" in mobilefacenet.state_dict()


@pytest.mark.shared
def test_the_real_mobilefacenet_in_bfloat16_stays_near_float32_on_real_faces(
    shared: Path, mobilefacenet: GraphNetwork
):
    detector = YunetDetector(shared / "models" / "yunet_n.onnx")
    with zipfile.ZipFile(shared / "data" / "utkface.zip") as archive:
        names = [one for one in sorted(archive.namelist()) if one.endswith(".jpg")][::4000]
        photos = [read_photo(archive.read(name)) for name in names]
    crops = [
        align(photo.pixels, found[0].landmarks)
        for photo in photos
        if (found := detector.find(photo))
    ]
    assert len(crops) >= 4
    images = np.stack(crops).transpose(0, 3, 1, 2).astype(np.float32)
    exact = by_torch(mobilefacenet, images)
    half = read_graph(shared / "models" / "arcface-mbf" / "mobilefacenet.onnx").to(torch.bfloat16)
    with torch.inference_mode():
        rounded = half(torch.from_numpy(images).to(torch.bfloat16)).float().numpy()
    assert least_cosine(rounded, exact) >= 0.999


@pytest.mark.parametrize("count", [1, 5])
def test_insightfaces_layout_agrees_with_onnx_runtime_and_bears_any_batch(
    insightface_file: Path, iresnet18: IResNet, count: int
):
    images = (random_images(count, (3, 112, 112)) - 127.5) / 127.5
    ours = by_torch(read_graph(insightface_file), images)
    assert least_cosine(ours, by_runtime(insightface_file, images)) >= 0.99999
    assert least_cosine(ours, by_torch(iresnet18, images)) >= 0.99999


def test_in_insightfaces_layout_only_the_norms_before_convolutions_remain(insightface_file: Path):
    network = read_graph(insightface_file)
    norms = [name for name, part in network.parts.items() if isinstance(part, nn.BatchNorm2d)]
    assert len(norms) == 8 + 1
    assert not any(isinstance(part, nn.BatchNorm1d) for part in network.parts.values())
    assert {"parts.Conv_0.weight", "parts.PRelu_1.weight"} <= set(network.state_dict())


@pytest.mark.parametrize("dynamo", [False, True])
def test_torchs_exports_agree_with_onnx_runtime(tmp_path: Path, iresnet18: IResNet, dynamo: bool):
    path = tmp_path / "exported.onnx"
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporters warn of themselves
        exported(iresnet18, path, dynamo=dynamo)
    network = read_graph(path)
    for count in (1, 5):
        images = (random_images(count, (3, 112, 112)) - 127.5) / 127.5
        theirs = by_runtime(path, images)
        assert least_cosine(by_torch(network, images), theirs) >= 0.99999


def exported(network: nn.Module, path: Path, *, dynamo: bool, shape: Sequence[int] = (3, 112, 112)):
    options: dict[str, Any] = {"dynamic_axes": {"x": {0: "n"}}, "opset_version": 11}
    if dynamo:
        options = {
            "dynamic_shapes": ({0: torch.export.Dim("n")},),
            "external_data": False,
            "verbose": False,
        }
    images = torch.zeros(2, *shape)
    torch.onnx.export(network, (images,), str(path), input_names=["x"], dynamo=dynamo, **options)


# ------------------------------------------------------------------------------- operators

CONVOLVED: dict[str, Array] = {"w": numbers(4, 6, 3, 3), "b": numbers(4)}
FLAT = int(np.prod(SHAPE))
GRAPHS: dict[str, tuple[Nodes, dict[str, Array], int]] = {
    "a convolution with everything": (
        [("Conv", ["x", "w", "b"], {"strides": [2, 1], "pads": [1, 2, 1, 2], "dilations": [1, 2]})],
        CONVOLVED,
        11,
    ),
    "a convolution of groups, padded on one side": (
        [("Conv", ["x", "w"], {"group": 3, "pads": [0, 1, 2, 0]})],
        {"w": numbers(9, 2, 3, 3)},
        11,
    ),
    "a norm behind a padded convolution": (
        [
            ("Conv", ["x", "w"], {"pads": [0, 1, 2, 0]}),
            ("BatchNormalization", norm_inputs("v0"), {"epsilon": 1e-3}),
        ],
        {"w": CONVOLVED["w"], **norm_constants(4)},
        14,
    ),
    "a norm behind a convolution that something else needs, too": (
        [
            ("Conv", ["x", "w", "b"], {}),
            ("BatchNormalization", norm_inputs("v0"), {}),
            ("Add", ["v0", "v1"], {}),
        ],
        {**CONVOLVED, **norm_constants(4)},
        9,
    ),
    "a norm before a padded convolution": (
        [
            ("BatchNormalization", norm_inputs("x"), {}),
            ("Conv", ["v0", "w", "b"], {"pads": [1, 1, 1, 1]}),
        ],
        {**CONVOLVED, **norm_constants(6)},
        9,
    ),
    "images prepared by the graph": (
        [
            ("Sub", ["x", "mean"], {}),
            ("Mul", ["v0", "scale"], {}),
            ("Conv", ["v1", "w", "b"], {}),
        ],
        {
            **CONVOLVED,
            "mean": np.array(127.5, np.float32),
            "scale": np.array([0.0078125], np.float32),
        },
        13,
    ),
    "slopes of channels, and one for all": (
        [("PRelu", ["x", "many"], {}), ("PRelu", ["v0", "one"], {})],
        {"many": numbers(6, 1, 1), "one": numbers(1)},
        11,
    ),
    "activations": (
        [
            ("Sub", ["x", "c"], {}),
            ("LeakyRelu", ["v0"], {"alpha": 0.2}),
            ("Clip", ["v1", "", "high"], {}),
            ("Sigmoid", ["v2"], {}),
            ("Relu", ["v3"], {}),
        ],
        {"c": np.array(128, np.float32), "high": np.array(6, np.float32)},
        13,
    ),
    "a clip of old": ([("Clip", ["x"], {"min": 20.0, "max": 90.0})], {}, 7),
    "constants on either side, of channels": (
        [("Div", ["c", "x"], {}), ("Sub", ["c", "v0"], {}), ("Mul", ["v1", "d"], {})],
        {"c": numbers(6, 1, 1, low=1, high=2), "d": numbers(1, 6, 1, 8)},
        14,
    ),
    "squeeze and excite": (
        [
            ("GlobalAveragePool", ["x"], {}),
            ("Conv", ["v0", "w"], {}),
            ("Sigmoid", ["v1"], {}),
            ("Mul", ["x", "v2"], {}),
        ],
        {"w": numbers(6, 6, 1, 1, low=-0.01, high=0.01)},
        13,
    ),
    "pools": (
        [
            ("MaxPool", ["x"], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
            ("AveragePool", ["v0"], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
            ("MaxPool", ["v1"], {"kernel_shape": [2, 2], "pads": [1, 0, 0, 1]}),
            (
                "AveragePool",
                ["v2"],
                {"kernel_shape": [2, 2], "pads": [0, 0, 1, 1], "count_include_pad": 1},
            ),
        ],
        {},
        11,
    ),
    "light and contrast taken away": (
        [
            ("ReduceMean", ["x"], {"axes": [2, 3], "keepdims": 1}),
            ("Sub", ["x", "v0"], {}),
            ("Pow", ["v1", "two"], {}),
            ("ReduceMean", ["v2"], {"axes": [2, 3], "keepdims": 1}),
            ("Sqrt", ["v3"], {}),
            ("Reciprocal", ["v4"], {}),
            ("Mul", ["v1", "v5"], {}),
        ],
        {"two": np.array(2, np.float32)},
        13,
    ),
    "a matrix, its norm, and unit length": (
        [
            ("Dropout", ["x"], {}),
            ("Flatten", ["v0"], {"axis": -3}),
            ("Gemm", ["v1", "w", "b"], {"transB": 1, "alpha": 0.01, "beta": 2.0}),
            ("BatchNormalization", norm_inputs("v2"), {}),
            ("ReduceL2", ["v3"], {"axes": [1], "keepdims": 1}),
            ("Div", ["v3", "v4"], {}),
        ],
        {"w": numbers(5, FLAT), "b": numbers(1, 5), **norm_constants(5)},
        13,
    ),
    "a matrix without bias, and unit length by one operator": (
        [
            ("Flatten", ["x"], {}),
            ("Identity", ["v0"], {}),
            ("MatMul", ["v1", "w"], {}),
            ("Add", ["v2", "b"], {}),
            ("LpNormalization", ["v3"], {"axis": 1, "p": 2}),
        ],
        {"w": numbers(FLAT, 5), "b": numbers(5)},
        13,
    ),
    "torch's own normalize": (
        [
            ("Flatten", ["x"], {}),
            ("ReduceL2", ["v0", "last"], {"keepdims": 1}),
            ("Clip", ["v1", "least"], {}),
            ("Shape", ["v0"], {}),
            ("Expand", ["v2", "v3"], {}),
            ("Div", ["v0", "v4"], {}),
        ],
        {"last": whole(-1), "least": np.array(1e-12, np.float32)},
        18,
    ),
    "a flatten by the batch's size": (
        [
            ("Shape", ["x"], {}),
            ("Constant", [], {"value": numpy_helper.from_array(np.array(0, np.int64))}),
            ("Gather", ["v0", "v1"], {"axis": 0}),
            ("Unsqueeze", ["v2", "first"], {}),
            ("Concat", ["v3", "rest"], {"axis": 0}),
            ("Cast", ["v4"], {"to": TensorProto.INT64}),
            ("Reshape", ["x", "v5"], {}),
        ],
        {"first": whole(0), "rest": whole(-1)},
        13,
    ),
    "reshapes": (
        [
            ("Reshape", ["x", "halves"], {}),
            ("Transpose", ["v0"], {"perm": [0, 2, 1, 3]}),
            ("Unsqueeze", ["v1", "axes"], {}),
            ("Squeeze", ["v2", "axes"], {}),
            ("Cast", ["v3"], {"to": TensorProto.FLOAT}),
            ("Reshape", ["v4", "flat"], {}),
        ],
        {"halves": whole(0, 0, 18, -1), "axes": whole(-1, 1), "flat": whole(-1, FLAT)},
        13,
    ),
    "axes as attributes": (
        [
            ("Unsqueeze", ["x"], {"axes": [4]}),
            ("Squeeze", ["v0"], {"axes": [4]}),
            ("Relu", ["v1"], {}),
        ],
        {},
        11,
    ),
    "weights on a detour": (
        [
            ("Identity", ["slopes"], {}),
            ("Unsqueeze", ["v0", "axes"], {}),
            ("PRelu", ["x", "v1"], {}),
            ("Sigmoid", ["v2"], {}),
        ],
        {"slopes": numbers(6), "axes": whole(1, 2)},
        13,
    ),
}


@pytest.mark.parametrize("what", GRAPHS)
def test_every_operator_agrees_with_onnx_runtime(tmp_path: Path, what: str):
    nodes, constants, opset = GRAPHS[what]
    path = made(tmp_path / "graph.onnx", nodes, constants, opset=opset)
    network = read_graph(path)
    for count in (1, 5):
        images = random_images(count, SHAPE) - 100
        ours, theirs = by_torch(network, images), by_runtime(path, images)
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-6 * np.abs(theirs).max())
        assert ours.shape == (count, *network.output_shape)


@pytest.mark.parametrize("seed", range(12))
def test_random_graphs_agree_with_onnx_runtime(tmp_path: Path, seed: int):
    rng = np.random.default_rng(seed)
    nodes: list[tuple[str, Sequence[str], dict[str, Any]]] = []
    constants: dict[str, Array] = {"one": numbers(1, seed=seed)}
    widths = {"x": SHAPE[0]}
    for number in range(int(rng.integers(4, 12))):
        before, into = list(widths.items())[-1]
        kind = str(rng.choice(["Conv", "BatchNormalization", "PRelu", "Add", "Mul", "Relu"]))
        inputs, attributes, out = [before], {}, into
        if kind == "Conv":
            groups, size = int(rng.choice([1, 2, 3])), int(rng.choice([1, 3]))
            out = int(rng.choice([into, 12]))
            constants[f"w{number}"] = numbers(out, into // groups, size, size, seed=seed + number)
            inputs = [before, f"w{number}"]
            attributes = {"group": groups, "pads": [size // 2] * 4}
        elif kind == "BatchNormalization":
            constants |= norm_constants(into, f"c{number}", seed + number)
            inputs = norm_inputs(before, f"c{number}")
        elif kind == "PRelu":
            constants[f"s{number}"] = numbers(into, 1, 1, seed=seed + number)
            inputs = [before, f"s{number}"]
        elif kind in ("Add", "Mul"):
            alike = [name for name, width in widths.items() if width == into]
            inputs = [before, str(rng.choice([*alike, "one"]))]
        nodes.append((kind, inputs, attributes))
        widths[f"v{number}"] = out
    path = made(tmp_path / "graph.onnx", nodes, constants)
    images = random_images(3, SHAPE, seed) / 255
    ours, theirs = by_torch(read_graph(path), images), by_runtime(path, images)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6 * np.abs(theirs).max())


@pytest.mark.parametrize("shape", [(1, FLAT), (1, -1), (0, -1), (-1, FLAT)])
def test_a_flatten_of_a_file_fixed_to_one_image_bears_any_batch(
    tmp_path: Path, shape: tuple[int, int]
):
    path = made(
        tmp_path / "graph.onnx",
        [("Reshape", ["x", "flat"], {}), ("MatMul", ["v0", "w"], {})],
        {"flat": whole(*shape), "w": numbers(FLAT, 4)},
        shape=[1, *SHAPE],
    )
    images = random_images(5, SHAPE)
    assert least_cosine(by_torch(read_graph(path), images), by_runtime(path, images)) >= 0.99999


# ---------------------------------------------------------------------- the network itself


@pytest.fixture
def small(tmp_path: Path) -> Path:
    nodes, constants, opset = GRAPHS["images prepared by the graph"]
    return made(
        tmp_path / "small.onnx",
        [
            *nodes,
            ("BatchNormalization", norm_inputs("v2", "norm."), {}),
            ("PRelu", ["v3", "slope"], {}),
            ("Flatten", ["v4"], {}),
        ],
        {**constants, **norm_constants(4, "norm."), "slope": numbers(4, 1, 1)},
        opset=opset,
    )


def test_a_network_compiles_as_one_piece(small: Path):
    network = read_graph(small)
    images = random_images(2, SHAPE)
    compiled = torch.compile(network, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(
        torch.from_numpy(by_torch(compiled, images)), torch.from_numpy(by_torch(network, images))
    )


def test_a_network_is_exported_to_onnx_again(small: Path, tmp_path: Path):
    network = read_graph(small)
    again = tmp_path / "again.onnx"
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporters warn of themselves
        exported(network, again, dynamo=True, shape=SHAPE)
    images = random_images(3, SHAPE)
    assert least_cosine(by_runtime(again, images), by_torch(network, images)) >= 0.99999
    assert least_cosine(by_torch(read_graph(again), images), by_torch(network, images)) >= 0.99999


def test_a_network_gives_the_same_in_channels_last(small: Path):
    network = read_graph(small)
    images = random_images(2, SHAPE)
    usual = by_torch(network, images)
    network.to(memory_format=torch.channels_last)
    with torch.inference_mode():
        last = network(torch.from_numpy(images).to(memory_format=torch.channels_last))
    np.testing.assert_allclose(last.numpy(), usual, rtol=1e-4, atol=1e-4)


def test_images_are_prepared_in_bfloat16_as_in_float32(tmp_path: Path):
    path = made(
        tmp_path / "graph.onnx",
        [("Sub", ["x", "mean"], {}), ("Mul", ["v0", "scale"], {})],
        {"mean": np.array(127.5, np.float32), "scale": np.array(0.017, np.float32)},
        shape=["n", 1, 16, 16],
    )
    network = read_graph(path)
    pixels = torch.arange(256, dtype=torch.float32).reshape(1, 1, 16, 16)
    halved = read_graph(path).to(torch.bfloat16)(pixels.to(torch.bfloat16))
    assert torch.equal(halved, network(pixels).to(torch.bfloat16))


def test_a_network_is_float32_in_evaluation_and_keeps_its_parameters_names(small: Path):
    network = read_graph(small)
    assert not network.training
    assert {one.dtype for one in network.parameters()} == {torch.float32}
    assert list(network.state_dict()) == [
        "parts.node_2.weight",
        "parts.node_2.bias",
        "parts.node_4.weight",
    ]
    other = read_graph(small)
    other.load_state_dict(network.state_dict())


def test_names_that_torch_cannot_use_are_changed_and_stay_apart(tmp_path: Path):
    names = ["/layer.1/Relu", "layer_1_Relu", "keys", ""]
    path = made(
        tmp_path / "graph.onnx",
        [(kind, [f"v{at - 1}" if at else "x"], {}) for at, kind in enumerate(["Relu"] * 4)],
        names=lambda number: names[number],
    )
    assert list(read_graph(path).parts) == ["layer_1_Relu", "layer_1_Relu_2", "keys_2", "v3"]


def test_tensors_are_let_go_when_they_are_no_longer_needed(small: Path):
    network = read_graph(small)
    alive: list[int] = []
    made_before: list[Any] = []

    def look(part: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        made_before.append(weakref.ref(output))
        alive.append(sum(one() is not None for one in made_before))

    for part in network.parts.values():
        part.register_forward_hook(look)
    by_torch(network, random_images(1, SHAPE))
    assert max(alive) <= 2


def test_what_the_output_does_not_need_is_left_out(tmp_path: Path):
    nodes = [("Conv", ["x", "w"], {}), ("Relu", ["x"], {})]
    path = made(tmp_path / "graph.onnx", nodes, {"w": CONVOLVED["w"]})
    assert list(read_graph(path).parts) == ["node_1"]


# -------------------------------------------------------------------------------- refusals

REFUSED: dict[str, tuple[Nodes, dict[str, Array], str]] = {
    "an unknown operator": ([("Softmax", ["x"], {})], {}, "operator Softmax is not known"),
    "a foreign domain": (
        [("Relu", ["x"], {"domain": "com.example"})],
        {},
        "operator com.example.Relu is not known",
    ),
    "an attribute of no meaning": ([("Relu", ["x"], {"slope": 0.1})], {}, "attribute: slope"),
    "an attribute of another kind": (
        [("Conv", ["x", "w"], {"strides": 2})],
        CONVOLVED,
        "attribute type",
    ),
    "padding by rule": (
        [("Conv", ["x", "w"], {"auto_pad": "SAME_UPPER"})],
        CONVOLVED,
        "auto_pad = SAME_UPPER",
    ),
    "a negative padding": ([("Conv", ["x", "w"], {"pads": [-1, 0, 0, 0]})], CONVOLVED, "pads"),
    "weights for other channels": (
        [("Conv", ["x", "w"], {"group": 3})],
        CONVOLVED,
        "groups of 6 and 4 channels",
    ),
    "a kernel larger than the picture": (
        [("Conv", ["x", "w"], {"dilations": [9, 9]})],
        CONVOLVED,
        "larger than the picture",
    ),
    "weights that are computed": ([("Conv", ["x", "x"], {})], {}, "no constant as its input 1"),
    "weights of half precision": (
        [("Conv", ["x", "w"], {})],
        {"w": CONVOLVED["w"].astype(np.float16)},
        "float16",
    ),
    "a slope that is computed": (
        [("Relu", ["x"], {}), ("PRelu", ["x", "v0"], {})],
        {},
        "no constant as its input 1",
    ),
    "slopes along the width": (
        [("PRelu", ["x", "s"], {})],
        {"s": numbers(8)},
        r"shape \(1, 1, 1, 8\)",
    ),
    "a norm that is training": (
        [("BatchNormalization", norm_inputs("x"), {"training_mode": 1})],
        norm_constants(6),
        "training_mode = 1",
    ),
    "a dropout that is training": (
        [("Dropout", ["x", "ratio", "training"], {})],
        {"ratio": np.array(0.5, np.float32), "training": np.array(True)},
        "is training",
    ),
    "a flatten that mixes images": ([("Flatten", ["x"], {"axis": 0})], {}, "axis = 0"),
    "a reshape that mixes images": (
        [("Reshape", ["x", "s"], {})],
        {"s": whole(-1, SHAPE[-1])},
        r"makes \[-1, 8\]",
    ),
    "a reshape to what is computed": (
        [("Cast", ["x"], {"to": TensorProto.INT64}), ("Reshape", ["x", "v0"], {})],
        {},
        "to = 7",
    ),
    "a reshape by the wrong axis": (
        [("Shape", ["x"], {}), ("Gather", ["v0", "at"], {}), ("Reshape", ["x", "v1"], {})],
        {"at": whole(1, 0)},
        "makes",
    ),
    "a transposed batch": ([("Transpose", ["x"], {"perm": [1, 0, 2, 3]})], {}, "perm"),
    "a matrix that takes the batch": (
        [("Flatten", ["x"], {}), ("Gemm", ["v0", "w"], {"transA": 1})],
        {"w": numbers(5, 7)},
        "transA = 1",
    ),
    "a bias for each image": (
        [("Flatten", ["x"], {}), ("Gemm", ["v0", "w", "b"], {})],
        {"w": numbers(FLAT, 5), "b": numbers(5, 1)},
        "adds an array",
    ),
    "a constant for each image": (
        [("Add", ["x", "c"], {})],
        {"c": numbers(4, 6, 1, 1)},
        r"constant of shape \(4, 6, 1, 1\)",
    ),
    "a norm over the batch": ([("ReduceL2", ["x"], {"axes": [0, 1]})], {}, "goes over the batch"),
    "a norm over everything": ([("ReduceL2", ["x"], {})], {}, "axes"),
    "a squeezed batch": ([("Squeeze", ["x"], {})], {}, "axes"),
    "an average of uncounted padding": (
        [("AveragePool", ["x"], {"kernel_shape": [2, 2], "pads": [0, 0, 1, 1]})],
        {},
        r"pads = \(0, 0, 1, 1\)",
    ),
    "a pool that rounds up": (
        [("MaxPool", ["x"], {"kernel_shape": [2, 2], "ceil_mode": 1})],
        {},
        "ceil_mode = 1",
    ),
    "a value from nowhere": ([("Relu", ["y"], {})], {}, "not known for inputs of this kind"),
    "an output without the images": (
        [("Constant", [], {"value_float": 1.0})],
        {},
        "does not depend on its input",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_understood_is_refused_with_the_reason(tmp_path: Path, what: str):
    nodes, constants, reason = REFUSED[what]
    opset = 18 if what == "a squeezed batch" else 16
    path = made(tmp_path / "odd.onnx", nodes, constants, opset=opset)
    with pytest.raises(GraphUnknown, match=reason) as caught:
        read_graph(path)
    assert isinstance(caught.value, GestaltError)
    assert caught.value.message.startswith("The graph of odd.onnx cannot be converted to torch: ")
    assert "cannot be converted to torch" in caught.value.message
    assert "ONNX Runtime" in caught.value.hint


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"opset": 6}, "version 6"),
        ({"opset": 99}, "version 99"),
        ({"shape": ["n", 6, "height", 8]}, "known size"),
        ({"shape": ["n", 6]}, "known size"),
        ({"shape": []}, "known size"),
    ],
)
def test_graphs_of_another_kind_are_refused(tmp_path: Path, change: dict[str, Any], reason: str):
    path = made(tmp_path / "odd.onnx", [("Relu", ["x"], {})], **change)
    with pytest.raises(GraphUnknown, match=reason):
        read_graph(path)


def test_a_second_output_and_a_reshape_to_one_of_four_images_are_refused(tmp_path: Path):
    path = made(tmp_path / "odd.onnx", [("Relu", ["x"], {}), ("Relu", ["v0"], {})])
    model = onnx.load(str(path))
    model.graph.output.append(helper.make_tensor_value_info("v0", TensorProto.FLOAT, None))
    onnx.save(model, str(path))
    with pytest.raises(GraphUnknown, match="1 inputs and 2 outputs"):
        read_graph(path)
    fixed = made(
        tmp_path / "four.onnx",
        [("Reshape", ["x", "s"], {})],
        {"s": whole(1, -1)},
        shape=[4, *SHAPE],
    )
    with pytest.raises(GraphUnknown, match="makes"):
        read_graph(fixed)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_file_that_was_cut_off_is_damaged(small: Path, share: float):
    whole_file = small.read_bytes()
    small.write_bytes(whole_file[: int(len(whole_file) * share)])
    with pytest.raises(ModelDamaged, match=r"small\.onnx is not a complete ONNX file"):
        read_graph(small)


def test_what_is_no_onnx_or_is_not_there_is_damaged(tmp_path: Path):
    for content in (b"\x89PNG\r\n\x1a\n", b"a text of some length\n" * 9):
        (tmp_path / "no.onnx").write_bytes(content)
        with pytest.raises(ModelDamaged):
            read_graph(tmp_path / "no.onnx")
    with pytest.raises(ModelDamaged):
        read_graph(tmp_path / "absent.onnx")


def test_a_file_without_its_external_data_is_damaged(small: Path, tmp_path: Path):
    path = tmp_path / "outside" / "model.onnx"
    path.parent.mkdir()
    onnx.save(
        onnx.load(str(small)),
        str(path),
        save_as_external_data=True,
        location="model.data",
        size_threshold=0,
    )
    assert read_graph(path).output_shape == read_graph(small).output_shape
    (path.parent / "model.data").unlink()
    with pytest.raises(ModelDamaged):
        read_graph(path)
