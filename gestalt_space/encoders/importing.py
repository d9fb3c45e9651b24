"""Published weights into the model store: checkpoints are read without running their code, and
kept as safetensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gestalt_space.encoders import gestaltmatcher, iresnet
from gestalt_space.encoders.networks import CLASSIFIER, empty_network, fill
from gestalt_space.encoders.onnx_graph import read_graph
from gestalt_space.encoders.preparation import ALL_VIEWS
from gestalt_space.encoders.timm_backbones import file_weights, open_backbone
from gestalt_space.errors import ModelError, ModelUnsuitable
from gestalt_space.weights.catalogue import INSIGHTFACE_LICENSE, INSIGHTFACE_TERMS
from gestalt_space.weights.inspection import inspect_model
from gestalt_space.weights.manifest import InstalledModel, ModelFile, sha256_of
from gestalt_space.weights.pickles import read_checkpoint
from gestalt_space.weights.store import UNKNOWN, License, ModelStore

if TYPE_CHECKING:
    from torch import Tensor

ARC_LEVELS = 127.5
"""Pixels 0..255 go in as (x / 255 − 0.5) / 0.5."""
ARC_NETWORKS = ("iresnet50", "iresnet100")
"""The fine-tuned ones."""
ARC = License(
    "GestaltMatcher-Arc weights",
    "Available from their authors on request, for research. InsightFace's terms apply to the "
    "models they were trained from.",
    True,
)
FACENET = License(
    "GestaltMatcher weights", "Available from their authors on request, for research.", True
)
INSIGHTFACE = License(INSIGHTFACE_LICENSE, INSIGHTFACE_TERMS, True)

Arrays = Mapping[str, NDArray[np.generic]]


def import_arc(
    store: ModelStore,
    *,
    r50: Path,
    r100: Path,
    untouched: Path,
    name: str = "gestaltmatcher-arc",
    accept_license: bool = False,
    license_name: str | None = None,
) -> InstalledModel:
    """Install GestaltMatcher-Arc (Hustinx 2023): three networks, four views, 12 slots.

    `r50`, `r100`: the fine-tuned checkpoints; `untouched`: InsightFace's `glint360k_r100.onnx`.
    Raises `ModelUnsuitable` or `ModelDamaged`, and what `ModelStore.install` raises.
    """

    def write(folder: Path) -> tuple[ModelFile, ...]:
        files = []
        for path, wanted in zip((r50, r100), ARC_NETWORKS, strict=True):
            arc = gestaltmatcher.read_arc(_checkpoint(path))
            if arc.architecture != wanted:
                raise ModelUnsuitable(
                    f"{path.name} has the network {arc.architecture} instead of {wanted}.",
                    "Check that the files of --r50 and --r100 are not swapped.",
                )
            classifier = {}
            if arc.classifier_weight is not None and arc.classifier_bias is not None:
                classifier = {"weight": arc.classifier_weight, "bias": arc.classifier_bias}
            files.append(
                _written(
                    folder / f"{wanted}.safetensors", "iresnet", wanted, arc.weights, classifier
                )
            )
        return (*files, _untouched(untouched, folder))

    return store.install(
        name,
        write,
        lambda _: License(license_name, "", False) if license_name else ARC,
        source=", ".join(path.name for path in (r50, r100, untouched)),
        accept_license=accept_license,
        views=tuple(view.name for view in ALL_VIEWS),
    )


def import_facenet(
    store: ModelStore,
    path: Path,
    *,
    name: str = "gestaltmatcher",
    accept_license: bool = False,
    license_name: str | None = None,
) -> InstalledModel:
    """Install a network of GestaltMatcher (Hsieh 2022): DeepGestalt's or face recognition's.

    Raises as `import_arc` does.
    """

    def write(folder: Path) -> tuple[ModelFile, ...]:
        weights, classifier = gestaltmatcher.read_facenet(_checkpoint(path))
        architecture = gestaltmatcher.facenet_architecture(weights)
        layer = {} if classifier is None else dict(zip(("weight", "bias"), classifier, strict=True))
        file = _written(
            folder / "facenet.safetensors",
            "facenet",
            architecture,
            weights,
            layer,
            dim=gestaltmatcher.FACENET_DIM,
            input_size=100,
            mean=0.0,
            std=255.0,
            channels="grey",
            resize="bilinear 100",
        )
        return (file,)

    return store.install(
        name,
        write,
        lambda _: License(license_name, "", False) if license_name else FACENET,
        source=path.name,
        accept_license=accept_license,
    )


def import_insightface(
    store: ModelStore,
    path: Path,
    *,
    name: str | None = None,
    accept_license: bool = False,
    license_name: str | None = None,
) -> InstalledModel:
    """Install an IResNet from a checkpoint of InsightFace's training (`backbone.pth`).

    Raises as `import_arc` does.
    """

    def write(folder: Path) -> tuple[ModelFile, ...]:
        architecture, weights = gestaltmatcher.read_insightface(_checkpoint(path))
        target = folder / f"{architecture}.safetensors"
        return (_written(target, "iresnet", architecture, weights, {}),)

    return store.install(
        name or path.stem,
        write,
        lambda _: License(license_name, "", False) if license_name else INSIGHTFACE,
        source=path.name,
        accept_license=accept_license,
    )


def import_timm(
    store: ModelStore,
    architecture: str,
    *,
    weights: Path | None = None,
    head: bool = False,
    name: str | None = None,
    accept_license: bool = False,
    license_name: str | None = None,
) -> InstalledModel:
    """Install a backbone of timm; `weights` and `head` as in `open_backbone`.

    Raises as `import_arc` and `open_backbone` do.
    """
    backbone = open_backbone(architecture, weights=weights, head=head)
    if weights is not None:
        _check_file(weights)
        tensors = file_weights(weights, backbone.network)
        fill(backbone.network, tensors, backbone.architecture)

    def write(folder: Path) -> tuple[ModelFile, ...]:
        file = _written(
            folder / "backbone.safetensors",
            "timm",
            backbone.architecture,
            {key: value.numpy() for key, value in backbone.network.state_dict().items()},
            {},
            dim=backbone.dim,
            input_size=backbone.input_size,
            mean=backbone.mean,
            std=backbone.std,
            resize=backbone.resize,
        )
        return (file,)

    named = license_name or (backbone.license if weights is None else "")
    return store.install(
        name or architecture.rsplit("/", 1)[-1],
        write,
        lambda _: License(named, "", False) if named else UNKNOWN,
        source=architecture if weights is None else f"{architecture} from {weights.name}",
        accept_license=accept_license,
    )


def _checkpoint(path: Path) -> Arrays:
    _check_file(path)
    return read_checkpoint(path)


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise ModelError(f"{path} is a folder.", "Give a file in it.")
    if not path.is_file():
        raise ModelError(f"There is no file {path}.", "Check the path and its spelling.")


def _check_finite(arrays: Arrays, what: str) -> None:
    """Raises `ModelUnsuitable` for weights that are not numbers: no face would get a descriptor."""
    wrong = [name for name, array in arrays.items() if not np.isfinite(array).all()]
    if wrong:
        raise ModelUnsuitable(
            f"Some weights of {what} are not finite: {', '.join(wrong[:3])}.",
            "Download the file again from its publisher.",
        )


def _untouched(path: Path, folder: Path) -> ModelFile:
    """An ONNX encoder, copied as it is. It has to take and give what the fine-tuned ones do."""
    _check_file(path)
    target = folder / path.name
    target.write_bytes(path.read_bytes())
    file = inspect_model(target)
    expected = ("encoder", "arcface", iresnet.INPUT_SIZE, ARC_LEVELS, ARC_LEVELS, 512)
    found = (file.role, file.kind, file.input_size, file.mean, file.std, file.dim)
    if found != expected:
        raise ModelUnsuitable(
            f"{path.name} is a {file.role} ({file.kind}) of {file.input_size} pixels, levels "
            f"{file.mean} and {file.std}, {file.dim} numbers. It must be an ArcFace encoder of "
            f"{iresnet.INPUT_SIZE} pixels, levels {ARC_LEVELS} and {ARC_LEVELS}, 512 numbers.",
            "The untouched model of GestaltMatcher-Arc is glint360k_r100.onnx.",
        )
    read_graph(target)  # beside networks of torch it cannot stay with ONNX Runtime
    return file


def _written(
    path: Path,
    kind: str,
    architecture: str,
    weights: Arrays,
    classifier: Arrays,
    *,
    dim: int = 512,
    input_size: int = iresnet.INPUT_SIZE,
    mean: float | tuple[float, ...] = ARC_LEVELS,
    std: float | tuple[float, ...] = ARC_LEVELS,
    channels: str = "RGB",
    resize: str = "",
) -> ModelFile:
    """Weights to a safetensors file, once they are known to fit the network."""
    from safetensors.numpy import save_file

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


def _measured(file: ModelFile, path: Path) -> ModelFile:
    return replace(file, sha256=sha256_of(path), bytes=path.stat().st_size)


def _tensors(arrays: Arrays) -> dict[str, Tensor]:
    import torch

    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
