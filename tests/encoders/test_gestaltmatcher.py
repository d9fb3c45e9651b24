"""Checkpoints in the published forms, made here with the real onnx2torch, against ours."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx2torch import convert
from torch import Tensor, nn

from gestalt_space.encoders.gestaltmatcher import (
    FaceNet,
    facenet_architecture,
    read_arc,
    read_facenet,
    read_insightface,
)
from gestalt_space.encoders.iresnet import BLOCKS, IResNet, randomised
from gestalt_space.encoders.networks import fill
from gestalt_space.errors import ModelUnsuitable
from gestalt_space.weights.pickles import read_checkpoint

CLASSES = 7
OPSET = 13
State = dict[str, Any]


class Graph:
    """An ONNX graph whose nodes are numbered within their kind, as in the published files."""

    def __init__(self, slope_shape: tuple[int, ...] = (-1, 1, 1)) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        self.slope_shape = slope_shape
        self.counts: Counter[str] = Counter()

    def node(
        self, kind: str, inputs: list[str], arrays: list[Tensor | None], **options: Any
    ) -> str:
        name = f"{kind}_{self.counts[kind]}"
        self.counts[kind] += 1
        for number, array in enumerate(arrays):
            if array is not None:
                key = f"{name}.{number}"
                self.tensors.append(numpy_helper.from_array(array.detach().numpy(), key))
                inputs = [*inputs, key]
        self.nodes.append(helper.make_node(kind, inputs, [f"{name}.out"], name=name, **options))
        return f"{name}.out"

    def conv(self, at: str, conv: nn.Conv2d) -> str:
        side, pad, stride = conv.kernel_size[0], conv.padding[0], conv.stride[0]
        return self.node(
            "Conv",
            [at],
            [conv.weight, conv.bias],
            kernel_shape=[side, side],
            pads=[pad] * 4,
            strides=[stride, stride],
            dilations=[1, 1],
            group=1,
        )

    def norm(self, at: str, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> str:
        arrays = [norm.weight, norm.bias, norm.running_mean, norm.running_var]
        return self.node("BatchNormalization", [at], arrays, epsilon=norm.eps, momentum=0.9)

    def bend(self, at: str, bend: nn.PReLU) -> str:
        return self.node("PRelu", [at], [bend.weight.reshape(self.slope_shape)])


def published_onnx(network: IResNet, *, around_first: bool, trans_b: int) -> onnx.ModelProto:
    """The network node by node, as InsightFace's exporter writes it."""
    graph = Graph()
    at = graph.bend(graph.conv("data", network.stem), network.bend)
    for block in network.blocks:
        around = at
        if block.around is not None and around_first:
            around = graph.conv(at, block.around)
        inner = graph.bend(graph.conv(graph.norm(at, block.norm), block.first), block.bend)
        inner = graph.conv(inner, block.second)
        if block.around is not None and not around_first:
            around = graph.conv(at, block.around)
        at = graph.node("Add", [inner, around], [])
    at = graph.node("Flatten", [graph.norm(at, network.norm)], [], axis=1)
    matrix = network.linear.weight if trans_b else network.linear.weight.T.contiguous()
    at = graph.node(
        "Gemm", [at], [matrix, network.linear.bias], alpha=1.0, beta=1.0, transB=trans_b
    )
    at = graph.norm(at, network.last_norm)
    made = helper.make_graph(
        graph.nodes,
        "published",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, ["n", 3, 112, 112])],
        [helper.make_tensor_value_info(at, TensorProto.FLOAT, ["n", 512])],
        graph.tensors,
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


