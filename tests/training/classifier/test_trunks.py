"""The networks that regions begin with, and what becomes of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gestalt_space.encoders.registry import open_encoder
from gestalt_space.errors import ModelNotInstalled, ModelUnsuitable, UsageError
from gestalt_space.evaluation.split_file import TRAINING, VALIDATION
from gestalt_space.training.classifier.folds import deal_folds, split_of
from gestalt_space.training.classifier.identities import identity_split, simulated_identities
from gestalt_space.training.classifier.recipe import ClassifierRecipe, load_classifier_recipe
from gestalt_space.training.classifier.region_networks import Workshop, cross_validated
from gestalt_space.training.classifier.trunks import (
    CNN,
    Trunks,
    installed_trunks,
    pretrained_trunks,
    region_faces,
    region_recipe,
)
from gestalt_space.training.computing import Computing
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.training.space.conftest import make_faces

COMPUTING = Computing(torch.device("cpu"), half=False)
TINY = (
    "regions=eyes, left",
    "pretraining_persons=4",
    "pretraining_photos=4",
    "pretraining_epochs=1",
    "batch=4",
    "photos_per_disorder=1",
)


def recipe(*changes: str, name: str = "deepgestalt") -> ClassifierRecipe:
    return load_classifier_recipe(name, [*TINY, *changes])


def test_persons_are_themselves_in_all_their_photos_and_nobody_else() -> None:
    faces = simulated_identities(3, 4, seed=1)
    assert faces.crops.shape == (12, 112, 112, 3)
    assert faces.disorders.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    again = simulated_identities(4, 4, seed=1)
    np.testing.assert_array_equal(again.crops[:12], faces.crops)  # more persons change nobody
    split = identity_split(faces)
    for person in range(3):
        parts = split.parts[faces.disorders == person]
        assert sorted(parts.tolist()) == [TRAINING] * 3 + [VALIDATION]


def test_deepgestalts_cnn_learns_a_face_task_for_each_region(tmp_path: Path) -> None:
    lines: list[str] = []
    trunks = pretrained_trunks(recipe(), tmp_path, COMPUTING, lines.append)
    left, eyes = trunks.open("left"), trunks.open("eyes")
    assert left.spec.channels == "grey"
    assert (left.spec.input_size, left.spec.dim) == (100, 320)
    weights = [next(iter(one.network.parameters())).detach() for one in (left, eyes)]
    assert not torch.equal(*weights)
    assert any("4 photos of each of 4 simulated persons" in line for line in lines)
    assert any(line.startswith("pre-training, eyes: epoch 1") for line in lines)
    # Again: nothing is left to do.
    lines.clear()
    again = pretrained_trunks(recipe(), tmp_path, COMPUTING, lines.append)
    assert torch.equal(next(iter(again.open("eyes").network.parameters())), weights[1])
    assert lines == []
    for change in ("pretraining_epochs=2", "seed=9", "view=in-place"):
        with pytest.raises(UsageError, match="networks that were pre-trained with other values"):
            pretrained_trunks(recipe(change), tmp_path, COMPUTING, lines.append)


def test_without_persons_the_cnn_begins_untrained(tmp_path: Path) -> None:
    trunks = pretrained_trunks(recipe("pretraining_persons=0"), tmp_path, COMPUTING, lambda _: None)
    one, other = trunks.open("left"), trunks.open("eyes")
    assert one.file.sha256 == other.file.sha256


def test_an_installed_encoder_is_taken_as_it_is(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    assert installed_trunks(store, recipe()) is None
    trunks = installed_trunks(store, recipe("model=builtin"))
    assert trunks is not None
    assert trunks.open("eyes").model.name == "builtin"
    with pytest.raises(ModelNotInstalled):
        installed_trunks(store, recipe("model=nothing"))
    assert recipe().model == CNN


def test_halves_are_not_mirrored_in_training() -> None:
    whole = recipe("flip=0.5")
    assert region_recipe(whole, "left").flip == 0
    assert region_recipe(whole, "eyes").flip == 0.5


def fine_tuning(folder: Path, *changes: str) -> Workshop:
    values = recipe(
        *("model=builtin", "fine_tune=true", "epochs=1", "folds=3", "watched_top=1", *changes),
        name="deepgestalt-builtin",
    )
    trunks = Trunks(ModelStore(folder / "models"), "builtin")
    return Workshop(values, trunks, folder, COMPUTING, lambda _: None)


def test_each_fold_has_networks_that_did_not_see_it(tmp_path: Path) -> None:
    workshop = fine_tuning(tmp_path)
    faces = make_faces(4, 4)
    folds = deal_folds(faces, 3, seed=1)
    found = cross_validated(workshop, faces, folds, "eyes")
    assert found.shape == (12, 2)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert sorted(path.name for path in (tmp_path / "regions" / "eyes").iterdir()) == [
        "fold-1",
        "fold-2",
        "fold-3",
    ]
    # What is held out changes nothing but what is said of it.
    changed = faces.crops.copy()
    changed[folds == 0] = 255 - changed[folds == 0]
    other = fine_tuning(tmp_path / "other")
    again = cross_validated(other, region_like(faces, changed), folds, "eyes")
    assert not np.allclose(again[folds == 0], found[folds == 0])
    network = workshop.network("eyes", shown(faces), split_of(folds, 0, 2), "fold-1").network
    same = other.network("eyes", shown(faces, changed), split_of(folds, 0, 2), "fold-1").network
    for one, another in zip(network.parameters(), same.parameters(), strict=True):
        torch.testing.assert_close(one, another)


def region_like(faces, crops):
    return replace(faces, crops=crops)


def shown(faces, crops=None):
    whole = faces if crops is None else region_like(faces, crops)
    return region_faces(whole, "eyes", recipe(name="deepgestalt-builtin"))


def test_a_network_that_is_not_tuned_is_the_installed_one(tmp_path: Path) -> None:
    workshop = fine_tuning(tmp_path, "fine_tune=false")
    faces = make_faces(4, 4)
    network = workshop.network("eyes", shown(faces), split_of(np.arange(12) % 3, 0, 2))
    assert not (tmp_path / "regions").exists()
    assert network.model.name == "builtin"


def test_an_ensemble_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "two").mkdir(exist_ok=True)
        made.arcface_onnx(tmp_path / "two" / f"{name}.onnx", seed=ord(name))
    store = ModelStore(tmp_path / "models")
    store.add(tmp_path / "two", name="two", license_name="MIT")
    with pytest.raises(ModelUnsuitable, match="has 2 encoders"):
        installed_trunks(store, recipe("model=two"))


def test_a_model_with_views_is_used_without_them(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    made.arcface_onnx(tmp_path / "plain" / "e.onnx", seed=3)
    store = ModelStore(tmp_path / "models")
    plain = store.add(tmp_path / "plain" / "e.onnx", name="plain", license_name="MIT")
    viewed = replace(plain, views=("flip1-grey0", "flip0-grey0"))
    workshop = fine_tuning(tmp_path, "fine_tune=false")
    network = replace(workshop.trunks.open("eyes"), model=viewed)
    crops = make_faces(3, 3).crops
    expected = open_encoder(plain, device="cpu").encode(crops)[:, 0]
    np.testing.assert_allclose(workshop.describe(network, crops), expected, atol=1e-6)
