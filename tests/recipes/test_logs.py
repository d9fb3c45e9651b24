from __future__ import annotations

from pathlib import Path

import pytest

from recipes.logs import kept_log


def test_lines_go_to_the_log_and_to_a_file_beside_the_model(tmp_path: Path) -> None:
    lines: list[str] = []
    with kept_log(tmp_path / "model.onnx", lines.append) as note:
        note("one")
        note("two")
    assert lines == ["one", "two"]
    assert (tmp_path / "model.log").read_text(encoding="utf-8") == "one\ntwo\n"


def test_a_training_that_does_not_end_leaves_nothing(tmp_path: Path) -> None:
    # So that the same command starts anew.
    model = tmp_path / "model.onnx"

    def interrupted() -> None:
        with kept_log(model, lambda line: None) as note:
            note("one")
            model.touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []
