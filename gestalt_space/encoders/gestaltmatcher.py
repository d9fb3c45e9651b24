"""GestaltMatcher's networks: the CNN of 2022, and what published checkpoints mean for ours.

Checkpoints come as dictionaries of arrays, as `weights.pickles.read_checkpoint` gives them; nothing
here runs what was pickled. Layers are found by name and number, and every shape is checked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gestalt_space.encoders.iresnet import BLOCKS, EPSILON, IResNet, architecture_of
from gestalt_space.encoders.networks import COUNTER, difference
from gestalt_space.errors import ModelUnsuitable

FACENET_DIM = 320
FACENET_PAIRS = ((32, 64), (64, 128), (96, 192), (128, 256), (160, FACENET_DIM))
FACENET_BENDS: Mapping[str, type[nn.Module]] = {
    "facenet-relu": nn.ReLU,
    "facenet-prelu": nn.PReLU,
}
ARC_DIM = 512
ARC_HINT = "Give a checkpoint whose `base` was converted from an IResNet by onnx2torch."
NORM = ("weight", "bias", "running_mean", "running_var")

Array = NDArray[Any]
StateDict = Mapping[str, Array]
Shapes = dict[str, tuple[int, ...]]


class Layer(nn.Module):
    """Convolution, norm, and ReLU or PReLU."""

    def __init__(self, into: int, out: int, bend: type[nn.Module]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(into, out, 3, 1, 1)
        self.norm = nn.BatchNorm2d(out)
        self.act = bend()

    def forward(self, features: Tensor) -> Tensor:
        """`(n, into, h, w)` to `(n, out, h, w)`."""
        bent: Tensor = self.act(self.norm(self.conv(features)))
        return bent


class FaceNet(nn.Module):
    """`(n, 1, 100, 100)` float32 to features `(n, 320)`, not of unit length.

    The CNN of CASIA-WebFace (Yi 2014, arXiv 1411.7923), DeepGestalt (Gurovich 2019) and
    GestaltMatcher (Hsieh 2022). Its layers are named and counted as in GestaltMatcher's files.
    """

    def __init__(self, architecture: str = "facenet-relu") -> None:
        """Raises `ModelUnsuitable` for an architecture that is none of `FACENET_BENDS`."""
        super().__init__()
        if architecture not in FACENET_BENDS:
            raise ModelUnsuitable(
                f"Unknown network {architecture!r}.", f"Choose one of: {', '.join(FACENET_BENDS)}."
            )
        bend = FACENET_BENDS[architecture]
        layers: list[nn.Module] = []
        into = 1
        for first, second in FACENET_PAIRS:
            layers += [Layer(into, first, bend), Layer(first, second, bend)]
            layers += [nn.MaxPool2d(2, 2, ceil_mode=True)]
            into = second
        layers[-2:] = [nn.Conv2d(FACENET_PAIRS[-1][0], FACENET_DIM, 3, 1, 1), nn.AvgPool2d(7, 1)]
        self.base = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        pooled: Tensor = self.base(images)
        return pooled.flatten(1)


@dataclass(frozen=True, eq=False)
class ArcWeights:
    """What a checkpoint of GestaltMatcher-Arc holds.

    `weights`: those of `IResNet(architecture)`, float32. The class layer is `(classes, 512)` and
    `(classes,)`, or None where the checkpoint has none.
    """

    architecture: str
    weights: dict[str, Array]
    classifier_weight: Array | None
    classifier_bias: Array | None


def facenet_architecture(state: StateDict) -> str:
    """Which of `FACENET_BENDS` a state dictionary is of."""
    return "facenet-prelu" if "base.0.act.weight" in state else "facenet-relu"


def read_facenet(state: StateDict) -> tuple[dict[str, Array], tuple[Array, Array] | None]:
    """The weights of `FaceNet`, and those of the class layer `(classes, 320)`, `(classes,)` if any.

    Takes state dictionaries of GestaltMatcher's `FaceRecogNet` and `DeepGestalt`. Raises
    `ModelUnsuitable`.
    """
    # Both networks hold an activation of their own that they never use.
    own = {name: array for name, array in state.items() if name != "act.weight"}
    own, classifier = _without_classifier(own, "classifier.0", FACENET_DIM)
    with torch.device("meta"):
        shapes = _shapes(FaceNet(facenet_architecture(own)))
    _check(shapes, own, "GestaltMatcher's CNN")
    return _float32({name: own[name] for name in shapes}), classifier


def read_arc(state: StateDict) -> ArcWeights:
    """The weights of a checkpoint of GestaltMatcher-Arc (Hustinx 2023).

    Its `base` is what onnx2torch makes of InsightFace's `glint360k_r50.onnx` or `_r100.onnx`, whose
    nodes bear the name of their operator and a number; `features` holds the last two of them.
    Raises `ModelUnsuitable`.
    """
    own, classifier = _without_classifier(state, "classifier.1", ARC_DIM)
    graph = _Graph(own)
    count = len(graph.bends) - 1
    architecture = architecture_of(count)
    if architecture is None:
        known = ", ".join(f"{sum(counts) + 1} ({name})" for name, counts in BLOCKS.items())
        raise ModelUnsuitable(
            f"This is not a checkpoint of GestaltMatcher-Arc: it has {len(graph.bends)} PReLU "
            f"layers instead of {known}.",
            ARC_HINT,
        )
    shapes = _iresnet_shapes(architecture)
    sources = graph.sources(shapes, count, architecture)
    wanted = {sources[name]: shape for name, shape in shapes.items()}
    _check(wanted, graph.state, f"GestaltMatcher-Arc with {architecture}")
    weights = _float32({name: graph.state[sources[name]] for name in shapes})
    return ArcWeights(architecture, weights, *(classifier or (None, None)))


def read_insightface(state: StateDict) -> tuple[str, dict[str, Array]]:
    """The architecture and the weights of `IResNet` from InsightFace's training (`backbone.pth`).

    Norms that follow a convolution are folded into it, computed in float64. Raises
    `ModelUnsuitable`.
    """
    found = {match.groups() for name in state if (match := re.match(r"layer(\d+)\.(\d+)\.", name))}
    counts = tuple(sum(stage == str(one) for stage, _ in found) for one in range(1, 5))
    architecture = next((name for name, blocks in BLOCKS.items() if blocks == counts), None)
    if architecture is None:
        known = ", ".join(f"{counts} ({name})" for name, counts in BLOCKS.items())
        raise ModelUnsuitable(
            f"This is not a checkpoint of InsightFace's IResNet: its four stages have {counts} "
            f"blocks instead of {known}.",
            "Give the backbone.pth of an InsightFace training in torch.",
        )
    shapes = _iresnet_shapes(architecture)
    folded, kept = _insightface_names(counts)
    wanted: Shapes = {}
    for name, (conv, norm) in folded.items():
        wanted[f"{conv}.weight"] = shapes[f"{name}.weight"]
        wanted |= {f"{norm}.{part}": shapes[f"{name}.bias"] for part in NORM}
    sources = {}
    for name in shapes:
        layer, _, part = name.rpartition(".")
        if layer in kept:
            sources[name] = f"{kept[layer]}.{part}"
            wanted[sources[name]] = shapes[name]
    _check(wanted, state, f"InsightFace's {architecture}")
    weights = {name: state[source] for name, source in sources.items()}
    for name, (conv, norm) in folded.items():
        weights[f"{name}.weight"], weights[f"{name}.bias"] = _folded(state, conv, norm)
    return architecture, _float32({name: weights[name] for name in shapes})


class _Graph:
    """The layers of a graph from onnx2torch, by their prefixes, in the order of their numbers.

    `state` is what was given with slopes `(n,)` and the matrix `(512, inputs)`.
    """

    _NODE = re.compile(
        r"((?:base|features)\.(Conv|PRelu|BatchNormalization|Gemm)(?:_(\d+))?(?:\.\d+)?)\.(\w+)"
    )
    _INITIALIZER = re.compile(r"base\.initializers\.onnx_initializer_(\d+)")

    def __init__(self, state: StateDict) -> None:
        self.state = dict(state)
        layers: dict[str, dict[int, str]] = {}
        slopes: dict[int, str] = {}
        for name in state:
            if node := self._NODE.fullmatch(name):
                layer, kind, number, part = node.groups()
                room = layer.partition(".")[0]
                layers.setdefault(f"{room}.{kind}", {})[int(number or 0)] = layer
                if kind == "PRelu" and part in ("weight", "slope"):
                    slopes[int(number or 0)] = name
        if not slopes:
            # onnx2torch hands a PReLU its slope from a container of its own, in the nodes' order.
            slopes = {
                int(one.group(1)): name
                for name in state
                if (one := self._INITIALIZER.fullmatch(name))
            }
        self.bends = _in_order(slopes)
        self.convolutions = _in_order(layers.get("base.Conv", {}))
        self.norms = _in_order(layers.get("base.BatchNormalization", {}))
        self.matrices = _in_order(layers.get("features.Gemm", {}))
        self.last_norms = _in_order(layers.get("features.BatchNormalization", {}))
        for name in self.bends:
            if state[name].shape[1:] in ((1, 1), (1,)):
                self.state[name] = state[name].reshape(-1)
        for layer in self.matrices:
            matrix = state.get(f"{layer}.weight")
            if matrix is not None and matrix.ndim == 2 and matrix.shape[1] == ARC_DIM:
                self.state[f"{layer}.weight"] = matrix.T

    def sources(self, shapes: Shapes, blocks: int, architecture: str) -> dict[str, str]:
        """Which tensor of `state` each one of an `IResNet` is. Raises `ModelUnsuitable`."""
        around = [one for one in self.convolutions if self._kernel(one) == (1, 1)]
        inner = [one for one in self.convolutions if self._kernel(one) != (1, 1)]
        blocks_around = [n for n in range(blocks) if f"blocks.{n}.around.weight" in shapes]
        for what, found, expected in (
            ("convolutions", inner, 1 + 2 * blocks),
            ("convolutions around blocks", around, len(blocks_around)),
            ("norms in `base`", self.norms, blocks + 1),
            ("Gemm in `features`", self.matrices, 1),
            ("norms in `features`", self.last_norms, 1),
        ):
            if len(found) != expected:
                raise ModelUnsuitable(
                    f"This is not a checkpoint of GestaltMatcher-Arc: it has {len(found)} {what}, "
                    f"and {architecture} has {expected}.",
                    ARC_HINT,
                )
        layers = {"stem": inner[0], "norm": self.norms[-1]}
        layers |= {"linear": self.matrices[0], "last_norm": self.last_norms[0]}
        for n in range(blocks):
            layers[f"blocks.{n}.norm"] = self.norms[n]
            layers[f"blocks.{n}.first"] = inner[1 + 2 * n]
            layers[f"blocks.{n}.second"] = inner[2 + 2 * n]
        for n, layer in zip(blocks_around, around, strict=True):
            layers[f"blocks.{n}.around"] = layer
        bends = {f"blocks.{n}.bend.weight": self.bends[1 + n] for n in range(blocks)}
        bends["bend.weight"] = self.bends[0]
        return {name: bends.get(name) or _at(layers, name) for name in shapes}

    def _kernel(self, layer: str) -> tuple[int, ...]:
        weight = self.state.get(f"{layer}.weight")
        if weight is None:
            raise ModelUnsuitable(
                f"This is not a checkpoint of GestaltMatcher-Arc: {layer}.weight is missing.",
                ARC_HINT,
            )
        return weight.shape[2:]


def _at(layers: Mapping[str, str], name: str) -> str:
    layer, _, part = name.rpartition(".")
    return f"{layers[layer]}.{part}"


def _in_order(numbered: Mapping[int, str]) -> list[str]:
    return [numbered[number] for number in sorted(numbered)]


def _insightface_names(
    counts: tuple[int, ...],
) -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """Our layers by their convolution and the norm after it, and those that stay as they are."""
    folded = {"stem": ("conv1", "bn1")}
    kept = {"bend": "prelu", "norm": "bn2", "linear": "fc", "last_norm": "features"}
    places = [(stage, number) for stage in range(4) for number in range(counts[stage])]
    for n, (stage, number) in enumerate(places):
        theirs = f"layer{stage + 1}.{number}"
        folded[f"blocks.{n}.first"] = (f"{theirs}.conv1", f"{theirs}.bn2")
        folded[f"blocks.{n}.second"] = (f"{theirs}.conv2", f"{theirs}.bn3")
        if number == 0:
            folded[f"blocks.{n}.around"] = (f"{theirs}.downsample.0", f"{theirs}.downsample.1")
        kept[f"blocks.{n}.norm"] = f"{theirs}.bn1"
        kept[f"blocks.{n}.bend"] = f"{theirs}.prelu"
    return folded, kept


def _folded(state: StateDict, conv: str, norm: str) -> tuple[Array, Array]:
    """Weight and bias of the convolution that does what the convolution and the norm did."""
    weight, bias, mean, variance = (state[f"{norm}.{part}"].astype(np.float64) for part in NORM)
    scale = weight / np.sqrt(variance + EPSILON)
    kernel = state[f"{conv}.weight"].astype(np.float64)
    return kernel * scale[:, None, None, None], bias - mean * scale


def _without_classifier(
    state: StateDict, layer: str, dim: int
) -> tuple[dict[str, Array], tuple[Array, Array] | None]:
    own = {name: array for name, array in state.items() if not name.startswith("classifier.")}
    given = {name: array for name, array in state.items() if name not in own}
    if not given:
        return own, None
    bias = given.get(f"{layer}.bias")
    classes = len(bias) if bias is not None and bias.ndim else 0
    _check(
        {f"{layer}.weight": (classes, dim), f"{layer}.bias": (classes,)}, given, "the class layer"
    )
    found = _float32(given)
    return own, (found[f"{layer}.weight"], found[f"{layer}.bias"])


def _iresnet_shapes(architecture: str) -> Shapes:
    with torch.device("meta"):
        return _shapes(IResNet(architecture, ARC_DIM))


def _shapes(network: nn.Module) -> Shapes:
    return {
        name: tuple(tensor.shape)
        for name, tensor in network.state_dict().items()
        if not name.endswith(COUNTER)
    }


def _check(wanted: Shapes, state: StateDict, what: str) -> None:
    given = {name: array.shape for name, array in state.items() if not name.endswith(COUNTER)}
    if given != wanted:
        raise ModelUnsuitable(
            f"These are not the weights of {what}: {difference(wanted, given)}.",
            "Check that the file belongs to this network.",
        )
    odd = [name for name in wanted if state[name].dtype.kind != "f"]
    if odd:
        raise ModelUnsuitable(
            f"These are not the weights of {what}: {odd[0]} holds {state[odd[0]].dtype}.",
            "The weights must be floating-point numbers.",
        )


def _float32(state: StateDict) -> dict[str, Array]:
    return {
        name: np.ascontiguousarray(array, dtype=np.float32)
        for name, array in state.items()
        if not name.endswith(COUNTER)
    }
