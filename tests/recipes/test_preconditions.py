from __future__ import annotations

from pathlib import Path

import pytest

from gestalt_space.errors import DeviceUnavailable, OutputError, UsageError
from gestalt_space.training import preconditions
from recipes.preconditions import check_training


def test_a_model_that_can_be_written_passes(tmp_path: Path) -> None:
    check_training(tmp_path / "model.onnx")


def test_missing_libraries_are_named_with_what_installs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preconditions, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="torch and onnxscript, which are") as caught:
        check_training(tmp_path / "model.onnx")
    assert "gestalt-space[training]" in caught.value.hint


def test_a_place_where_no_model_can_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="onnx"):
        check_training(tmp_path / "model.pt")
    (tmp_path / "there.log").touch()
    with pytest.raises(OutputError, match=r"there.log exists"):
        check_training(tmp_path / "there.onnx")
    with pytest.raises(OutputError, match="no folder"):
        check_training(tmp_path / "none" / "model.onnx")


def test_a_device_that_is_not_there_is_told_before_hours_of_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gestalt_space.encoders.precision.gpu_driver", lambda: False)
    check_training(tmp_path / "model.onnx", "cpu")
    with pytest.raises(DeviceUnavailable):
        check_training(tmp_path / "model.onnx", "cuda")
