"""The folder of a model, with its manifest, is installed as what it says it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from gestalt_space.errors import LicenseNotAccepted, ModelDamaged, ModelUnsuitable, UsageError
from gestalt_space.weights.manifest import CARD, FILE_NAME, InstalledModel, ModelFile, sha256_of
from gestalt_space.weights.manifest import write_manifest as write
from gestalt_space.weights.store import ModelStore
from tests import made


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model of two encoders, one of each format."""
    folder = tmp_path / "trained"
    folder.mkdir()
    made.arcface_onnx(folder / "a.onnx")
    save_file({"w": np.ones(3, np.float32)}, folder / "b.safetensors")
    (folder / CARD).write_text("# Card", encoding="utf-8")
    (folder / "notes.txt").write_text("not a part of it", encoding="utf-8")
    files = tuple(
        ModelFile(
            name,
            sha256_of(folder / name),
            (folder / name).stat().st_size,
            "encoder",
            kind,
            112,
            127.5,
            127.5,
            16,
        )
        for name, kind in (("a.onnx", "arcface"), ("b.safetensors", "iresnet"))
    )
    write(
        InstalledModel(
            "mine",
            folder,
            files,
            "made",
            "Own licence",
            "Ask first.",
            True,
            None,
            "2026",
            ("flip0-grey0",),
        )
    )
    return folder


def changed(folder: Path, **values: Any) -> Path:
    path = folder / FILE_NAME
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(record | values), encoding="utf-8")
    return folder


def test_it_keeps_licence_views_facts_and_card(store: ModelStore, folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    model = store.add(folder, accept_license=True)
    assert (model.name, model.license, model.terms) == ("mine", "Own licence", "Ask first.")
    assert (model.restricted, model.views) == (True, ("flip0-grey0",))
    assert [(file.file, file.kind) for file in model.files] == [
        ("a.onnx", "arcface"),
        ("b.safetensors", "iresnet"),
    ]
    assert store.verify("mine") == model
    assert sorted(path.name for path in model.folder.iterdir()) == [
        CARD,
        "a.onnx",
        "b.safetensors",
        FILE_NAME,
    ]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_its_licence_has_to_be_accepted(store: ModelStore, folder: Path) -> None:
    with pytest.raises(LicenseNotAccepted, match="Own licence"):
        store.add(folder, name="other")
    assert store.add(folder, name="other", license_name="Mine").license == "Mine"


def test_a_file_that_changed_or_is_missing_is_refused(store: ModelStore, folder: Path) -> None:
    save_file({"w": np.zeros(3, np.float32)}, folder / "b.safetensors")
    with pytest.raises(ModelDamaged, match="not the file that"):
        store.add(folder, accept_license=True)
    (folder / "b.safetensors").unlink()
    with pytest.raises(ModelDamaged, match="cannot be copied"):
        store.add(folder, accept_license=True)
    assert not store.damaged()
    assert [model.name for model in store.sound_models()] == ["builtin"]


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("b.safetensors", b"nonsense", ModelDamaged),
        ("a.onnx", b"nonsense", ModelDamaged),
        ("b.pth", b"nonsense", ModelUnsuitable),
    ],
)
def test_a_file_that_does_not_open_is_refused(
    store: ModelStore, folder: Path, name: str, content: bytes, error: type[Exception]
) -> None:
    (folder / name).write_bytes(content)
    file = {
        "file": name,
        "sha256": sha256_of(folder / name),
        "bytes": len(content),
        "role": "encoder",
        "kind": "iresnet",
    }
    with pytest.raises(error):
        store.add(changed(folder, files=[file]), accept_license=True)


@pytest.mark.parametrize("values", [{"license": 3}, {"name": None}, {"files": 3}, {"format": 9}])
def test_a_manifest_that_is_none_is_refused(
    store: ModelStore, folder: Path, values: dict[str, Any]
) -> None:
    with pytest.raises(ModelDamaged):
        store.add(changed(folder, **values), accept_license=True)


@pytest.mark.parametrize("name", ["../outside", "builtin"])
def test_a_name_that_no_model_can_have_is_refused(
    store: ModelStore, folder: Path, name: str
) -> None:
    with pytest.raises(UsageError):
        store.add(changed(folder, name=name), accept_license=True)


def test_an_installed_model_is_copied_from_another_home(store: ModelStore, tmp_path: Path) -> None:
    made.arcface_onnx(tmp_path / "small.onnx")
    first = store.add(tmp_path / "small.onnx", license_name="Mine")
    shutil.copytree(first.folder, tmp_path / "copy")
    other = ModelStore(tmp_path / "other").add(tmp_path / "copy")
    assert (other.name, other.license) == ("small", "Mine")
