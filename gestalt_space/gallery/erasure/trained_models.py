"""Which of the installed models were trained on somebody, as far as the gallery knows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from gestalt_space.classifiers.opening import fingerprint_of
from gestalt_space.encoders.registry import encoder_spec
from gestalt_space.errors import GestaltError
from gestalt_space.paths import display_name
from gestalt_space.store.copied import without_names
from gestalt_space.weights.manifest import InstalledModel
from gestalt_space.weights.store import ModelStore


def installed_models(
    folder: Path, known: Mapping[str, bool], patients: Collection[str]
) -> Iterator[dict[str, Any]]:
    """The models in a folder that were trained on patients, or may have been, as a receipt lists
    them. `known`: as `CopiesOf.models` gives it; a model that was trained from another one has
    learned from its patients, too."""
    for model in ModelStore(folder, builtin=None).sound_models():
        if model.classifier is None and not model.trained_from:
            continue
        own = _fingerprint(model)
        is_certain = any(known.get(one) for one in (own, *model.trained_from))
        if is_certain or own not in known:
            path = without_names(display_name(model.folder.absolute()), patients)
            yield {"action": "model", "path": path, "at": model.added_at, "certain": is_certain}


def _fingerprint(model: InstalledModel) -> str:
    """The fingerprint of a classifier, or of an encoder's space; none where it cannot be made."""
    if model.classifier is not None:
        return fingerprint_of(model)
    try:
        return encoder_spec(model).fingerprint
    except GestaltError:
        return ""
