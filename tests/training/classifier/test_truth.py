"""Classifiers of simulated patients, where it is known what was planted, and where."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gestalt_space.faces.alignment import SIZE
from gestalt_space.simulate.aligned_photos import photographed
from gestalt_space.simulate.persons import Persons
from gestalt_space.simulate.phenotypes import show
from gestalt_space.stats.area import area
from gestalt_space.training.classifier.crossed import cross_fit
from gestalt_space.training.classifier.folds import deal_folds
from gestalt_space.training.classifier.plan import Plan
from gestalt_space.training.classifier.recipe import load_classifier_recipe
from gestalt_space.training.classifier.region_networks import Workshop
from gestalt_space.training.classifier.trunks import Trunks
from gestalt_space.training.computing import Computing
from gestalt_space.training.space.labelled_faces import LabelledFaces
from gestalt_space.weights.store import ModelStore

EACH = 30
PLANTED = {
    "eyes": {"HP:0000508": 3.0, "HP:0000637": 3.0},
    "mouth": {"HP:0000154": 3.0, "HP:0012471": 3.0},
}
"""Ptosis and long fissures; a wide mouth and full lips."""


def patients(region: str) -> LabelledFaces:
    """As many with a phenotype of that region as without."""
    persons, count = Persons.builtin(), 2 * EACH
    crops = np.empty((count, SIZE, SIZE, 3), np.uint8)
    for place in range(count):
        rng = np.random.default_rng([5, place])
        portrait = persons.portrait(persons.sample(rng), rng)
        shown = show(portrait, PLANTED[region]) if place < EACH else portrait
        crops[place] = photographed(shown, rng)
    return LabelledFaces(
        crops=crops,
        patient_of_face=np.arange(count),
        patients=tuple(map(str, range(count))),
        families=np.arange(count),
        disorders=np.repeat([0, 1], EACH),
        sex=("",) * count,
        ancestry=("",) * count,
        titles=("planted", "none"),
        left_out={},
    )


@pytest.mark.parametrize(("region", "other"), [("eyes", "mouth"), ("mouth", "eyes")])
def test_the_weight_is_where_the_phenotype_was_planted(
    region: str, other: str, tmp_path: Path
) -> None:
    recipe = load_classifier_recipe("deepgestalt-builtin", ["regions=eyes, mouth"])
    plan = Plan(recipe, None, tmp_path)
    trunks = Trunks(ModelStore(tmp_path), "builtin")
    computing = Computing(torch.device("cpu"), half=False)
    workshop = Workshop(recipe, trunks, tmp_path, computing, lambda _: None)
    faces = patients(region)
    found = cross_fit(plan, workshop, faces, deal_folds(faces, 5, seed=1))
    first = faces.disorders == 0
    areas = {
        name: area(found.by_region[:, place, 0], first)
        for place, name in enumerate(recipe.region_names)
    }
    weights = dict(zip(recipe.region_names, found.final_weights.tolist(), strict=True))
    assert area(found.probabilities[:, 0], first) > 0.9
    assert areas[region] > 0.9 > areas[other]
    assert weights[region] > 0.75
