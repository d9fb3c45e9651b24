"""The networks from which regions are trained: an installed encoder, or DeepGestalt's CNN, trained
to recognise simulated persons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from gestalt_space.classifiers.regions import cut, is_half
from gestalt_space.encoders.gestaltmatcher import FACENET_DIM, FaceNet
from gestalt_space.encoders.importing import write_weights
from gestalt_space.encoders.registry import find_encoder_model
from gestalt_space.encoders.trainable import TrainableEncoder, open_trainable
from gestalt_space.errors import UsageError
from gestalt_space.paths import display_name
from gestalt_space.training.classifier.identities import identity_split, simulated_identities
from gestalt_space.training.classifier.recipe import ClassifierRecipe
from gestalt_space.training.computing import Computing
from gestalt_space.training.space.labelled_faces import LabelledFaces
from gestalt_space.training.space.loop import Training, train
from gestalt_space.weights.manifest import BUILTIN, ModelFile
from gestalt_space.weights.store import License, ModelStore

CNN = "deepgestalt-cnn"
"""Stands for DeepGestalt's CNN before it has learnt anything."""
PRETRAINING = "pretraining"
_UNTRAINED = "untrained"
_START = 9
_LATER = frozenset(
    {"model", "regions", "fine_tune", "ridge", "region_weights", "folds", "epochs", "stop_after"}
    | {"frequent", "validation", "test", "leave_out_single", "watched_top"}
)
"""Values of a recipe on which the pre-training does not depend."""
Log = Callable[[str], None]


@dataclass(frozen=True)
class Trunks:
    """Where the network of each region begins."""

    store: ModelStore
    name: str | None

    def open(self, region: str) -> TrainableEncoder:
        """A network that nothing was trained on yet in this run. Raises what `open_trainable`
        raises."""
        return open_trainable(find_encoder_model(self.store, self.name or region))


def installed_trunks(store: ModelStore, recipe: ClassifierRecipe) -> Trunks | None:
    """The installed encoder of a recipe; None if it has to be made by `pretrained_trunks`.

    Raises what `open_trainable` raises.
    """
    if recipe.model == CNN and not any(one.name == CNN for one in store.sound_models()):
        return None
    open_trainable(find_encoder_model(store, recipe.model))
    return Trunks(store, recipe.model)


def pretrained_trunks(
    recipe: ClassifierRecipe, folder: Path, computing: Computing, log: Log
) -> Trunks:
    """DeepGestalt's CNN for each region, trained to recognise simulated persons by it; kept in
    `folder`, where a training that was interrupted goes on.

    Raises `UsageError` for a folder with networks that were pre-trained with other values.
    """
    store = ModelStore(folder / "models", builtin=None)
    builtin = ModelStore(folder / "models").get(BUILTIN)
    license_ = License(builtin.license, builtin.terms, restricted=False)
    source = _source(recipe)
    for model in store.sound_models():
        if model.source != source:
            raise UsageError(
                f"{display_name(folder)} has networks that were pre-trained with other values: "
                f"{model.source}.",
                "Choose another --output.",
            )
    if not _is_there(store, _UNTRAINED):
        store.install(
            _UNTRAINED, partial(_write_untrained, recipe.seed), lambda _: license_, source=source
        )
    missing = [region for region in recipe.region_names if not _is_there(store, region)]
    if not recipe.pretraining_persons or not recipe.pretraining_epochs:
        return Trunks(store, _UNTRAINED)
    if missing:
        log(
            f"pre-training: {recipe.pretraining_photos} photos of each of "
            f"{recipe.pretraining_persons} simulated persons"
        )
        faces = simulated_identities(
            recipe.pretraining_persons, recipe.pretraining_photos, recipe.seed
        )
        for region in missing:
            network = _pretrained(recipe, region, faces, store, folder, computing, log)
            store.install(region, network.write, lambda _: license_, source=source)
    return Trunks(store, None)


def region_recipe(recipe: ClassifierRecipe, region: str) -> ClassifierRecipe:
    """The recipe for a region: halves are not mirrored, as each would become the other one."""
    return replace(recipe, flip=0.0) if is_half(region) else recipe


def region_faces(faces: LabelledFaces, region: str, recipe: ClassifierRecipe) -> LabelledFaces:
    """Faces of which only a region is shown."""
    return replace(faces, crops=cut(faces.crops, region, recipe.view))


def _pretrained(
    recipe: ClassifierRecipe,
    region: str,
    faces: LabelledFaces,
    store: ModelStore,
    folder: Path,
    computing: Computing,
    log: Log,
) -> TrainableEncoder:
    """The network of a region after the epoch at which it recognised persons best."""
    start = open_trainable(store.get(_UNTRAINED))
    stage = replace(
        region_recipe(recipe, region), epochs=recipe.pretraining_epochs, watched_top=1, stop_after=0
    )
    place = folder / region
    place.mkdir(exist_ok=True)
    shown = region_faces(faces, region, recipe)
    training = Training(stage, start, shown, identity_split(faces), place, computing, may_stay=True)
    train(training, lambda epoch: log(f"pre-training, {region}: {epoch}"))
    return start


def _source(recipe: ClassifierRecipe) -> str:
    """How a network is pre-trained, as its manifest has it: all values but those of the patients
    and of later stages."""
    values = (f"{key}={value}" for key, value in recipe.values.items() if key not in _LATER)
    return f"simulated persons: {', '.join(values)}"


def _is_there(store: ModelStore, name: str) -> bool:
    return any(one.name == name for one in store.sound_models())


def _write_untrained(seed: int, folder: Path) -> tuple[ModelFile, ...]:
    torch.manual_seed(seed + _START)
    weights = {name: one.numpy() for name, one in FaceNet().state_dict().items()}
    file = write_weights(
        folder / "facenet.safetensors",
        "facenet",
        "facenet-relu",
        weights,
        dim=FACENET_DIM,
        input_size=100,
        mean=0.0,
        std=255.0,
        channels="grey",
        resize="bilinear 100",
    )
    return (file,)
