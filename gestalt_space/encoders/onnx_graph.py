"""InsightFace's face-recognition ONNX files as native torch networks.

ONNX Runtime computes them in float32; a torch network also runs in bfloat16 or float16, compiled,
and on a GPU. A graph is read only if all of it is understood (`onnx_operators` says what is);
whatever is not is `GraphUnknown`, never a guess.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from torch import Tensor, nn

from gestalt_space.encoders.onnx_nodes import ConvertedNode, Node, NotUnderstood, Shape
from gestalt_space.encoders.onnx_operators import ON_CONSTANTS, ON_FEATURES, fold
from gestalt_space.errors import GraphUnknown, ModelDamaged

OPSETS = range(7, min(28, onnx.defs.onnx_opset_version() + 1))
"""Versions of ONNX's operators in which those that are read mean what is read."""
_TAKEN = frozenset(dir(nn.ModuleDict()))


@dataclass(frozen=True)
class Step:
    """One part of a network at work: the values that it takes, gives, and is the last to need."""

    part: str
    inputs: tuple[str, ...]
    output: str
    spent: tuple[str, ...]


class GraphNetwork(nn.Module):
    """Images `(n, *input_shape)` to features `(n, *output_shape)`, as the file's graph has it.

    Images are of the parameters' type. Where the graph itself prepares them by single numbers,
    as InsightFace's do, those stay float32 in every type.
    """

    def __init__(
        self,
        parts: Mapping[str, nn.Module],
        steps: Sequence[Step],
        *,
        ends: tuple[str, str],
        input_shape: Shape,
        output_shape: Shape,
    ) -> None:
        super().__init__()
        self.parts = nn.ModuleDict(parts)
        self.input_shape = input_shape
        self.output_shape = output_shape
        self._steps = tuple(steps)
        self._ends = ends

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        first, last = self._ends
        values = {first: images}
        for step in self._steps:
            inputs = [values[name] for name in step.inputs]
            values[step.output] = self.parts[step.part](*inputs)
            for name in step.spent:
                del values[name]
        return values[last]


def read_graph(path: Path) -> GraphNetwork:
    """The network of an ONNX file, float32, ready to infer on batches of any size.

    Parameters bear the names of the file's nodes, or of what a nameless node gives. A batch norm
    that alone follows a convolution or a matrix becomes a part of its weights. Raises
    `ModelDamaged` for a file that is missing, cut off, no ONNX or without its external data,
    `GraphUnknown` for a graph that is not understood.
    """
    try:
        model = onnx.load(str(path))
        constants = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    except Exception as error:  # protobuf and onnx raise anything on hostile input
        raise _damaged(path) from error
    if not model.graph.node:
        raise _damaged(path)
    try:
        return _Reader(model, constants).network()
    except NotUnderstood as error:
        raise GraphUnknown(
            f"The graph of {path.name} cannot be converted to torch: {error}.",
            "ONNX Runtime can still run the model.",
        ) from error


def _damaged(path: Path) -> ModelDamaged:
    return ModelDamaged(
        f"{path.name} is not a complete ONNX file.",
        "Copy or download it again, with all its files.",
    )


