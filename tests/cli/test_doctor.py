"""`gestalt doctor`: exit code 0 where all is sound, 1 where something is not."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Command


def test_with_nothing_installed_the_built_in_models_work(gestalt: Command) -> None:
    ran = gestalt("doctor")
    assert ran.code == 0
    assert "FAIL" not in ran.out
    assert "builtin" in ran.out


def test_json_has_every_finding(filled: Path, gestalt: Command) -> None:
    document = gestalt("doctor", "--json").document
    assert document["version"] == 1
    findings = {finding["subject"]: finding for finding in document["findings"]}
    for subject in ("gestalt-space", "libraries", "onnxruntime", "faiss", "database", "space"):
        assert findings[subject]["state"] == "ok"
    assert findings["model tiny"]["state"] == "ok"
    assert findings["index tiny"]["detail"].endswith("no problem found")
    assert [name for name, found in findings.items() if found["state"] == "fail"] == []
    assert document["sound"] is True


def test_a_damaged_model_is_found(filled: Path, gestalt: Command) -> None:
    (weights,) = (filled / "models" / "tiny").glob("*.onnx")
    weights.write_bytes(weights.read_bytes()[:100])
    document = gestalt("doctor", "--json").document
    failed = {found["subject"] for found in document["findings"] if found["state"] == "fail"}
    assert "model tiny" in failed
