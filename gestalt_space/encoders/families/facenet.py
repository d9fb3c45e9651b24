"""GestaltMatcher's CNN (Hsieh 2022): DeepGestalt's, and face recognition's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gestalt_space.encoders.family import Family, register
from gestalt_space.encoders.importing import checkpoint, named_license, write_weights
from gestalt_space.weights.manifest import InstalledModel, ModelFile
from gestalt_space.weights.store import License, ModelStore

if TYPE_CHECKING:
    from torch import nn

LICENSE = License(
    "GestaltMatcher weights", "Available from their authors on request, for research.", True
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

    Raises `ModelUnsuitable` or `ModelDamaged`, and what `ModelStore.install` raises.
    """

    def write(folder: Path) -> tuple[ModelFile, ...]:
        from gestalt_space.encoders import gestaltmatcher

        weights, classifier = gestaltmatcher.read_facenet(checkpoint(path))
        architecture = gestaltmatcher.facenet_architecture(weights)
        layer = {} if classifier is None else dict(zip(("weight", "bias"), classifier, strict=True))
        file = write_weights(
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
        lambda _: named_license(license_name, LICENSE),
        source=path.name,
        accept_license=accept_license,
    )


def _empty(file: ModelFile) -> nn.Module:
    from gestalt_space.encoders.gestaltmatcher import FaceNet

    return FaceNet(file.architecture)


register(
    Family(kind="facenet", name="facenet", installed_by="import-gestaltmatcher FILE", empty=_empty)
)
