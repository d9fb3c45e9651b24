from __future__ import annotations

from pathlib import Path

import pytest

from gestalt_space.errors import UsageError
from gestalt_space.training.space.loop import train
from gestalt_space.training.space.recipe import load_recipe, recipe_names
from tests.training.space.conftest import Start


@pytest.mark.parametrize("name", recipe_names())
def test_each_recipe_that_comes_with_the_package_is_whole(name: str) -> None:
    assert load_recipe(name).name == name


def test_the_recipes_are_those_of_the_documentation() -> None:
    page = Path("docs/training.md").read_text(encoding="utf-8")
    arc = "gestaltmatcher-arc-r50"
    assert recipe_names() == ["builtin", "gestaltmatcher-2022", f"{arc[:-2]}100", arc]
    assert all(f"`{name}`" in page for name in recipe_names() if not name.endswith("100"))


@pytest.mark.parametrize("optimiser", ["adam", "adamw", "sgd"])
def test_every_optimiser_learns(optimiser: str, make_training: Start) -> None:
    changes = (f"optimiser={optimiser}", "loss=cross-entropy", "rate=1e-3", "epochs=6")
    training = make_training("run", *changes, may_stay=True)
    losses = [epoch.loss for epoch in train(training, lambda _: None)]
    assert losses[6] < losses[1]


def test_gestaltmatcher_arc_has_the_published_values() -> None:
    recipe = load_recipe("gestaltmatcher-arc-r50")
    assert (recipe.loss, recipe.dropout, recipe.batch, recipe.epochs) == (
        "cross-entropy",
        0.5,
        64,
        50,
    )
    assert (recipe.rate, recipe.class_rate, recipe.slower_after, recipe.watched_top) == (
        5e-4,
        1e-3,
        5,
        5,
    )
    assert (recipe.shrink, recipe.flip, recipe.grey, recipe.sampling) == (0.1, 0.5, 0.1, "plain")


def test_values_of_every_kind_can_be_changed() -> None:
    changed = load_recipe(
        "builtin", ["rate=1", "loss=sub-centre-arcface", "leave_out_single=true", "model=own"]
    )
    assert (changed.rate, changed.loss, changed.leave_out_single, changed.model) == (
        1.0,
        "sub-centre-arcface",
        True,
        "own",
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("epochs", "not key=value"),
        ("epoch=3", "no value 'epoch'"),
        ("epochs=3.5", "epochs is 3.5"),
        ("epochs=true", "epochs is True"),
        ("epochs=", "epochs is ''"),
        ("epochs=four", "epochs is 'four'"),
        ("epochs=0", "epochs is 0"),
        ("loss=triplet", "loss is 'triplet'"),
        ("flip=1.5", "flip is 1.5"),
        ("watched_top=3", "watched_top is 3"),
        ("rate=nan", "rate is nan"),
        ("batch=3", "no room for two disorders"),
    ],
)
def test_a_wrong_value_is_named(change: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_recipe("builtin", [change])


@pytest.mark.parametrize(
    ("change", "valid"),
    [
        ("epochs=four", "It must be a whole number from 1 to 100,000."),
        ("epochs=0", "It must be a whole number from 1 to 100,000."),
        ("leave_out_single=yes", "It must be true or false."),
        ("validation=some", "It must be a number from 0.01 to 0.5."),
        ("loss=triplet", "Choose one of: cross-entropy, arcface, sub-centre-arcface, contrastive."),
    ],
)
def test_what_a_valid_value_is_is_said(change: str, valid: str) -> None:
    with pytest.raises(UsageError) as refused:
        load_recipe("builtin", [change])
    assert refused.value.hint == valid


@pytest.mark.parametrize("change", ["sampling=plain", "photos_per_disorder=1"])
def test_the_contrastive_loss_needs_pairs(change: str) -> None:
    with pytest.raises(UsageError, match="contrastive"):
        load_recipe("builtin", ["loss=contrastive", change])


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    with pytest.raises(UsageError, match="cannot be read"):
        load_recipe(str(path))
    path.write_text("epochs = 3", encoding="utf-8")
    with pytest.raises(UsageError, match="does not say model, seed"):
        load_recipe(str(path))
    path.write_text("epochs = = 3", encoding="utf-8")
    with pytest.raises(UsageError, match="not valid TOML"):
        load_recipe(str(path))
    with pytest.raises(UsageError, match="no recipe 'nonsense'"):
        load_recipe("nonsense")