class Published(nn.Module):
    """As GestaltMatcher-Arc builds it: the graph's last two nodes stand in `features`."""

    def __init__(self, model: onnx.ModelProto) -> None:
        super().__init__()
        self.base = convert(model)
        last = sum(node.op_type == "BatchNormalization" for node in model.graph.node) - 1
        self.features = nn.Sequential()
        for name in ("Gemm_0", f"BatchNormalization_{last}"):
            self.features.add_module(name, self.base.get_submodule(name))
        *_, flat, matrix, norm, output = self.base.graph.nodes
        output.args = (flat,)
        self.base.graph.erase_node(norm)
        self.base.graph.erase_node(matrix)
        self.base.graph.lint()
        self.base.recompile()
        self.base.delete_submodule("Gemm_0")
        self.base.delete_submodule(f"BatchNormalization_{last}")
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(512, CLASSES))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(self.base(images))
        return self.classifier(features), features


def images(count: int = 4, channels: int = 3, side: int = 112) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.rand((count, channels, side, side), generator=generator) * 2 - 1


def least_cosine(ours: Tensor, theirs: Tensor) -> float:
    return float(nn.functional.cosine_similarity(ours.double(), theirs.double()).min())


def filled(network: nn.Module, weights: State) -> nn.Module:
    fill(network, {name: torch.from_numpy(array) for name, array in weights.items()}, "ours")
    return network.eval()


def published(architecture: str, *, around_first: bool = False, trans_b: int = 1) -> Published:
    network = randomised(IResNet(architecture), seed=3)
    model = published_onnx(network, around_first=around_first, trans_b=trans_b)
    return Published(model).eval()


@pytest.fixture(scope="module")
def small() -> Published:
    return published("iresnet18")


@pytest.fixture(scope="module")
def small_state(small: Published) -> State:
    return {name: tensor.numpy() for name, tensor in small.state_dict().items()}


def assert_agrees(module: Published, path: Path, architecture: str) -> None:
    """Our network of the module's checkpoint gives the module's features and classes."""
    torch.save(module, path)
    arc = read_arc(read_checkpoint(path))
    assert arc.architecture == architecture
    network = filled(IResNet(architecture), arc.weights)
    with torch.inference_mode():
        classes, features = module(images())
        ours = network(images())
    assert least_cosine(ours, features) >= 0.99999
    assert arc.classifier_weight.shape == (CLASSES, 512)
    given = ours.numpy() @ arc.classifier_weight.T + arc.classifier_bias
    np.testing.assert_allclose(given, classes, rtol=1e-4, atol=1e-4)


def test_a_whole_pickled_module_gives_what_the_original_gives(small: Published, tmp_path: Path):
    assert "features.BatchNormalization_9.weight" in small.state_dict()
    assert_agrees(small, tmp_path / "s1.pth", "iresnet18")


def test_a_whole_pickled_iresnet50_gives_what_the_original_gives(tmp_path: Path):
    module = published("iresnet50")
    assert "features.BatchNormalization_25.weight" in module.state_dict()
    assert_agrees(module, tmp_path / "s1.pth", "iresnet50")


def test_the_place_of_the_1x1_convolution_and_a_transposed_gemm_change_nothing(tmp_path: Path):
    module = published("iresnet18", around_first=True, trans_b=0)
    assert_agrees(module, tmp_path / "s1.pth", "iresnet18")


def test_a_checkpoint_is_read_without_onnx2torch_and_torch(small: Published, tmp_path: Path):
    torch.save(small, tmp_path / "s1.pth")
    program = (
        "import sys, pathlib; from gestalt_space.weights.pickles import read_checkpoint; "
        f"read_checkpoint(pathlib.Path({str(tmp_path / 's1.pth')!r})); "
        "assert not {'torch', 'onnx2torch', 'tests'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_state_dictionary_is_read_as_the_module_is(
    small: Published, small_state: State, tmp_path: Path
):
    torch.save({"epoch": 3, "state_dict": small.state_dict()}, tmp_path / "s1.pt")
    read = read_checkpoint(tmp_path / "s1.pt")
    assert list(read) == list(small_state)
    assert all(np.array_equal(read[name], small_state[name]) for name in read)


