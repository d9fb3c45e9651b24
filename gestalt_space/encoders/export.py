"""A model's encoder as one ONNX file, whatever family it is of.

What goes in is a batch of faces in the network's size, levels 0..255; preparation by numbers, the
views and all networks are inside; what comes out are slots of unit length.
"""

from __future__ import annotations

import logging
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from numpy.typing import NDArray

from gestalt_space.atomic_files import appearing, check_new_file
from gestalt_space.encoders.networks import load_network
from gestalt_space.encoders.precision import INSTALL_HINT
from gestalt_space.encoders.preparation import parse_views, sized
from gestalt_space.encoders.registry import encoder_spec
from gestalt_space.encoders.specification import EncoderSpec
from gestalt_space.errors import ModelUnsuitable
from gestalt_space.types import Crops

if TYPE_CHECKING:
    from torch import Tensor, nn

    from gestalt_space.weights.manifest import InstalledModel

INPUT, OUTPUT = "faces", "slots"


def export_encoder(model: InstalledModel, path: Path, *, overwrite: bool = False) -> EncoderSpec:
    """Write `faces (n, c, size, size)` float32 → `slots (n, slots, dim)` float32 as ONNX.

    The fingerprint and the specification of the space stand in the file's metadata. Raises
    `UsageError`, `OutputError`, `GraphUnknown`, `ModelUnsuitable` or `ModelDamaged`.
    """
    _check(path, overwrite=overwrite)
    import torch

    from gestalt_space.encoders.torch_encoder import WholeEncoder

    spec = encoder_spec(model)
    networks = [load_network(model, file) for file in model.encoders]
    whole = WholeEncoder(spec, networks, parse_views(model.views)).eval()
    channels = 1 if spec.channels == "grey" else 3
    example = torch.full((2, channels, spec.input_size, spec.input_size), 127.0)
    with appearing(path) as aside:
        write_network(whole, aside, example, names=(INPUT, OUTPUT), argument="faces")
        exported = onnx.load(str(aside))
        onnx.helper.set_model_props(
            exported, {"space": spec.to_json(), "fingerprint": spec.fingerprint}
        )
        onnx.save(exported, str(aside))
    return spec


def exported_input(crops: Crops, spec: EncoderSpec) -> NDArray[np.float32]:
    """Aligned faces as an exported file takes them."""
    return np.ascontiguousarray(sized(crops, spec).transpose(0, 3, 1, 2)).astype(np.float32)


def write_network(
    network: nn.Module,
    path: Path,
    example: Tensor,
    *,
    names: tuple[str, str] = ("faces", "features"),
    argument: str = "images",
) -> None:
    """Write a network in evaluation as ONNX, for batches of any size. `example` `(n, c, h, w)`:
    what it takes, by the name `argument`; `names`: of the file's input and output."""
    import torch

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter warns of its own insides
        torch.onnx.export(
            network,
            (example,),
            str(path),
            input_names=[names[0]],
            output_names=[names[1]],
            dynamo=True,
            dynamic_shapes={argument: {0: torch.export.Dim("n")}},
            external_data=False,
            verbose=False,
        )
    exported = onnx.load(str(path))
    without_traces(exported)
    onnx.save(exported, str(path))


def without_traces(model: onnx.ModelProto) -> None:
    """Take out what torch's exporter says of this machine: the places of the code it followed."""
    for part in (model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    for value in (*model.graph.value_info, *model.graph.initializer):
        value.ClearField("metadata_props")
        value.ClearField("doc_string")


def _check(path: Path, *, overwrite: bool) -> None:
    missing = [name for name in ("torch", "onnxscript") if find_spec(name) is None]
    if missing:
        raise ModelUnsuitable(f"{' and '.join(missing)} is not installed.", INSTALL_HINT)
    check_new_file(path, (".onnx",), overwrite=overwrite)
