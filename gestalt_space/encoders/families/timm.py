"""Any backbone of timm, from its hub or a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gestalt_space.encoders.family import Family, register
from gestalt_space.encoders.importing import check_file, named_license, write_weights
from gestalt_space.encoders.networks import fill
from gestalt_space.encoders.timm_backbones import empty_backbone, file_weights, open_backbone
from gestalt_space.weights.manifest import InstalledModel, ModelFile
from gestalt_space.weights.store import UNKNOWN, ModelStore

if TYPE_CHECKING:
    from torch import nn


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

    Raises what `open_backbone` and `ModelStore.install` raise.
    """
    backbone = open_backbone(architecture, weights=weights, head=head)
    if weights is not None:
        check_file(weights)
        tensors = file_weights(weights, backbone.network)
        fill(backbone.network, tensors, backbone.architecture)

    def write(folder: Path) -> tuple[ModelFile, ...]:
        file = write_weights(
            folder / "backbone.safetensors",
            "timm",
            backbone.architecture,
            {key: value.numpy() for key, value in backbone.network.state_dict().items()},
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
        lambda _: named_license(named, UNKNOWN),
        source=architecture if weights is None else f"{architecture} from {weights.name}",
        accept_license=accept_license,
    )


def _empty(file: ModelFile) -> nn.Module:
    return empty_backbone(file.architecture)


register(Family(kind="timm", name="timm", installed_by="import-timm ARCHITECTURE", empty=_empty))