@pytest.mark.parametrize("part", ["slope", "weight"])
def test_slopes_are_found_at_the_prelu_too(small_state: State, part: str):
    state = {}
    for name, array in small_state.items():
        number = name.removeprefix("base.initializers.onnx_initializer_")
        state[f"base.PRelu_{number}.{part}" if number != name else name] = array
    assert f"base.PRelu_0.{part}" in state
    expected, given = read_arc(small_state).weights, read_arc(state).weights
    assert all(np.array_equal(given[name], expected[name]) for name in expected)


def test_a_matrix_that_lies_transposed_is_turned(small_state: State):
    matrix = small_state["features.Gemm_0.weight"]
    arc = read_arc({**small_state, "features.Gemm_0.weight": matrix.T})
    assert np.array_equal(arc.weights["linear.weight"], matrix)


def test_nodes_are_taken_by_number_and_not_by_their_place_in_the_dictionary(small_state: State):
    turned = dict(reversed(small_state.items()))
    expected, given = read_arc(small_state).weights, read_arc(turned).weights
    assert all(np.array_equal(given[name], expected[name]) for name in expected)


def test_numbers_that_count_all_nodes_do_too(small_state: State):
    """As torch numbered nodes before it named them by module: Conv_0, PRelu_1, Conv_3."""
    state = {
        re.sub(r"_(\d+)\.", lambda one: f"_{3 * int(one.group(1)) + 1}.", name): array
        for name, array in small_state.items()
        if not name.startswith("classifier.")
    }
    expected, given = read_arc(small_state).weights, read_arc(state).weights
    assert all(np.array_equal(given[name], expected[name]) for name in expected)


def test_a_checkpoint_without_a_class_layer_is_read(small_state: State):
    arc = read_arc({n: array for n, array in small_state.items() if "classifier" not in n})
    assert (arc.classifier_weight, arc.classifier_bias) == (None, None)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("base.Conv_3.bias", None, r"missing: base\.Conv_3\.bias\.$"),
        ("base.Conv_3.weight", None, r"base\.Conv_3\.weight is missing\.$"),
        ("base.Conv_2.weight", np.zeros((64, 32, 3, 3), "f"), r"Conv_2.weight \(64, 32, 3, 3\) in"),
        ("base.Conv_2.weight", np.zeros((), "f"), r"Conv_2.weight \(\) instead of"),
        ("base.Conv_99.weight", np.zeros((64, 64, 3, 3), "f"), "18 convolutions, .* 17"),
        ("base.Conv_99.weight", np.zeros((64, 64, 1, 1), "f"), "5 convolutions around .* 4"),
        ("base.BatchNormalization_44.weight", np.zeros(8, "f"), "10 norms in `base`, .* 9"),
        ("base.Flatten_0.weight", np.zeros(8, "f"), "not expected: base.Flatten_0.weight"),
        ("base.initializers.onnx_initializer_9", np.zeros(8, "f"), "10 PReLU .* 9 .iresnet18"),
        ("base.initializers.onnx_initializer_3", np.zeros((9, 1, 1), "f"), r"_3 \(9,\) instead"),
        ("features.Gemm_0.weight", np.zeros((512, 5), "f"), r"\(512, 5\) instead of \(512, 25088"),
        ("features.Gemm_0.weight", None, "missing: features.Gemm_0.weight"),
        ("features.Gemm_0.weight", np.zeros((512, 25088), "i1"), "Gemm_0.weight holds int8"),
        ("features.BatchNormalization_9.running_var", None, "missing: features.BatchNorm"),
        ("features.BatchNormalization_8.weight", np.zeros(512, "f"), "2 norms in `features`"),
        ("classifier.1.bias", None, "class layer: missing: classifier.1.bias"),
        ("classifier.1.weight", np.zeros((7, 320), "f"), r"\(7, 320\) instead of \(7, 512\)"),
        ("classifier.2.bias", np.zeros(7, "f"), "not expected: classifier.2.bias"),
    ],
)
def test_an_arc_checkpoint_that_lacks_or_has_more_is_refused(
    small_state: State, name: str, array: Any, message: str
):
    state = {**small_state, name: array}
    if array is None:
        del state[name]
    with pytest.raises(ModelUnsuitable, match=message):
        read_arc(state)


