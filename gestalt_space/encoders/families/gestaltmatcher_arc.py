"""GestaltMatcher-Arc (Hustinx 2023): two fine-tuned IResNets and an untouched one, four views."""

from __future__ import annotations

from pathlib import Path

from gestalt_space.encoders.family import Ensemble, register
from gestalt_space.encoders.importing import (
    ARC_LEVELS,
    ARC_SIZE,
    check_file,
    checkpoint,
    named_license,
    write_weights,
)
from gestalt_space.encoders.preparation import ALL_VIEWS
from gestalt_space.errors import ModelUnsuitable
from gestalt_space.weights.inspection import inspect_model
from gestalt_space.weights.manifest import InstalledModel, ModelFile
from gestalt_space.weights.store import License, ModelStore

FINE_TUNED = ("iresnet50", "iresnet100")
LICENSE = License(
    "GestaltMatcher-Arc weights",
    "Available from their authors on request, for research. InsightFace's terms apply to the "
    "models they were trained from.",
    True,
)


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
        from gestalt_space.encoders.gestaltmatcher import read_arc

        files = []
        for path, wanted in zip((r50, r100), FINE_TUNED, strict=True):
            arc = read_arc(checkpoint(path))
            if arc.architecture != wanted:
                raise ModelUnsuitable(
                    f"{path.name} has the network {arc.architecture} instead of {wanted}.",
                    "Check that the files of --r50 and --r100 are not swapped.",
                )
            classifier = {}
            if arc.classifier_weight is not None and arc.classifier_bias is not None:
                classifier = {"weight": arc.classifier_weight, "bias": arc.classifier_bias}
            files.append(
                write_weights(
                    folder / f"{wanted}.safetensors", "iresnet", wanted, arc.weights, classifier
                )
            )
        return (*files, _untouched(untouched, folder))

    return store.install(
        name,
        write,
        lambda _: named_license(license_name, LICENSE),
        source=", ".join(path.name for path in (r50, r100, untouched)),
        accept_license=accept_license,
        views=tuple(view.name for view in ALL_VIEWS),
    )


def _untouched(path: Path, folder: Path) -> ModelFile:
    """An ONNX encoder, copied as it is. It has to take and give what the fine-tuned ones do."""
    from gestalt_space.encoders.onnx_graph import read_graph

    check_file(path)
    target = folder / path.name
    target.write_bytes(path.read_bytes())
    file = inspect_model(target)
    expected = ("encoder", "arcface", ARC_SIZE, ARC_LEVELS, ARC_LEVELS, 512)
    found = (file.role, file.kind, file.input_size, file.mean, file.std, file.dim)
    if found != expected:
        raise ModelUnsuitable(
            f"{path.name} is a {file.role} ({file.kind}) of {file.input_size} pixels, levels "
            f"{file.mean} and {file.std}, {file.dim} numbers. It must be an ArcFace encoder of "
            f"{ARC_SIZE} pixels, levels {ARC_LEVELS} and {ARC_LEVELS}, 512 numbers.",
            "The untouched model of GestaltMatcher-Arc is glint360k_r100.onnx.",
        )
    read_graph(target)  # beside networks of torch it cannot stay with ONNX Runtime
    return file


register(
    Ensemble(
        kinds=frozenset({"iresnet", "arcface"}),
        name="iresnet+onnx",
        installed_by="import-gestaltmatcher-arc --r50 FILE --r100 FILE --untouched FILE",
    )
)
