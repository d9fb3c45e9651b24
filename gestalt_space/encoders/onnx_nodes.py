"""A node of an ONNX graph while it is read, and what is known of its inputs.

Every value that depends on the images has the batch as its first axis, and its shape is known for
one image; all others are constants.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper
from torch import nn

Shape = tuple[int, ...]
"""Of one image's value: the batch is left out."""
Array = NDArray[Any]
"""A constant: float32 or int64; of objects where None stands for the size of the batch."""
Read = TypeVar("Read")


class NotUnderstood(Exception):
    """Why a graph cannot be read; not seen outside this room."""


@dataclass(frozen=True)
class ConvertedNode:
    """What an operator becomes, None where it does nothing, and the shape of what it gives."""

    module: nn.Module | None
    shape: Shape


class Node:
    """A node of a graph and what is known of its inputs: constants, or the shape of one image."""

    def __init__(
        self,
        proto: onnx.NodeProto,
        constants: Mapping[str, Array],
        shapes: Mapping[str, Shape],
        batch: int | None,
    ) -> None:
        self.operator = str(proto.op_type)
        self.inputs = list(proto.input)
        self.batch = batch
        self._name = proto.name or proto.output[0]
        self._constants = constants
        self._shapes = shapes
        self._attributes = {one.name: helper.get_attribute_value(one) for one in proto.attribute}

    def read(self, operators: Mapping[str, Callable[[Node], Read]]) -> Read:
        """What the node's operator makes of it, if that takes all of the node's attributes."""
        if self.operator not in operators:
            raise self.unknown("is not known for inputs of this kind")
        made = operators[self.operator](self)
        if self._attributes:
            raise self.unknown(f"has {', '.join(self._attributes)}")
        return made

    def unknown(self, reason: str) -> NotUnderstood:
        """The node with a reason."""
        return NotUnderstood(f"{self.operator} {self._name!r} {reason}")

    def take(self, attribute: str, default: Any = None) -> Any:
        """An attribute's value; what nobody takes is not understood."""
        value = self._attributes.pop(attribute, default)
        return value.decode() if isinstance(value, bytes) else value

    def count(self, attribute: str) -> int:
        """Length of a list that stays to be taken."""
        return len(self._attributes.get(attribute, ()))

    def expect(self, attribute: str, *usual: Any) -> None:
        """Take an attribute that may have these values only; absent, it has the first."""
        value = self.take(attribute, usual[0])
        if value not in usual:
            raise self.unknown(f"has {attribute} = {value}")

    def has(self, index: int) -> bool:
        """Whether an input that may be left out is there."""
        return index < len(self.inputs) and bool(self.inputs[index])

    def fixed(self, index: int) -> bool:
        """Whether an input is a constant."""
        return self.has(index) and self.inputs[index] in self._constants

    def shape(self, index: int = 0) -> Shape:
        """Of an input that depends on the images, for one of them."""
        if not self.has(index) or self.inputs[index] not in self._shapes:
            raise self.unknown(f"does not depend on the images by its input {index}")
        return self._shapes[self.inputs[index]]

    def constant(self, index: int) -> Array:
        """An input that does not depend on the images."""
        if not self.fixed(index):
            raise self.unknown(f"has no constant as its input {index}")
        return self._constants[self.inputs[index]]

    def numbers(self, index: int) -> Array:
        """A constant of float32."""
        array = self.constant(index)
        if array.dtype != np.float32:
            raise self.unknown(f"has {array.dtype} and not float32 numbers")
        return array

    def number(self, index: int) -> float:
        """A constant of one float32."""
        return float(self.of_shape(self.numbers(index).reshape(-1), (1,))[0])

    def integers(self, index: int) -> list[int]:
        """A constant list of whole numbers."""
        array = self.constant(index)
        if array.dtype != np.int64:
            raise self.unknown(f"has {array.dtype} and not whole numbers")
        return [int(one) for one in array.reshape(-1)]

    def sizes(self, index: int) -> list[int | None]:
        """A constant shape, in which None is the size of the batch."""
        array = self.constant(index)
        return list(array.reshape(-1)) if array.dtype == object else [*self.integers(index)]

    def axes(self, rank: int) -> list[int]:
        """The axes, in order and counted from 0: an attribute in old files, an input in new."""
        given = self.integers(1) if self.has(1) else self.take("axes", [])
        axes = sorted({one % rank for one in given if -rank <= one < rank})
        if not axes or len(axes) != len(given):
            raise self.unknown(f"has axes = {given}")
        return axes

    def of_shape(self, array: Array, shape: Shape) -> Array:
        """The array, if it has that shape."""
        if array.shape != shape:
            raise self.unknown(f"has an array of shape {array.shape}, not {shape}")
        return array
