"""What an ONNX file is: detector or encoder, and how its input is prepared.

InsightFace's own loader decides, so that a file means here what it means there; then the model is
run once, so that what is installed is known to work.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gestalt_space.devices import runtime, session_options
from gestalt_space.errors import ModelDamaged, ModelError, ModelUnsuitable
from gestalt_space.paths import plain_path
from gestalt_space.weights.manifest import ModelFile, sha256_of

YUNET_OUTPUTS = frozenset({"cls_8", "obj_8", "bbox_8", "kps_8"})
SUPPORTED = "SCRFD and YuNet detectors, and ArcFace-style encoders of 112n or 128n pixels"


def inspect_model(path: Path) -> ModelFile:
    """What the ONNX file is.

    Raises `ModelDamaged` for a file that does not open, `ModelUnsuitable` for one that opens and
    is of no use here.
    """
    facts = _yunet(path) if _outputs(path) >= YUNET_OUTPUTS else _insightface(path)
    return ModelFile(file=path.name, sha256=sha256_of(path), bytes=path.stat().st_size, **facts)


def _outputs(path: Path) -> set[str]:
    import onnx

    try:
        graph = onnx.load(str(path), load_external_data=False).graph
    except Exception as error:  # protobuf raises anything on hostile input
        raise ModelDamaged(
            f"{path.name} is not a complete ONNX file.", "Copy or download it again."
        ) from error
    tensors = (*graph.initializer, *(one.t for node in graph.node for one in node.attribute))
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in tensors):
        # What is opened is what was hashed: one file, and nothing that it names.
        raise ModelUnsuitable(
            f"{path.name} has its weights in another file.",
            "Save it as one file, with `onnx.save(onnx.load(OLD), NEW)` in Python.",
        )
    return {output.name for output in graph.output}


def _yunet(path: Path) -> dict[str, Any]:
    _session(path)
    return {"role": "detector", "kind": "yunet"}


def _insightface(path: Path) -> dict[str, Any]:
    from insightface.model_zoo import get_model

    try:
        with plain_path(path) as name:
            model = get_model(
                name, providers=["CPUExecutionProvider"], sess_options=session_options()
            )
    except Exception as error:  # the loader asserts and raises anything
        raise ModelDamaged(
            f"{path.name} cannot be opened by insightface ({_first_line(error)}).",
            "Copy or download it again.",
        ) from error
    kind = type(model).__name__
    if kind == "SCRFD":
        if not model.use_kps:
            raise ModelUnsuitable(
                f"{path.name} finds faces, but not the five landmarks.",
                "Use a SCRFD model with `kps` in its name, or one from a buffalo pack.",
            )
        return {"role": "detector", "kind": "scrfd"}
    if kind != "ArcFaceONNX":
        raise ModelUnsuitable(
            f"{path.name} is not a supported model.", f"Supported models are {SUPPORTED}."
        )
    return _encoder(path, model)


def _encoder(path: Path, model: Any) -> dict[str, Any]:
    size = model.input_size[0]
    if size % 112 and size % 128:
        raise ModelUnsuitable(
            f"{path.name} has an unsupported input: faces of {size} pixels.",
            f"Supported models are {SUPPORTED}.",
        )
    batch = model.input_shape[0] if isinstance(model.input_shape[0], int) else 1
    noise = np.random.default_rng(0).uniform(-1, 1, (batch, 3, size, size)).astype(np.float32)
    try:
        output = np.asarray(model.session.run(None, {model.input_name: noise})[0])
    except Exception as error:  # ONNX Runtime has no common base of its errors
        raise ModelUnsuitable(
            f"{path.name} fails on a face of {size} × {size} pixels ({_first_line(error)}).",
            f"Supported models are {SUPPORTED}.",
        ) from error
    if output.ndim != 2 or output.shape[0] != batch or not np.isfinite(output).all():
        raise ModelUnsuitable(
            f"{path.name} gives an output of shape {output.shape} instead of one vector per face.",
            f"Supported models are {SUPPORTED}.",
        )
    return {
        "role": "encoder",
        "kind": "arcface",
        "input_size": int(size),
        "mean": float(model.input_mean),
        "std": float(model.input_std),
        "dim": int(output.shape[1]),
    }


def _session(path: Path) -> Any:
    try:
        with plain_path(path) as name:
            return runtime().InferenceSession(
                name, session_options(), providers=["CPUExecutionProvider"]
            )
    except ModelError:
        raise
    except Exception as error:  # ONNX Runtime has no common base of its errors
        raise ModelDamaged(
            f"{path.name} cannot be opened ({_first_line(error)}).", "Copy or download it again."
        ) from error


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return (lines[0] if lines else type(error).__name__)[:200].rstrip(".")
