"""Models that differ in size, batch and preparation, installed where a test asks for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gestalt_space.weights.inspection import inspect_model
from gestalt_space.weights.manifest import InstalledModel
from tests import made

Install = Callable[..., InstalledModel]


@pytest.fixture(scope="session")
def install(tmp_path_factory: pytest.TempPathFactory) -> Install:
    """Makes an ArcFace-style model with the options of `made.arcface_onnx`, as if installed."""

    def make(**options: object) -> InstalledModel:
        folder = tmp_path_factory.mktemp("model")
        path = folder / "encoder.onnx"
        made.arcface_onnx(path, **options)
        return installed(path)

    return make


def installed(path: Path) -> InstalledModel:
    return InstalledModel(
        name="made",
        folder=path.parent,
        files=(inspect_model(path),),
        source="the tests",
        license="made by the tests",
        terms="",
        restricted=False,
        accepted_at=None,
        added_at="2026-01-01T00:00:00+00:00",
    )
