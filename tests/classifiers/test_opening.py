"""Classifiers: their class layers, their mean, and how they are opened."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.classifiers.class_layer import ClassLayer, ClassLayers, softmax
from gestalt_space.classifiers.opening import find_classifier, open_classifier
from gestalt_space.classifiers.region_ensemble import average
from gestalt_space.classifiers.regions import cut
from gestalt_space.encoders.registry import find_encoder_model, open_encoder
from gestalt_space.errors import ModelDamaged, ModelNotInstalled, ModelUnsuitable
from gestalt_space.weights.classifier_facts import Answer, ClassifierFacts, RegionNetwork
from gestalt_space.weights.manifest import InstalledModel, ModelFile, sha256_of, write_manifest
from gestalt_space.weights.store import ModelStore
from tests import made

CLASSES, DIM = 3, 16
LAYERS = "class-layers.safetensors"


def facts_of(*regions: str, **others: object) -> ClassifierFacts:
    networks = tuple(RegionNetwork(region, "network.onnx", 1 / len(regions)) for region in regions)
    facts = ClassifierFacts(
        experiment="multiclass",
        subject="",
        classes=tuple(Answer(f"SIM:{number}", "") for number in range(CLASSES)),
        view="in-place",
        regions=networks,
        layers=LAYERS,
        threshold=None,
        known=None,
        unknown=None,
    )
    return replace(facts, **others)


def write_folder(folder: Path, facts: ClassifierFacts, layers: ClassLayers) -> Path:
    folder.mkdir(parents=True)
    made.arcface_onnx(folder / "network.onnx", seed=1)
    layers.write(folder / LAYERS)
    files = []
    for name, kind in (("network.onnx", "arcface"), (LAYERS, "class-layers")):
        path = folder / name
        facts_of_file = (sha256_of(path), path.stat().st_size, "classifier", kind)
        files.append(ModelFile(name, *facts_of_file, 112, 127.5, 127.5, DIM))
    model = InstalledModel(
        "own", folder, tuple(files), "tests", "made", "", False, None, "2026", classifier=facts
    )
    write_manifest(model)
    return folder


def layers_of(*regions: str, seed: int = 0) -> ClassLayers:
    rng = np.random.default_rng(seed)
    return ClassLayers(
        {
            region: ClassLayer(
                rng.normal(size=(CLASSES, DIM)).astype(np.float32),
                rng.normal(size=CLASSES).astype(np.float32),
            )
            for region in regions
        }
    )


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models", builtin=None)


@pytest.fixture
def installed(tmp_path: Path, store: ModelStore) -> InstalledModel:
    folder = write_folder(tmp_path / "model", facts_of("face", "eyes"), layers_of("face", "eyes"))
    store.add(folder, name="own")
    return find_classifier(store, "own")


def test_probabilities_are_the_mean_of_the_regions_softmax(installed: InstalledModel) -> None:
    crops = np.stack([made.crop(seed) for seed in range(3)])
    found = open_classifier(installed, device="cpu")
    layers = layers_of("face", "eyes")
    (file, _) = installed.files
    alone = replace(installed, files=(replace(file, role="encoder"),), classifier=None)
    encoder = open_encoder(alone, device="cpu")
    expected = []
    for region in ("face", "eyes"):
        descriptors = encoder.encode(cut(crops, region, "in-place"))[:, 0].astype(np.float64)
        layer = layers.by_region[region]
        expected.append(softmax(descriptors @ layer.weights.T + layer.bias))
    given = found.probabilities(crops)
    np.testing.assert_allclose(given, np.mean(expected, axis=0), atol=1e-6)
    np.testing.assert_allclose(given.sum(axis=1), 1)
    np.testing.assert_allclose(found.by_region(crops), np.stack(expected, axis=1), atol=1e-6)


def test_weights_decide_how_much_a_region_says() -> None:
    by_region = np.array([[[0.9, 0.1], [0.2, 0.8]]])
    np.testing.assert_allclose(average(by_region, [1, 0]), [[0.9, 0.1]])
    np.testing.assert_allclose(average(by_region, [1, 1]), [[0.55, 0.45]])
    np.testing.assert_allclose(average(by_region, [0.25, 0.75]), [[0.375, 0.625]])


def test_a_classifier_is_never_chosen_as_an_encoder(
    store: ModelStore, installed: InstalledModel
) -> None:
    with pytest.raises(ModelNotInstalled):
        find_encoder_model(store)
    with pytest.raises(ModelUnsuitable, match="is a classifier and has no encoder"):
        find_encoder_model(store, "own")
    assert store.verify("own").classifier == installed.classifier


def test_an_encoder_is_no_classifier(tmp_path: Path) -> None:
    with pytest.raises(ModelUnsuitable, match="The model builtin is not a classifier") as caught:
        find_classifier(ModelStore(tmp_path), "builtin")
    assert "gestalt train multiclass" in caught.value.hint


def test_a_region_of_a_newer_version_is_refused(tmp_path: Path, store: ModelStore) -> None:
    folder = write_folder(tmp_path / "model", facts_of("ear"), layers_of("ear"))
    store.add(folder, name="own")
    with pytest.raises(ModelUnsuitable, match="has a region 'ear'"):
        open_classifier(find_classifier(store, "own"), device="cpu")


def test_class_layers_of_another_size_are_refused(tmp_path: Path, store: ModelStore) -> None:
    facts = facts_of("face", classes=(Answer("A", ""), Answer("B", "")))
    store.add(write_folder(tmp_path / "model", facts, layers_of("face")), name="own")
    with pytest.raises(ModelDamaged, match="the class layer of face has another size"):
        open_classifier(find_classifier(store, "own"), device="cpu")


def test_class_layers_that_are_not_numbers_are_refused(tmp_path: Path, store: ModelStore) -> None:
    layers = layers_of("face")
    layers.by_region["face"].bias[1] = np.nan
    store.add(write_folder(tmp_path / "model", facts_of("face"), layers), name="own")
    with pytest.raises(ModelDamaged, match="not finite"):
        open_classifier(find_classifier(store, "own"), device="cpu")


def test_a_file_that_changed_is_refused(store: ModelStore, installed: InstalledModel) -> None:
    path = store.folder / "own" / LAYERS
    path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\1")
    with pytest.raises(ModelDamaged, match="is not the file that was installed"):
        open_classifier(find_classifier(store, "own"), device="cpu")
