"""ArcFace-style encoders (Deng 2019), kept as the ONNX files that they are published as.

`weights.store.ModelStore.add` installs them: a file as a model, or a folder of them as an ensemble.
The names say how the files are kept, not how they are run; fingerprints hold them as they are.
"""

from __future__ import annotations

from gestalt_space.encoders.family import Ensemble, Family, register

register(Family(kind="arcface", name="arcface-onnx"))
register(Ensemble(kinds=frozenset({"arcface"}), name="onnx"))
