"""Recipes of classifiers: those of spaces, and what regions need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from gestalt_space.classifiers.regions import REGIONS
from gestalt_space.errors import UsageError
from gestalt_space.training.space.recipe import RANGES, Recipe, load_recipe_of
from gestalt_space.weights.classifier_facts import RegionView

RegionWeights = Literal["learnt", "equal"]


@dataclass(frozen=True, slots=True)
class ClassifierRecipe(Recipe):
    """The values of a recipe; `recipes/deepgestalt.toml` says what each of them is."""

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        **RANGES,
        **dict.fromkeys(("pretraining_persons", "pretraining_epochs"), (0, 100_000)),
        "pretraining_photos": (4, 1000),
        "ridge": (1e-6, 1e6),
        "folds": (3, 100),
    }
    regions: str
    view: RegionView
    fine_tune: bool
    pretraining_persons: int
    pretraining_photos: int
    pretraining_epochs: int
    ridge: float
    region_weights: RegionWeights
    folds: int

    @property
    def region_names(self) -> tuple[str, ...]:
        """The regions in their order."""
        return tuple(word.strip() for word in self.regions.split(","))


def load_classifier_recipe(name: str, changes: Sequence[str] = ()) -> ClassifierRecipe:
    """The recipe of that name or file with changes, as `load_recipe`. Raises `UsageError`."""
    recipe = load_recipe_of(ClassifierRecipe, name, changes)
    if recipe.trained_share != 1:
        raise UsageError(
            f"trained_share is {recipe.trained_share:g}, but the last layer of a classifier fits "
            "the trained weights alone.",
            "Use trained_share=1.",
        )
    names = recipe.region_names
    for region in names:
        if region not in REGIONS:
            raise UsageError(
                f"There is no region {region[:40]!r}.", f"Choose from: {', '.join(REGIONS)}."
            )
    if len(set(names)) < len(names):
        raise UsageError("A region is named twice.", "Name each region once.")
    return recipe
