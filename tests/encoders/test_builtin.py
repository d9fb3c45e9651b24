"""The built-in encoder: it is there, small, sound, and tells simulated disorders apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gestalt_space.encoders.registry import encoder_spec, find_encoder_model, open_encoder
from gestalt_space.encoders.specification import Encoder
from gestalt_space.faces.alignment import align
from gestalt_space.simulate.cohort import CohortPlan, draw_cohort
from gestalt_space.simulate.persons import Persons
from gestalt_space.simulate.subjects import SampledSubjects
from gestalt_space.weights.store import ModelStore
from tests import made


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    store = ModelStore(tmp_path_factory.mktemp("empty"))
    return open_encoder(find_encoder_model(store), threads=1)


def test_it_is_the_encoder_where_nothing_is_installed(tmp_path: Path) -> None:
    model = find_encoder_model(ModelStore(tmp_path))
    assert model.name == "builtin"
    spec = encoder_spec(model)
    assert (spec.family, spec.dim, spec.slots) == ("builtin-onnx", 128, ("model0",))
    file = model.file("encoder")
    assert file is not None
    assert file.bytes <= 8_000_000


def test_an_installed_encoder_goes_before_it(tiny_store: ModelStore) -> None:
    assert find_encoder_model(tiny_store).name == "tiny"
    assert find_encoder_model(tiny_store, "builtin").name == "builtin"


def test_descriptors_are_of_unit_length_and_in_order(encoder: Encoder) -> None:
    crops = np.stack([made.crop(seed) for seed in range(5)])
    slots = encoder.encode(crops)
    assert slots.shape == (5, 1, 128)
    assert np.allclose(np.linalg.norm(slots, axis=2), 1, atol=1e-5)
    assert np.allclose(encoder.encode(crops[::-1]), slots[::-1], atol=1e-5)


def test_it_tells_disorders_apart_on_people_it_never_saw(encoder: Encoder) -> None:
    plan = CohortPlan(
        disorders=8, patients=64, photos_per_patient=1, difficulty="textbook", seed=2024
    )
    photos = list(draw_cohort(plan, SampledSubjects(Persons.builtin())).photos())
    crops = np.stack([align(shot.portrait.pixels, shot.portrait.landmarks) for shot in photos])
    disorders = np.array([shot.patient.disorder.id for shot in photos])
    slots = encoder.encode(crops)[:, 0]
    similarity = slots @ slots.T
    np.fill_diagonal(similarity, -2)
    found = float((disorders[similarity.argmax(axis=1)] == disorders).mean())
    chance = float(
        np.mean([np.mean(np.delete(disorders, row) == own) for row, own in enumerate(disorders)])
    )
    assert chance < 0.4
    assert found > chance + 0.4
