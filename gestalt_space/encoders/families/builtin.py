"""The built-in encoder, which comes with the package as ONNX. What is trained from it is kept as
any other ONNX encoder."""

from __future__ import annotations

from gestalt_space.encoders.families.arcface import write_onnx
from gestalt_space.encoders.family import Family, register
from gestalt_space.weights.manifest import BUILTIN

register(Family(kind=BUILTIN, name="builtin-onnx", write=write_onnx))
