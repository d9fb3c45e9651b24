"""Recipes: every value that decides what a training gives, in a readable TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar, get_args, get_type_hints

from gestalt_space.errors import UsageError
from gestalt_space.evaluation.topk import TOPS
from gestalt_space.paths import display_name

Loss = Literal["cross-entropy", "arcface", "sub-centre-arcface", "contrastive"]
Sampling = Literal["balanced", "plain"]
Optimiser = Literal["adam", "adamw", "sgd"]
Schedule = Literal["plateau", "cosine"]


RANGES: Mapping[str, tuple[float, float]] = {
    "seed": (0, 2**31 - 1),
    "frequent": (3, 1_000_000),
    "validation": (0.01, 0.5),
    "test": (0, 0.4),
    "dropout": (0, 0.95),
    "margin": (0, 89),
    "scale": (0.1, 1000),
    "sub_centres": (1, 100),
    "temperature": (1e-4, 100),
    "batch": (2, 100_000),
    "photos_per_disorder": (1, 1000),
    **dict.fromkeys(("flip", "grey", "shrink", "jitter"), (0, 1)),
    "hue": (0, 0.5),
    "shift": (0, 0.5),
    "turn": (0, 180),
    **dict.fromkeys(("rate", "class_rate", "least_rate"), (0, 10)),
    "layer_decay": (0.01, 1),
    "trained_layers": (0, 10_000),
    "adapter_rank": (0, 4096),
    "trained_share": (0.01, 1),
    **dict.fromkeys(("decay", "class_decay"), (0, 10)),
    "clip": (0, 1e9),
    **dict.fromkeys(("epochs", "validate_every"), (1, 100_000)),
    **dict.fromkeys(("slower_after", "stop_after"), (0, 100_000)),
}
"""The least and the most of the numbers of a recipe."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The values of a recipe; `recipes/builtin.toml` says what each of them is.

    `name`: of its file, without its ending. `ranges`: of its numbers.
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = RANGES
    name: str
    model: str
    seed: int
    frequent: int
    validation: float
    test: float
    leave_out_single: bool
    loss: Loss
    dropout: float
    margin: float
    scale: float
    sub_centres: int
    temperature: float
    discriminant: bool
    sampling: Sampling
    batch: int
    photos_per_disorder: int
    flip: float
    grey: float
    shrink: float
    jitter: float
    hue: float
    shift: float
    turn: float
    optimiser: Optimiser
    rate: float
    layer_decay: float
    trained_layers: int
    adapter_rank: int
    trained_share: float
    decay: float
    class_rate: float
    class_decay: float
    clip: float
    epochs: int
    validate_every: int
    watched_top: int
    schedule: Schedule
    slower_after: int
    least_rate: float
    stop_after: int

    @property
    def values(self) -> dict[str, Any]:
        """All values but the name."""
        values = asdict(self)
        del values["name"]
        return values


R = TypeVar("R", bound=Recipe)


def recipe_names(kind: type[Recipe] = Recipe) -> list[str]:
    """The recipes of a kind that come with gestalt-space."""
    return sorted(path.name.removesuffix(".toml") for path in _folder(kind).iterdir())


def load_recipe(name: str, changes: Sequence[str] = ()) -> Recipe:
    """The recipe of that name, or in that `.toml` file, with some values changed, each given as
    `key=value`. Raises `UsageError`.
    """
    return load_recipe_of(Recipe, name, changes)


def load_recipe_of(kind: type[R], name: str, changes: Sequence[str] = ()) -> R:
    """The recipe of a kind; see `load_recipe`."""
    text = _text_of(name, kind)
    kinds = _kinds(kind)
    title = Path(name).name.removesuffix(".toml")
    values = _parsed(text, f"The recipe {display_name(title)}")
    for change in changes:
        key, separator, value = change.partition("=")
        if not separator:
            raise UsageError(f"{change[:60]!r} is not key=value.", "Example: --set epochs=20")
        key = key.strip()
        value = value.strip()
        # As in the file, where texts are quoted; here they need not be.
        is_text = kinds.get(key) not in (bool, int, float)
        values[key] = value.strip("\"'") if is_text else _plain_value(value)
    return _checked(title, values, kind)


def _kinds(kind: type[Recipe]) -> dict[str, Any]:
    """What the values of a recipe are, by name."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind) if field.name != "name"}


def _folder(kind: type[Recipe]) -> Any:
    return files(kind.__module__.rpartition(".")[0]) / "recipes"


def _text_of(name: str, kind: type[Recipe]) -> str:
    names = recipe_names(kind)
    if name in names:
        return str((_folder(kind) / f"{name}.toml").read_text(encoding="utf-8"))
    known = f"Use one of {', '.join(names)}, or a .toml file."
    if not name.endswith(".toml"):
        raise UsageError(f"There is no recipe {name[:60]!r}.", known)
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError(f"{display_name(name)} cannot be read: {reason}.", known) from error


def _plain_value(text: str) -> Any:
    """A number, or true or false, as a recipe has it; a text that is neither as it is."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _parsed(text: str, what: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"{what} is not valid TOML: {error}.", "See https://toml.io for the format."
        ) from error


def _checked(title: str, values: dict[str, Any], kind: type[R]) -> R:
    kinds = _kinds(kind)
    known = list(kinds)
    for key in values:
        if key not in known:
            raise UsageError(
                f"The recipe has no value {key[:60]!r}.", f"It has {', '.join(known)}."
            )
    missing = [key for key in known if key not in values]
    if missing:
        raise UsageError(
            f"The recipe {title} does not say {', '.join(missing)}.",
            "Copy one of the recipes that come with gestalt-space, and change it.",
        )
    recipe = kind(title, **{key: _value(key, values[key], kinds[key], kind) for key in known})
    if recipe.watched_top not in TOPS:
        tops = ", ".join(map(str, TOPS))
        raise UsageError(f"watched_top is {recipe.watched_top}.", f"Choose one of: {tops}.")
    if recipe.loss == "contrastive" and (
        recipe.sampling != "balanced" or recipe.photos_per_disorder < 2
    ):
        raise UsageError(
            "The contrastive loss compares photos of one disorder within a batch.",
            "Use sampling=balanced and photos_per_disorder=2 or more.",
        )
    if recipe.photos_per_disorder * 2 > recipe.batch:
        raise UsageError(
            f"A batch of {recipe.batch} has no room for two disorders with "
            f"{recipe.photos_per_disorder} photos each.",
            "Use a larger batch.",
        )
    return recipe


def _value(key: str, value: Any, kind: Any, of: type[Recipe]) -> Any:
    """A value of its kind and in its range. Raises `UsageError`."""
    choices = get_args(kind)
    if choices:
        if value not in choices:
            raise UsageError(f"{key} is {value!r}.", f"Choose one of: {', '.join(choices)}.")
        return value
    if kind is float and type(value) is int:
        value = float(value)
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
    low, high = of.ranges.get(key, (None, None))
    valid = f"It must be {names[kind]}"
    if low is not None and high is not None:
        valid = f"{valid} from {_figure(low)} to {_figure(high)}"
    if type(value) is not kind:
        raise UsageError(f"{key} is {repr(value)[:60]}.", f"{valid}.")
    if low is not None and high is not None and not low <= value <= high:
        raise UsageError(f"{key} is {value}.", f"{valid}.")
    return value


def _figure(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:g}"
