"""A model's file that is not the one that was installed is used by nothing; a mere copy is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from gestalt_space.encoders.export import export_encoder
from gestalt_space.encoders.registry import open_encoder
from gestalt_space.errors import ModelDamaged, ModelUnsuitable
from gestalt_space.faces.registry import detector_factory
from gestalt_space.weights import manifest
from gestalt_space.weights.manifest import FILE_NAME, InstalledModel, read_manifest
from gestalt_space.weights.store import ModelStore
from tests import made


@pytest.fixture
def model(tmp_path: Path, tiny_onnx: Path) -> InstalledModel:
    return ModelStore(tmp_path / "models").add(tiny_onnx, name="tiny", license_name="made")


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were hashed."""
    seen: list[str] = []
    real = manifest.sha256_of
    monkeypatch.setattr(manifest, "sha256_of", lambda path: (seen.append(path.name), real(path))[1])
    return seen


def exchange(model: InstalledModel) -> None:
    """Put another encoder of the same size in the place of the model's."""
    path = model.path(model.files[0])
    made.arcface_onnx(path, dim=16, seed=99)
    assert path.stat().st_size == model.files[0].bytes


def test_what_was_installed_is_opened_without_being_hashed(
    model: InstalledModel, hashed: list[str]
):
    open_encoder(model, device="cpu")
    assert hashed == []


@pytest.mark.parametrize(
    "use",
    [
        lambda model: open_encoder(model, device="cpu"),
        lambda model: open_encoder(model, device="cpu", precision="bf16"),
        lambda model: export_encoder(model, model.folder.parent / "out.onnx"),
    ],
    ids=["onnxruntime", "torch", "export"],
)
def test_another_encoder_under_its_name_is_refused(
    use: Callable[[InstalledModel], object],
    model: InstalledModel,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(
        "gestalt_space.encoders.precision.processor_precisions", lambda: ("float32", "bf16")
    )
    exchange(model)
    with pytest.raises(ModelDamaged, match="not the file that was installed") as caught:
        use(model)
    assert "gestalt models remove tiny" in caught.value.hint


def test_another_detector_under_its_name_is_refused(tmp_path: Path):
    source = Path(manifest.__file__).parent / "builtin"
    builtin = shutil.copytree(source, tmp_path / "builtin")
    store = ModelStore(tmp_path / "models", builtin=builtin)
    detector_factory(store, "builtin")
    path = builtin / "detector.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(ModelDamaged, match="not the file that was installed"):
        detector_factory(store, "builtin")


def test_a_detector_that_is_exchanged_before_it_is_needed_is_refused(tmp_path: Path):
    source = Path(manifest.__file__).parent / "builtin"
    builtin = shutil.copytree(source, tmp_path / "builtin")
    _, make = detector_factory(ModelStore(tmp_path / "models", builtin=builtin), "builtin")
    path = builtin / "detector.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(ModelDamaged, match="not the file that was installed"):
        make(1)


def test_a_file_of_the_same_size_and_another_time_is_told_from_a_copy(
    model: InstalledModel, hashed: list[str]
):
    """By its hash, and by nothing else."""
    path = model.path(model.files[0])
    whole, time = path.read_bytes(), path.stat().st_mtime_ns
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ModelDamaged):
        open_encoder(model, device="cpu")
    path.write_bytes(whole)
    open_encoder(model, device="cpu")
    assert hashed == [path.name] * 2
    assert read_manifest(model.folder).files[0].modified_ns == path.stat().st_mtime_ns != time


def test_a_network_that_keeps_its_numbers_in_another_file_is_refused(
    tmp_path: Path, tiny_onnx: Path
):
    network = onnx.load(tiny_onnx)
    onnx.save(
        network,
        tmp_path / "apart.onnx",
        save_as_external_data=True,
        location="numbers.onnx",
        size_threshold=0,
    )
    store = ModelStore(tmp_path / "models")
    with pytest.raises(ModelUnsuitable, match="in another file"):
        store.add(tmp_path / "apart.onnx", license_name="made")
    assert store.sound_models()[0].name == "builtin"


def test_a_copy_is_hashed_once(model: InstalledModel, hashed: list[str]):
    path = model.path(model.files[0])
    os.utime(path, ns=(1, 1))
    open_encoder(model, device="cpu")
    assert hashed == [path.name]
    again = read_manifest(model.folder)
    assert again.files[0].modified_ns == 1
    open_encoder(again, device="cpu")
    assert hashed == [path.name]


def test_a_store_that_cannot_be_written_to_is_read(
    model: InstalledModel, hashed: list[str], monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    before = (model.folder / FILE_NAME).read_bytes()
    os.utime(model.path(model.files[0]), ns=(1, 1))
    monkeypatch.setattr(Path, "write_bytes", refuse)
    for _ in range(2):
        open_encoder(read_manifest(model.folder), device="cpu")
    assert len(hashed) == 2
    assert (model.folder / FILE_NAME).read_bytes() == before


def test_the_packages_own_models_are_left_as_they_are(tmp_path: Path):
    source = Path(manifest.__file__).parent / "builtin"
    builtin = shutil.copytree(source, tmp_path / "builtin")
    open_encoder(ModelStore(tmp_path / "models", builtin=builtin).get("builtin"), device="cpu")
    assert (builtin / FILE_NAME).read_bytes() == (source / FILE_NAME).read_bytes()
