"""Which classifier a name stands for, what it is known by, and how it is opened."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from gestalt_space.classifiers.class_layer import ClassLayers
from gestalt_space.classifiers.region_ensemble import RegionEnsemble
from gestalt_space.classifiers.regions import REGIONS
from gestalt_space.devices import Device
from gestalt_space.encoders.registry import open_encoder
from gestalt_space.encoders.specification import Encoder
from gestalt_space.errors import ModelDamaged, ModelUnsuitable
from gestalt_space.weights.manifest import InstalledModel
from gestalt_space.weights.store import ModelStore


def find_classifier(store: ModelStore, name: str) -> InstalledModel:
    """The installed classifier of that name. Raises `ModelNotInstalled`, `ModelUnsuitable`."""
    model = store.get(name)
    if model.classifier is None:
        known = ", ".join(one.name for one in store.sound_models() if one.classifier is not None)
        raise ModelUnsuitable(
            f"The model {name} is not a classifier.",
            f"Installed classifiers: {known}."
            if known
            else "Train one with `gestalt train multiclass`, and add it with `gestalt models add`.",
        )
    return model


def fingerprint_of(model: InstalledModel) -> str:
    """The sha256 by which a classifier is known, whatever its name: of those of its files."""
    return hashlib.sha256(" ".join(sorted(one.sha256 for one in model.files)).encode()).hexdigest()


def open_classifier(
    model: InstalledModel, *, device: Device = "auto", threads: int | None = None
) -> RegionEnsemble:
    """Open a classifier; networks are run as encoders are, in float32.

    Raises `ModelDamaged`, `ModelUnsuitable` for regions of a newer version, and what `open_encoder`
    raises.
    """
    facts = model.classifier
    if facts is None:
        raise ModelUnsuitable(f"The model {model.name} is not a classifier.", "Choose another one.")
    files = {file.file: file for file in model.files}
    opened: dict[str, Encoder] = {}
    encoders, sizes = {}, {}
    for one in facts.regions:
        if one.region not in REGIONS:
            raise ModelUnsuitable(
                f"The classifier {model.name} has a region {one.region!r}, which is not known.",
                "It may be from a newer gestalt-space. Install that version.",
            )
        file = files[one.file]
        if one.file not in opened:  # regions may share a network
            own = (replace(file, role="encoder"),)
            alone = replace(model, files=own, views=(), classifier=None)
            opened[one.file] = open_encoder(alone, device=device, threads=threads)
        encoders[one.region] = opened[one.file]
        sizes[one.region] = len(facts.classes), file.dim
    try:
        layers = ClassLayers.read(model.checked_path(files[facts.layers]), sizes)
    except ModelDamaged:
        raise
    except Exception as error:  # safetensors raises anything on hostile input
        raise ModelDamaged(
            f"{facts.layers} of the model {model.name} cannot be opened ({error}).",
            f"Run `gestalt models verify {model.name}`.",
        ) from error
    known_by = (fingerprint_of(model), *model.trained_from)
    return RegionEnsemble(facts, encoders, layers.by_region, known_by)
