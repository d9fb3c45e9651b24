"""The space that a gallery works in, and what the descriptors of it were made with."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from gestalt_space.devices import Precision
from gestalt_space.encoders.family import installed_by
from gestalt_space.encoders.registry import encoder_spec, find_encoder_model
from gestalt_space.encoders.specification import EncoderSpec
from gestalt_space.errors import GestaltError, ModelDamaged, ModelNotInstalled, SpaceMismatch
from gestalt_space.store.reads import StoredSpace
from gestalt_space.store.runs import RunCounts
from gestalt_space.types import EncodingRun
from gestalt_space.weights.catalogue import find_entry
from gestalt_space.weights.manifest import InstalledModel
from gestalt_space.weights.store import BUILTIN, ModelStore


@dataclass(frozen=True, slots=True)
class ActiveSpace:
    """The space that a gallery works in: the encoder's model, and the stored space if there is one.

    `chosen`: it was picked here, since the gallery had none and none was named.
    """

    model: InstalledModel
    fingerprint: str
    stored: StoredSpace | None
    chosen: bool


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the encoder here runs with, None where no photo was encoded, and what the gallery's
    descriptors of the space were made with."""

    probe: EncodingRun | None
    gallery: RunCounts

    @property
    def otherwise(self) -> str | None:
        """That the two are of different precisions, in words; None where they are not.

        Other devices and versions give the same numbers but for rounding, and descriptors of
        before precisions were recorded are not judged.
        """
        return None if self.probe is None else other_precisions(self.probe.precision, self.gallery)


def other_precisions(precision: Precision, runs: RunCounts) -> str | None:
    """That photos are encoded in another precision than descriptors, in words; None where not."""
    known = [(run.precision, count) for run, count in runs if run is not None]
    others = [(one, count) for one, count in known if one != precision]
    if not others:
        return None
    count = sum(count for _, count in others)
    precisions = " and ".join(dict.fromkeys(one for one, _ in others))
    return (
        f"These photos are encoded in {precision}, but {count:,} descriptors of "
        f"the gallery are in {precisions}."
    )


def mixed_precisions(runs: RunCounts) -> str | None:
    """That descriptors of one space are of several precisions, in words; None where not."""
    counts: dict[str, int] = {}
    for run, count in runs:
        if run is not None:
            counts[run.precision] = counts.get(run.precision, 0) + count
    if len(counts) < 2:
        return None
    told = " and ".join(f"{count:,} in {precision}" for precision, count in counts.items())
    return f"Its descriptors have different precisions: {told}."


def active_space(
    models: ModelStore, stored: Sequence[StoredSpace], name: str | None
) -> ActiveSpace:
    """The space to work in, of a gallery that has these: that of the model of this name, else the
    gallery's own, else that of the best encoder installed.

    Raises `ModelNotInstalled` or `SpaceMismatch`.
    """
    default = next((space for space in stored if space.is_default), None)
    if name is None and default is not None:
        return ActiveSpace(require_model(models, default), default.fingerprint, default, False)
    model = find_encoder_model(models, name)
    fingerprint = encoder_spec(model).fingerprint
    for space in stored:
        if space.model == model.name and space.fingerprint != fingerprint:
            raise SpaceMismatch(
                f"The installed encoder {model.name} has the space {fingerprint[:12]}, but the "
                f"gallery's descriptors of that name are of the space {space.fingerprint[:12]}.",
                "Install the encoder under another name, or install the one that was used.",
            )
    known = next((space for space in stored if space.fingerprint == fingerprint), None)
    return ActiveSpace(model, fingerprint, known, name is None)


def model_of(models: ModelStore, space: StoredSpace) -> InstalledModel | None:
    """The installed model that makes a stored space; None where none does."""
    for model in models.sound_models():
        # `gestalt models verify` and `gestalt doctor` report a damaged one.
        with suppress(ModelDamaged):
            if model.file("encoder") and encoder_spec(model).fingerprint == space.fingerprint:
                return model
    return None


def require_model(models: ModelStore, space: StoredSpace) -> InstalledModel:
    """The same. Raises `ModelNotInstalled`."""
    model = model_of(models, space)
    if model is not None:
        return model
    hint = (
        "The built-in encoder has changed in this version of gestalt-space. To use the new one: "
        "`gestalt index fill --space builtin --default`."
        if space.model == BUILTIN
        else f"Install it: `{install_command(space)}`. To use another encoder: `gestalt index "
        "fill --space NAME --default`."
    )
    raise ModelNotInstalled(
        f"The gallery uses the encoder {space.model} (space {space.fingerprint[:12]}), which is "
        "not installed.",
        hint,
    )


def install_command(space: StoredSpace) -> str:
    """The command that installs the encoder of a stored space."""
    if find_entry(space.model) is not None:
        return f"gestalt models pull {space.model}"
    try:
        family = EncoderSpec.from_json(space.specification).family
    except (GestaltError, ValueError, TypeError, KeyError, AttributeError):
        family = ""  # `gestalt index verify` tells of a specification that cannot be read
    return f"gestalt models {installed_by(family)} --name {space.model}"
