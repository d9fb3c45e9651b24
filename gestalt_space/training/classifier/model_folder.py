"""The result of a training: a folder with a classifier and its card, that `gestalt models add`
takes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from gestalt_space.atomic_folders import whole_folder
from gestalt_space.classifiers.class_layer import ClassLayers
from gestalt_space.training.classifier.region_networks import TrainedRegion
from gestalt_space.weights.classifier_facts import ClassifierFacts, RegionNetwork
from gestalt_space.weights.manifest import (
    CARD,
    InstalledModel,
    ModelFile,
    sha256_of,
    write_manifest,
)

LAYERS = "class-layers.safetensors"


@dataclass(frozen=True)
class Weighted:
    """Regions as they are written, and their weights."""

    regions: Sequence[TrainedRegion]
    weights: Mapping[str, float]


def write_classifier(
    folder: Path,
    name: str,
    start: str,
    facts: ClassifierFacts,
    trained: Weighted,
    card: str,
    *,
    mark: Callable[[InstalledModel], object],
) -> None:
    """Write the networks, the class layers, the manifest and the card. `start`: what the networks
    began as; `facts`: all but regions. The licence is that of the networks it was trained from.
    `mark` is called with the model before its folder appears.

    Raises `OutputError`, and what `mark` raises.
    """
    model = trained.regions[0].network.model
    with whole_folder(folder) as aside:
        written: dict[str, ModelFile] = {}
        regions = []
        for one in trained.regions:
            file = _write_network(one, aside) if one.is_fine_tuned else _copy_network(one, aside)
            written[file.file] = file
            regions.append(RegionNetwork(one.region, file.file, trained.weights[one.region]))
        files = list(written.values())
        ClassLayers({one.region: one.layer for one in trained.regions}).write(aside / LAYERS)
        files.append(_layers_file(aside / LAYERS, len(facts.classes)))
        classifier = InstalledModel(
            name=name,
            folder=aside,
            files=tuple(files),
            source=f"{start}, trained by gestalt train {facts.experiment}",
            license=model.license,
            terms=model.terms,
            restricted=model.restricted,
            accepted_at=None,
            added_at=datetime.now(UTC).isoformat(timespec="seconds"),
            classifier=replace(facts, regions=tuple(regions), layers=LAYERS),
            trained_from=_ancestors(trained.regions),
        )
        write_manifest(classifier)
        (aside / CARD).write_text(card, encoding="utf-8")
        mark(classifier)


def _ancestors(regions: Sequence[TrainedRegion]) -> tuple[str, ...]:
    """The fingerprints of the encoders that networks were trained from."""
    starts = [one.network for one in regions]
    found = (
        fingerprint
        for start in starts
        for fingerprint in (*start.model.trained_from, start.spec.fingerprint)
    )
    return tuple(dict.fromkeys(found))


def _write_network(one: TrainedRegion, folder: Path) -> ModelFile:
    """Write the network under the name of its region, as it is run."""
    with tempfile.TemporaryDirectory(dir=folder) as aside:
        written = one.network.write(Path(aside))
        (file,) = (file for file in written if file.role == "encoder")
        named = f"{one.region}{Path(file.file).suffix}"
        shutil.copyfile(Path(aside) / file.file, folder / named)
    return replace(file, file=named, role="classifier")


def _copy_network(one: TrainedRegion, folder: Path) -> ModelFile:
    """Copy the installed network; regions that share it share the file."""
    file = one.network.file
    source = one.network.model.checked_path(file)
    named = f"network-{file.sha256[:8]}{source.suffix}"
    if not (folder / named).exists():
        shutil.copyfile(source, folder / named)
    return replace(file, file=named, role="classifier", modified_ns=0)


def _layers_file(path: Path, classes: int) -> ModelFile:
    return ModelFile(
        file=path.name,
        sha256=sha256_of(path),
        bytes=path.stat().st_size,
        role="classifier",
        kind="class-layers",
        classes=classes,
    )
