"""`gestalt doctor`: exit code 0 where all is sound, 1 where something is not."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Command


def test_without_models_the_exit_code_is_1_and_the_next_command_is_told(gestalt: Command) -> None:
    ran = gestalt("doctor")
    assert ran.code == 1
    assert "FAIL" in ran.out
    assert "gestalt models pull" in ran.out
    assert "Something does not work" in ran.err


def test_json_has_every_finding(filled: Path, gestalt: Command) -> None:
    document = gestalt("doctor", "--json").document
    assert document["version"] == 1
    findings = {finding["subject"]: finding for finding in document["findings"]}
    for subject in ("gestalt-space", "libraries", "onnxruntime", "faiss", "database", "space"):
        assert findings[subject]["state"] == "ok"
    assert findings["model tiny"]["state"] == "ok"
    assert findings["index tiny"]["detail"].endswith("sound")
    # The home of the tests has no detector.
    assert [name for name, found in findings.items() if found["state"] == "fail"] == ["detector"]
    assert document["sound"] is False


def test_a_damaged_model_is_found(filled: Path, gestalt: Command) -> None:
    (weights,) = (filled / "models" / "tiny").glob("*.onnx")
    weights.write_bytes(weights.read_bytes()[:100])
    document = gestalt("doctor", "--json").document
    failed = {found["subject"] for found in document["findings"] if found["state"] == "fail"}
    assert "model tiny" in failed
