"""What imports of published weights share: checkpoints are read without running their code, and
kept as safetensors. What a family's files mean stands in its file in `families/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gestalt_space.encoders.networks import CLASSIFIER, COUNTER, empty_network, fill
from gestalt_space.errors import ModelError, ModelUnsuitable
from gestalt_space.weights.manifest import ModelFile, sha256_of
from gestalt_space.weights.pickles import read_checkpoint
from gestalt_space.weights.store import License

if TYPE_CHECKING:
    from torch import Tensor

ARC_SIZE = 112
ARC_LEVELS = 127.5
"""Pixels 0..255 go in as (x / 255 − 0.5) / 0.5."""

Arrays = Mapping[str, NDArray[np.generic]]


def named_license(name: str | None, usual: License) -> License:
    """The licence that the user named, who thereby knows it; else the usual one."""
    return License(name, "", False) if name else usual


def checkpoint(path: Path) -> Arrays:
    """The arrays of a checkpoint. Raises `ModelError`, `ModelDamaged` or `ModelUnsuitable`."""
    check_file(path)
    return read_checkpoint(path)


def check_file(path: Path) -> None:
    """Raises `ModelError` for what is no file."""
    if path.is_dir():
        raise ModelError(f"{path} is a folder.", "Give a file in it.")
    if not path.is_file():
        raise ModelError(f"There is no file {path}.", "Check the path and its spelling.")


def write_weights(
    path: Path,
    kind: str,
    architecture: str,
    weights: Arrays,
    classifier: Arrays | None = None,
    *,
    dim: int = 512,
    input_size: int = ARC_SIZE,
    mean: float | tuple[float, ...] = ARC_LEVELS,
    std: float | tuple[float, ...] = ARC_LEVELS,
    channels: str = "RGB",
    resize: str = "",
) -> ModelFile:
    """Write an encoder's weights, and its class layer's, once they are known to fit the network.

    Raises `ModelUnsuitable`.
    """
    from safetensors.numpy import save_file

    classifier = classifier or {}
    file = ModelFile(
        file=path.name,
        sha256="",
        bytes=0,
        role="encoder",
        kind=kind,
        input_size=input_size,
        mean=mean,
        std=std,
        dim=dim,
        architecture=architecture,
        channels=channels,
        resize=resize,
        classes=len(classifier["bias"]) if classifier else 0,
    )
    _check_finite({**weights, **classifier}, architecture)
    fill(empty_network(file), _tensors(weights), architecture)
    save_file(
        {
            **{name: np.ascontiguousarray(array) for name, array in weights.items()},
            **{f"{CLASSIFIER}{name}": np.ascontiguousarray(a) for name, a in classifier.items()},
        },
        path,
    )
    return _measured(file, path)


def write_training_weights(path: Path, encoder: ModelFile, weights: Arrays) -> ModelFile:
    """Write the weights from which the network of an encoder's file is trained."""
    from safetensors.numpy import save_file

    kept = {name: array for name, array in weights.items() if not name.endswith(COUNTER)}
    save_file({name: np.ascontiguousarray(a, np.float32) for name, a in kept.items()}, path)
    return _measured(replace(encoder, file=path.name, role="training"), path)


def _check_finite(arrays: Arrays, what: str) -> None:
    """Raises `ModelUnsuitable` for weights that are not numbers: no face would get a descriptor."""
    wrong = [name for name, array in arrays.items() if not np.isfinite(array).all()]
    if wrong:
        raise ModelUnsuitable(
            f"Some weights of {what} are not finite: {', '.join(wrong[:3])}.",
            "Download the file again from its publisher.",
        )


def _measured(file: ModelFile, path: Path) -> ModelFile:
    return replace(file, sha256=sha256_of(path), bytes=path.stat().st_size)


def _tensors(arrays: Arrays) -> dict[str, Tensor]:
    import torch

    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
