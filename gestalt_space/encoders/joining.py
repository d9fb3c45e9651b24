"""Installed encoders as one model: an ensemble, each face having a slot of each."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gestalt_space.encoders.family import family_of
from gestalt_space.encoders.preparation import ALL_VIEWS
from gestalt_space.encoders.registry import encoder_spec, find_encoder_model
from gestalt_space.errors import GraphUnknown, ModelUnsuitable, UsageError
from gestalt_space.weights.manifest import InstalledModel, ModelFile
from gestalt_space.weights.store import License, ModelStore


def join_models(
    store: ModelStore, names: Sequence[str], name: str, *, all_views: bool = False
) -> InstalledModel:
    """Install the encoders of several models as one model, in their order. Their licences all
    apply. `all_views`: each network sees a face as it is, mirrored, in grey, and both, as in
    GestaltMatcher-Arc; otherwise as in the models.

    Raises `UsageError` for fewer than two models, `ModelUnsuitable` for networks that do not go
    together, and what `find_encoder_model` and `ModelStore.install` raise.
    """
    if len(set(names)) < max(2, len(names)):
        raise UsageError(
            "Two or more different models are needed.", "`gestalt models list` shows all models."
        )
    members = [find_encoder_model(store, one) for one in names]
    views = tuple(view.name for view in ALL_VIEWS) if all_views else members[0].views
    for one in members:
        if not all_views and one.views != views:
            raise ModelUnsuitable(
                f"{members[0].name} and {one.name} show faces to their networks in different ways.",
                "Add --all-views to show each face in all four ways to each network.",
            )
    _check_together(members)
    return store.install(
        name,
        lambda folder: tuple(file for one in members for file in _copied(one, folder)),
        lambda _: _license(members),
        source=f"joined from {', '.join(names)}",
        accept_license=True,  # as each of them was when it was installed
        views=views,
        trained_from=_ancestors(members),
    )


def _check_together(members: Sequence[InstalledModel]) -> None:
    """Raises `ModelUnsuitable` for a network that is there twice, and for an ONNX file that cannot
    be run beside networks of torch."""
    files = [(one, file) for one in members for file in one.encoders]
    if len({file.sha256 for _, file in files}) < len(files):
        raise ModelUnsuitable(
            "Two of the models have the same network.", "Name models with different networks."
        )
    onnx = [(one, file) for one, file in files if family_of(file.kind).is_onnx]
    if len(onnx) in (0, len(files)):
        return
    from gestalt_space.encoders.networks import load_network

    for one, file in onnx:
        try:
            load_network(one, file)
        except GraphUnknown as error:
            raise ModelUnsuitable(
                f"{one.name} cannot be run beside networks of torch: {error.message}",
                "Join it with other ONNX models only.",
            ) from error


def _copied(model: InstalledModel, folder: Path) -> list[ModelFile]:
    copied = []
    for file in model.encoders:
        named = f"{model.name}-{file.file}"
        shutil.copyfile(model.checked_path(file), folder / named)
        copied.append(replace(file, file=named))
    return copied


def _license(members: Sequence[InstalledModel]) -> License:
    """All licences, and the terms of all."""
    names = dict.fromkeys(one.license for one in members)
    terms = dict.fromkeys(one.terms for one in members if one.terms)
    return License("; ".join(names), " ".join(terms), any(one.restricted for one in members))


def _ancestors(members: Sequence[InstalledModel]) -> tuple[str, ...]:
    """The fingerprints by which galleries know on whom members were trained."""
    trained = (one for one in members if one.trained_from)
    found = (
        fingerprint
        for one in trained
        for fingerprint in (*one.trained_from, encoder_spec(one).fingerprint)
    )
    return tuple(dict.fromkeys(found))
