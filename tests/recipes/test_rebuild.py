"""All built-in models from a few photos, as the command makes them from thousands."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gestalt_space.errors import UsageError
from gestalt_space.faces.builtin import BuiltinDetector
from gestalt_space.faces.cover import CoverModel
from gestalt_space.simulate.persons import Persons
from recipes.__main__ import app
from recipes.commit import commit
from recipes.encoder.training import TrainingStage
from recipes.rebuild import Rebuilding, Steps, rebuild

TINY = Steps(2, 2, 2, 100, (TrainingStage(4, 2, 0.2, (1e-3, 0.0)),))


@pytest.fixture
def plan(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rebuilding:
    for name in ("detector", "cover", "encoder"):
        monkeypatch.setattr(f"recipes.{name}.recipe.PERSONS", 8)
    monkeypatch.setattr("recipes.detector.pictures.BACKGROUNDS", 6)
    monkeypatch.setattr("recipes.detector.landmarks.BATCH", 16)
    monkeypatch.setattr("recipes.cover.recipe.BATCH", 4)
    sizes = {"CHUNK": 50, "TEST_GROUPS": 4, "TEST_PEOPLE": 2, "TEST_PERSONS": 4}
    for name, size in sizes.items():
        monkeypatch.setattr(f"recipes.encoder.recipe.{name}", size)
    (tmp_path / "photos").mkdir()
    with zipfile.ZipFile(shared / "data" / "utkface.zip") as archive:
        for name in archive.namelist()[5000:5150]:
            (tmp_path / "photos" / name).write_bytes(archive.read(name))
    teacher = shared / "models" / "yunet_n.onnx"
    return Rebuilding(tmp_path / "photos", teacher, tmp_path / "models", 3, None, "cpu", TINY)


@pytest.mark.lengthy
@pytest.mark.shared
def test_a_broken_off_rebuild_goes_on_where_it_was(
    plan: Rebuilding, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    lines: list[str] = []
    with monkeypatch.context() as broken:
        broken.setattr("recipes.rebuild.train_encoder", stop)
        with pytest.raises(KeyboardInterrupt):
            rebuild(plan, lines.append)
    before = {file.name: file.stat().st_mtime_ns for file in plan.folder.glob("*.*")}
    assert {"persons.safetensors", "detector.onnx", "cover.onnx"} < before.keys()
    assert "encoder.onnx" not in before
    rebuild(plan, lines.append)
    after = {file.name: file.stat().st_mtime_ns for file in plan.folder.iterdir()}
    assert after.items() > before.items()
    assert after.keys() - before.keys() == {"encoder.onnx", "encoder.log"}
    assert lines.count("detector.onnx is there already.") == 1
    for name in ("detector", "cover", "encoder"):
        log = (plan.folder / f"{name}.log").read_text(encoding="utf-8")
        assert commit() in log.splitlines()[0]
        assert "seed 3" in log.splitlines()[0]
    Persons.load(plan.folder / "persons.safetensors")
    BuiltinDetector(plan.folder / "detector.onnx")
    CoverModel(plan.folder / "cover.onnx")


def test_parts_of_different_runs_are_not_mixed(tmp_path: Path) -> None:
    (tmp_path / "yunet.onnx").touch()
    begun = {"commit": "another", "seed": 3, "photos": "photos", "teacher": "none"}
    begun |= {"recogniser": None}
    (tmp_path / "rebuild.json").write_text(json.dumps(begun), encoding="utf-8")
    plan = Rebuilding(tmp_path / "photos", tmp_path / "yunet.onnx", tmp_path, 3)
    with pytest.raises(UsageError, match="begun with commit another, teacher none"):
        rebuild(plan, print)


@pytest.mark.parametrize("what", ["rebuild", "detector", "cover", "encoder"])
@pytest.mark.parametrize(
    ("photos", "options", "named"),
    [
        ("there", ["--teacher", "there", "--seed", "-1"], "--seed"),
        ("none", ["--teacher", "there"], "'photos'"),
        ("there", ["--teacher", "none"], "--teacher"),
    ],
)
def test_what_cannot_be_is_told_and_trains_nothing(
    what: str, photos: str, options: list[str], named: str, tmp_path: Path
) -> None:
    (tmp_path / "there").touch()
    paths = {name: str(tmp_path / name) for name in ("there", "none", "out.onnx")}
    words = [what, photos, *options, "-o", "out.onnx"]
    ran = CliRunner().invoke(app, [paths.get(word, word) for word in words])
    assert ran.exit_code == 2
    assert named in ran.output
    assert [file.name for file in tmp_path.iterdir()] == ["there"]