def test_a_dictionary_of_something_else_is_no_arc_checkpoint():
    with pytest.raises(ModelUnsuitable, match=r"0 PReLU layers instead of 9 \(iresnet18\), 17"):
        read_arc({"conv1.weight": np.zeros((64, 3, 7, 7), np.float32)})


class Step(nn.Module):
    def __init__(self, into: int, out: int, act: type[nn.Module]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(into, out, 3, padding=1)
        self.norm = nn.BatchNorm2d(out)
        self.act = act()


class PublishedFaceNet(nn.Module):
    """In the words of Hsieh 2022: a list of layers, run one after the other."""

    def __init__(self, act: type[nn.Module]) -> None:
        super().__init__()
        self.act = act()
        self.pool = nn.MaxPool2d(2, 2, ceil_mode=True)
        widths = [(1, 32), (32, 64), None, (64, 64), (64, 128), None, (128, 96), (96, 192), None]
        widths += [(192, 128), (128, 256), None, (256, 160)]
        self.base = nn.ModuleList(self.pool if one is None else Step(*one, act) for one in widths)
        self.base.append(nn.Conv2d(160, 320, 3, padding=1))
        self.base.append(nn.AvgPool2d(7, stride=1))
        self.classifier = nn.ModuleList([nn.Linear(320, CLASSES)])

    def forward(self, at: Tensor) -> tuple[Tensor, Tensor]:
        for layer in self.base:
            at = layer.act(layer.norm(layer.conv(at))) if isinstance(layer, Step) else layer(at)
        features = at.view(len(at), -1)
        return self.classifier[0](features), features


@pytest.fixture(params=[nn.ReLU, nn.PReLU])
def facenet(request: pytest.FixtureRequest) -> PublishedFaceNet:
    return randomised(PublishedFaceNet(request.param), seed=4)


@torch.inference_mode()
def test_facenet_gives_what_the_published_network_gives(facenet: PublishedFaceNet, tmp_path: Path):
    torch.save(facenet.state_dict(), tmp_path / "casia.pt")
    weights, classifier = read_facenet(read_checkpoint(tmp_path / "casia.pt"))
    network = filled(FaceNet(facenet_architecture(weights)), weights)
    faces = images(channels=1, side=100)
    classes, features = facenet(faces)
    ours = network(faces)
    assert ours.shape == (4, 320)
    torch.testing.assert_close(ours, features)
    given = ours.numpy() @ classifier[0].T + classifier[1]
    np.testing.assert_allclose(given, classes, rtol=1e-4, atol=1e-5)


def test_the_architecture_of_a_facenet_is_known_by_its_slopes(facenet: PublishedFaceNet):
    state = {name: tensor.numpy() for name, tensor in facenet.state_dict().items()}
    slopes = sum(name.endswith("act.weight") for name in state)
    assert facenet_architecture(state) == ("facenet-prelu" if slopes else "facenet-relu")
    assert slopes in (0, 10)


def test_a_facenet_needs_no_class_layer_and_no_counters(facenet: PublishedFaceNet):
    state = {
        name: tensor.numpy()
        for name, tensor in facenet.state_dict().items()
        if "classifier" not in name and "num_batches" not in name
    }
    weights, classifier = read_facenet(state)
    assert classifier is None
    assert all(array.dtype == np.float32 for array in weights.values())


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("base.13.weight", None, r"missing: base\.13\.weight"),
        ("base.14.weight", np.zeros(3, "f"), r"not expected: base\.14\.weight"),
        ("base.0.conv.weight", np.zeros((32, 3, 3, 3), "f"), r"\(32, 3, 3, 3\) instead of \(32, 1"),
        ("classifier.0.weight", np.zeros((7, 512), "f"), r"\(7, 512\) instead of \(7, 320\)"),
        ("classifier.0.bias", np.zeros((), "f"), r"\(\) instead of \(0,\)"),
    ],
)
def test_a_facenet_that_lacks_or_has_more_is_refused(
    facenet: PublishedFaceNet, name: str, array: Any, message: str
):
    state = {key: tensor.numpy() for key, tensor in facenet.state_dict().items()}
    state[name] = array
    if array is None:
        del state[name]
    with pytest.raises(ModelUnsuitable, match=message):
        read_facenet(state)


