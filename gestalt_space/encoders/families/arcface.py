"""ArcFace-style encoders (Deng 2019), kept as the ONNX files that they are published as.

`weights.store.ModelStore.add` installs them: a file as a model, or a folder of them as an ensemble.
The names say how the files are kept, not how they are run; fingerprints hold them as they are.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gestalt_space.encoders.family import Ensemble, Family, register
from gestalt_space.weights.manifest import ModelFile

if TYPE_CHECKING:
    from torch import nn

KIND = "arcface"


def write_onnx(folder: Path, file: ModelFile, network: nn.Module) -> tuple[ModelFile, ...]:
    """Write a network that was read from an ONNX file, and trained, as ONNX."""
    import torch

    from gestalt_space.encoders.export import write_network
    from gestalt_space.encoders.trainable import written

    path = folder / "encoder.onnx"
    channels = 1 if file.channels == "grey" else 3
    write_network(network, path, torch.zeros(2, channels, file.input_size, file.input_size))
    if (file.mean, file.std) == (0.0, 1.0):
        _name_preparation(path)
    return (written(replace(file, kind=KIND), path),)


def _name_preparation(path: Path) -> None:
    """Give the operators that prepare images in the graph itself the names by which InsightFace
    knows them: it would prepare the images once more."""
    import onnx

    model = onnx.load(str(path))
    for number, node in enumerate(model.graph.node):
        if node.op_type not in ("Sub", "Mul"):
            break
        node.name = f"{node.op_type}_{number}"
    onnx.save(model, str(path))


register(Family(kind=KIND, name="arcface-onnx", write=write_onnx))
register(Ensemble(kinds=frozenset({KIND}), name="onnx"))
