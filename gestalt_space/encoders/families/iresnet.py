"""IResNet from InsightFace's training: fused to run, and with all its batch norms to train."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from gestalt_space.encoders.family import Family, register
from gestalt_space.encoders.importing import (
    checkpoint,
    named_license,
    write_training_weights,
    write_weights,
)
from gestalt_space.encoders.networks import fill, load_network, read_tensors
from gestalt_space.weights.catalogue import INSIGHTFACE_LICENSE, INSIGHTFACE_TERMS
from gestalt_space.weights.manifest import InstalledModel, ModelFile
from gestalt_space.weights.store import License, ModelStore

if TYPE_CHECKING:
    from torch import nn

LICENSE = License(INSIGHTFACE_LICENSE, INSIGHTFACE_TERMS, True)


def import_insightface(
    store: ModelStore,
    path: Path,
    *,
    name: str | None = None,
    accept_license: bool = False,
    license_name: str | None = None,
) -> InstalledModel:
    """Install an IResNet from a checkpoint of InsightFace's training (`backbone.pth`).

    Raises `ModelUnsuitable` or `ModelDamaged`, and what `ModelStore.install` raises.
    """
    return store.install(
        name or path.stem,
        lambda folder: write_insightface(folder, checkpoint(path)),
        lambda _: named_license(license_name, LICENSE),
        source=path.name,
        accept_license=accept_license,
    )


def write_insightface(
    folder: Path, state: Mapping[str, NDArray[Any]]
) -> tuple[ModelFile, ModelFile]:
    """Write a checkpoint of InsightFace, or the `state_dict` of a `TrainableIResNet`, into a
    model's folder: as it is run, and as it is trained.

    Raises `ModelUnsuitable`.
    """
    from gestalt_space.encoders.gestaltmatcher import read_insightface

    architecture, fused = read_insightface(state)
    encoder = write_weights(folder / f"{architecture}.safetensors", "iresnet", architecture, fused)
    path = folder / f"{architecture}-training.safetensors"
    return encoder, write_training_weights(path, encoder, state)


def _empty(file: ModelFile) -> nn.Module:
    from gestalt_space.encoders.iresnet import IResNet

    return IResNet(file.architecture, file.dim)


def _trainable(model: InstalledModel) -> nn.Module:
    """With all its norms; a model without them, as an earlier version installed it, as it is run:
    GestaltMatcher-Arc was trained in that form."""
    from gestalt_space.encoders.iresnet_training import TrainableIResNet

    file = model.file("training")
    if file is None:
        return load_network(model, model.encoders[0])
    network = TrainableIResNet(file.architecture, file.dim)
    fill(network, read_tensors(model, file), file.architecture)
    return network


def _write(folder: Path, file: ModelFile, network: nn.Module) -> tuple[ModelFile, ...]:
    from gestalt_space.encoders.iresnet_training import TrainableIResNet
    from gestalt_space.encoders.trainable import write_safetensors

    if not isinstance(network, TrainableIResNet):
        return (write_safetensors(folder, file, network),)
    return write_insightface(folder, {k: one.numpy() for k, one in network.state_dict().items()})


register(
    Family(
        kind="iresnet",
        name="iresnet",
        installed_by="import-insightface FILE",
        empty=_empty,
        trainable=_trainable,
        write=_write,
    )
)
