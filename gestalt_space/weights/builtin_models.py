"""The manifest of the built-in models, rewritten from the files that are there.

Both training recipes end with it; nothing at run time needs it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from gestalt_space.devices import runtime, session_options
from gestalt_space.weights.manifest import InstalledModel, ModelFile, sha256_of, write_manifest
from gestalt_space.weights.store import BUILTIN, BUILTIN_FOLDER

DETECTOR_FILE = "detector.onnx"
ENCODER_FILE = "encoder.onnx"
ENCODER_SIZE = 112
ENCODER_MEAN = 127.5
ENCODER_STD = 127.5
LICENSE = "Research use (trained on UTKFace)"
TERMS = (
    "Trained by this project from scratch on UTKFace, whose photos are for non-commercial "
    "research. Not for surveillance or identification of people. See MODEL_CARD.md."
)


def refresh(folder: Path = BUILTIN_FOLDER) -> InstalledModel:
    """Write `model.json` for the model files of the folder, and say what stands in it."""
    model = InstalledModel(
        name=BUILTIN,
        folder=folder,
        files=tuple(
            _described(folder / name)
            for name in (DETECTOR_FILE, ENCODER_FILE)
            if (folder / name).is_file()
        ),
        source="gestalt-space",
        license=LICENSE,
        terms=TERMS,
        restricted=False,
        accepted_at=None,
        added_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    write_manifest(model)
    return model


def _described(path: Path) -> ModelFile:
    sha256, size = sha256_of(path), path.stat().st_size
    if path.name == DETECTOR_FILE:
        return ModelFile(path.name, sha256, size, "detector", BUILTIN)
    return ModelFile(
        path.name,
        sha256,
        size,
        "encoder",
        BUILTIN,
        input_size=ENCODER_SIZE,
        mean=ENCODER_MEAN,
        std=ENCODER_STD,
        dim=_dim(path),
    )


def _dim(path: Path) -> int:
    session = runtime().InferenceSession(
        str(path), session_options(1), providers=["CPUExecutionProvider"]
    )
    return int(session.get_outputs()[0].shape[-1])