class _Reader:
    """Goes through a graph in its order and keeps what is known of every value."""

    def __init__(self, model: onnx.ModelProto, constants: dict[str, NDArray[Any]]) -> None:
        _check(model)
        self.graph = model.graph
        self.constants = constants
        self.input, self.batch, shape = _entry(model.graph, constants)
        self.shapes = {self.input: shape}
        self.parts: dict[str, nn.Module] = {}
        self.makers: dict[str, nn.Module] = {}
        """What gives a value."""
        self.steps: list[tuple[str, tuple[str, ...], str]] = []
        self.same: dict[str, str] = {}
        """Second names of values."""
        self.uses = Counter(name for node in self.graph.node for name in node.input)
        self.uses.update(output.name for output in self.graph.output)
        for node in self.graph.node:
            self._read(node)

    def network(self) -> GraphNetwork:
        """Of those steps that the output needs."""
        last = self._value(self.graph.output[0].name)
        if last not in self.shapes:
            raise NotUnderstood("its output does not depend on its input")
        steps: list[Step] = []
        needed = {last}
        for part, inputs, output in reversed(self.steps):
            if output in needed:
                steps.append(Step(part, inputs, output, tuple(sorted({*inputs} - needed))))
                needed.update(inputs)
        used = {step.part for step in steps}
        network = GraphNetwork(
            {name: part for name, part in self.parts.items() if name in used},
            steps[::-1],
            ends=(self.input, last),
            input_shape=self.shapes[self.input],
            output_shape=self.shapes[last],
        )
        return network.eval()

    def _read(self, proto: onnx.NodeProto) -> None:
        shapes = {
            one: self.shapes[name]
            for one in proto.input
            if (name := self._value(one)) in self.shapes
        }
        node = Node(proto, self.constants, shapes, self.batch)
        output = proto.output[0]
        if any(proto.output[1:]):
            raise node.unknown("has more than one output")
        if any(output in known for known in (self.constants, self.shapes, self.same)):
            raise node.unknown("gives what is there already")
        if not shapes or proto.op_type == "Shape":
            self.constants[output] = node.read(ON_CONSTANTS)
            return
        made = node.read(ON_FEATURES)
        if made.module is None or self._folded(proto.input[0], made):
            self.same[output] = self._value(proto.input[0])
            return
        part = self._part_name(proto)
        self.parts[part] = self.makers[output] = made.module
        self.shapes[output] = made.shape
        inputs = tuple(self._value(one) for one in proto.input if one in shapes)
        self.steps.append((part, inputs, output))

    def _value(self, name: str) -> str:
        return self.same.get(name, name)

    def _folded(self, before: str, made: ConvertedNode) -> bool:
        """Whether what was made is a batch norm that what gives its input now does as well."""
        norm, maker = made.module, self.makers.get(before)
        if isinstance(maker, nn.Sequential):
            maker = maker[-1]
        if not isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d) or self.uses[before] > 1:
            return False
        if isinstance(maker, nn.Conv2d) or (isinstance(maker, nn.Linear) and len(made.shape) == 1):
            fold(maker, norm)
            return True
        return False

    def _part_name(self, proto: onnx.NodeProto) -> str:
        plain = re.sub(r"\W+", "_", proto.name or proto.output[0]).strip("_") or proto.op_type
        numbered = (f"{plain}_{number}" for number in count(2))
        return next(
            name
            for name in chain([plain], numbered)
            if name not in self.parts and name not in _TAKEN
        )


def _check(model: onnx.ModelProto) -> None:
    """What can be said of the nodes before they are followed; ONNX's own checker has its say."""
    versions = {one.domain: one.version for one in model.opset_import}
    version = versions.get("", versions.get("ai.onnx"))
    if version not in OPSETS:
        raise NotUnderstood(f"its operators are of version {version}")
    if model.functions or model.graph.sparse_initializer:
        raise NotUnderstood("it has functions or sparse tensors")
    context = onnx.checker.C.CheckerContext()
    context.ir_version, context.opset_imports = model.ir_version, {"": version}
    for node in model.graph.node:
        if node.domain not in ("", "ai.onnx"):
            raise NotUnderstood(f"the operator {node.domain}.{node.op_type} is not known")
        if node.op_type not in ON_FEATURES and node.op_type not in ON_CONSTANTS:
            raise NotUnderstood(f"the operator {node.op_type} is not known")
        try:
            onnx.checker.check_node(node, context)
        except onnx.checker.ValidationError as error:
            raise NotUnderstood(str(error).splitlines()[0].rstrip(".")) from error


def _entry(
    graph: onnx.GraphProto, constants: Mapping[str, NDArray[Any]]
) -> tuple[str, int | None, Shape]:
    """Name of the images, the batch where it is fixed, and the shape of one."""
    inputs = [one for one in graph.input if one.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise NotUnderstood(f"it has {len(inputs)} inputs and {len(graph.output)} outputs")
    kind = inputs[0].type.tensor_type
    batch, *rest = [one.dim_value for one in kind.shape.dim] or [0]
    if kind.elem_type != TensorProto.FLOAT or len(rest) != 3 or min(rest) < 1:
        raise NotUnderstood("its input is not float32 images of a known size")
    return inputs[0].name, batch if batch > 0 else None, tuple(rest)