def test_a_facenet_of_an_unknown_architecture_is_refused():
    with pytest.raises(ModelUnsuitable, match="Unknown network 'facenet-gelu'"):
        FaceNet("facenet-gelu")


class TrainedBlock(nn.Module):
    """InsightFace's IBasicBlock."""

    def __init__(self, into: int, out: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(into)
        self.conv1 = nn.Conv2d(into, out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.prelu = nn.PReLU(out)
        self.conv2 = nn.Conv2d(out, out, 3, stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample = None
        if stride == 2:
            around = nn.Conv2d(into, out, 1, stride, bias=False)
            self.downsample = nn.Sequential(around, nn.BatchNorm2d(out))

    def forward(self, at: Tensor) -> Tensor:
        inner = self.prelu(self.bn2(self.conv1(self.bn1(at))))
        return self.bn3(self.conv2(inner)) + (self.downsample(at) if self.downsample else at)


class Trained(nn.Module):
    """InsightFace's IResNet while it is trained, with all of its norms."""

    def __init__(self, counts: tuple[int, ...]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.prelu = nn.PReLU(64)
        into = 64
        for stage, (out, count) in enumerate(zip((64, 128, 256, 512), counts, strict=True), 1):
            blocks = [TrainedBlock(into, out, 2)]
            blocks += [TrainedBlock(out, out, 1) for _ in range(count - 1)]
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
            into = out
        self.bn2 = nn.BatchNorm2d(512)
        self.fc = nn.Linear(512 * 49, 512)
        self.features = nn.BatchNorm1d(512)

    def forward(self, at: Tensor) -> Tensor:
        at = self.prelu(self.bn1(self.conv1(at)))
        at = self.layer4(self.layer3(self.layer2(self.layer1(at))))
        return self.features(self.fc(self.bn2(at).flatten(1)))


@pytest.fixture(scope="module")
def trained() -> Trained:
    return randomised(Trained(BLOCKS["iresnet18"]), seed=8)


@torch.inference_mode()
def test_a_network_of_insightfaces_training_gives_the_same_features(
    trained: Trained, tmp_path: Path
):
    parallel = {f"module.{name}": tensor for name, tensor in trained.state_dict().items()}
    torch.save(parallel, tmp_path / "backbone.pth")
    architecture, weights = read_insightface(read_checkpoint(tmp_path / "backbone.pth"))
    assert architecture == "iresnet18"
    network = filled(IResNet(architecture), weights)
    assert least_cosine(network(images()), trained(images())) >= 0.99999


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("layer2.1.bn3.bias", None, r"missing: layer2\.1\.bn3\.bias"),
        ("layer2.0.downsample.1.weight", None, r"missing: layer2\.0\.downsample\.1\.weight"),
        ("layer2.0.se.weight", np.zeros(8, "f"), r"not expected: layer2\.0\.se\.weight"),
        ("layer2.7.bn1.weight", np.zeros(8, "f"), r"\(2, 3, 2, 2\) blocks instead of"),
        ("fc.weight", np.zeros((256, 25088), "f"), r"\(256, 25088\) instead of \(512, 25088\)"),
    ],
)
def test_a_trained_network_that_lacks_or_has_more_is_refused(
    trained: Trained, name: str, array: Any, message: str
):
    state = {key: tensor.numpy() for key, tensor in trained.state_dict().items()}
    state[name] = array
    if array is None:
        del state[name]
    with pytest.raises(ModelUnsuitable, match=message):
        read_insightface(state)
