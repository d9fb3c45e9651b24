"""The built-in encoder, which comes with the package as ONNX."""

from __future__ import annotations

from gestalt_space.encoders.family import Family, register
from gestalt_space.weights.manifest import BUILTIN

register(Family(kind=BUILTIN, name="builtin-onnx"))
