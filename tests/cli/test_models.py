"""`gestalt models`: what is installed, put in, checked and taken out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gestalt_space.encoders.iresnet import randomised
from gestalt_space.faces.crops import crop_to_png
from gestalt_space.weights.manifest import ModelFile, sha256_of
from tests import made
from tests.cli.conftest import Command
from tests.encoders.checkpoints import PublishedFaceNet


def installed(gestalt: Command) -> list[str]:
    """The models that are listed beside the built-in ones."""
    models = gestalt("models", "list", "--json").document["installed"]
    assert models[-1]["name"] == "builtin"
    return [model["name"] for model in models[:-1]]


def test_the_built_in_models_are_listed_checked_and_kept(gestalt: Command) -> None:
    assert installed(gestalt) == []
    shown = gestalt("models", "list").out
    assert "built in" in shown
    assert "builtin detector" in shown
    assert gestalt("models", "verify", "--json").document["models"] == {"builtin": "sound"}
    ran = gestalt("models", "remove", "builtin")
    assert ran.code == 2
    assert "cannot be removed" in ran.err


def test_an_encoder_of_unknown_licence_needs_acceptance(gestalt: Command, tiny_onnx: Path) -> None:
    words = ("models", "add", tiny_onnx, "--name", "mine", "--json")
    refused = gestalt(*words)
    assert refused.code == 2
    assert refused.document["error"]["code"] == "license_not_accepted"
    assert "--accept-license" in refused.document["error"]["hint"]
    assert installed(gestalt) == []
    taken = gestalt(*words, "--accept-license")
    assert taken.code == 0
    assert taken.document["installed"]["name"] == "mine"
    assert taken.document["installed"]["accepted_at"]


def test_a_licence_that_is_named_needs_none(gestalt: Command, tiny_onnx: Path) -> None:
    ran = gestalt("models", "add", tiny_onnx, "--name", "mine", "--license", "CC0-1.0")
    assert ran.code == 0
    assert ran.out == ""
    assert "mine installed" in ran.err
    assert "CC0-1.0" in ran.err


def test_who_adds_or_removes_a_detector_is_told_which_one_reads_new_photos(
    gestalt: Command, tiny_onnx: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_yunet(path: Path) -> ModelFile:
        return ModelFile(path.name, sha256_of(path), path.stat().st_size, "detector", "yunet")

    monkeypatch.setattr("gestalt_space.weights.copying.inspect_model", as_yunet)
    added = gestalt("models", "add", tiny_onnx, "--name", "yunet", "--json")
    assert added.document["installed"]["name"] == "yunet"
    assert "faces in new photos are found by yunet instead of builtin" in added.err
    assert "--detector builtin" in added.err
    second = gestalt("models", "add", tiny_onnx, "--name", "yunet2")
    assert "faces in new photos" not in second.err
    assert gestalt("models", "remove", "yunet2").err == "yunet2 removed.\n"
    assert "builtin instead of yunet" in gestalt("models", "remove", "yunet", "-q").err


def test_encoders_are_joined_to_one(gestalt: Command, tiny_onnx: Path, tmp_path: Path) -> None:
    made.arcface_onnx(tmp_path / "other.onnx", dim=16, seed=2)
    assert gestalt("models", "add", tiny_onnx, "--name", "one", "--license", "CC0-1.0").code == 0
    other = ("models", "add", tmp_path / "other.onnx", "--accept-license")
    assert gestalt(*other).code == 0
    joined = gestalt("models", "join", "one", "other", "--name", "both", "--json")
    assert joined.code == 0, joined.err
    model = joined.document["installed"]
    assert model["license"].startswith("CC0-1.0; ")
    assert model["restricted"] is True
    assert installed(gestalt) == ["both", "one", "other"]
    refused = gestalt("models", "join", "one", "--name", "alone")
    assert refused.code == 2
    assert "Two or more different models are needed." in refused.err


def test_the_name_is_the_file_s_where_none_is_given(gestalt: Command, tiny_onnx: Path) -> None:
    ran = gestalt("models", "add", tiny_onnx, "--license", "CC0-1.0", "--quiet")
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert installed(gestalt) == ["tiny"]


def test_list_shows_what_is_installed_and_what_is_offered(home: Path, gestalt: Command) -> None:
    document = gestalt("models", "list", "--json").document
    assert installed(gestalt) == ["tiny"]
    assert document["damaged"] == []
    offered = {entry["name"]: entry for entry in document["offered"]}
    assert {"buffalo_l", "buffalo_m", "buffalo_s", "buffalo_sc", "antelopev2"} <= set(offered)
    assert all(entry["license"] for entry in offered.values())
    shown = gestalt("models", "list").out
    assert "arcface encoder, 16-d" in shown
    assert "made by the tests" in shown
    assert "buffalo_l" in shown


def test_verify_tells_sound_from_damaged(home: Path, gestalt: Command) -> None:
    assert gestalt("models", "verify").code == 0
    assert gestalt("models", "verify", "tiny", "--json").document["models"] == {"tiny": "sound"}
    (weights,) = (home / "models" / "tiny").glob("*.onnx")
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    ran = gestalt("models", "verify", "--json")
    assert ran.code == 1
    assert "has changed since it was installed" in ran.document["models"]["tiny"]
    assert "gestalt models remove tiny" in ran.err
    assert "damaged" in gestalt("models", "verify").out


def test_a_folder_without_a_manifest_is_shown_as_damaged(home: Path, gestalt: Command) -> None:
    (home / "models" / "half").mkdir()
    assert gestalt("models", "list", "--json").document["damaged"] == ["half"]
    assert "damaged" in gestalt("models", "list").out
    assert gestalt("models", "remove", "half").code == 0
    assert gestalt("models", "list", "--json").document["damaged"] == []


def test_verify_names_a_damaged_folder_and_goes_on(home: Path, gestalt: Command) -> None:
    (home / "models" / "half").mkdir()
    ran = gestalt("models", "verify", "--json")
    assert ran.code == 1
    assert ran.document["models"]["tiny"] == "sound"
    assert ran.document["models"]["half"] != "sound"


def test_remove_takes_a_model_out(home: Path, gestalt: Command) -> None:
    ran = gestalt("models", "remove", "tiny")
    assert ran.code == 0
    assert "tiny removed" in ran.err
    assert installed(gestalt) == []


@pytest.mark.parametrize(
    ("words", "code", "exit_code"),
    [
        (("remove", "nothing"), "model_not_installed", 1),
        (("verify", "nothing"), "model_not_installed", 1),
        (("pull", "nothing"), "model_not_installed", 1),
        (("pull", "buffalo_l"), "license_not_accepted", 2),
        (("remove", "../tiny"), "usage", 2),
        (("add", "nothing.onnx", "--name", "x"), "model", 1),
        (("add", "text.onnx", "--name", "x"), None, 1),
        (("add", "{tiny}", "--name", "tiny"), "model_exists", 1),
        (("add", "{tiny}", "--name", "a/b"), "usage", 2),
    ],
)
def test_what_cannot_be_done_is_told(
    words: tuple[str, ...],
    code: str | None,
    exit_code: int,
    home: Path,
    gestalt: Command,
    tiny_onnx: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.onnx").write_text("no model", encoding="utf-8")
    given = [str(tiny_onnx) if word == "{tiny}" else word for word in words]
    json = () if words[0] == "remove" else ("--json",)
    ran = gestalt("models", *given, *json)
    assert ran.code == exit_code
    assert "Error:" in ran.err
    assert "Traceback" not in ran.err
    if json:
        error = ran.document["error"]
        assert error["code"] == (code or error["code"])
        assert error["hint"]
    assert gestalt("models", "verify").code == 0


def test_a_pull_without_a_network_says_how_to_add_the_file_by_hand(
    home: Path, gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Port 9 of this machine, where nothing listens: no test reaches out.
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    ran = gestalt("models", "pull", "yunet", "--json")
    assert ran.code == 1
    assert ran.document["error"]["code"] == "download_failed"
    assert "gestalt models add" in ran.document["error"]["hint"]


def test_a_checkpoint_is_imported_listed_used_and_exported(
    home: Path, gestalt: Command, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "s2_gmdb.pt"
    torch.save(randomised(PublishedFaceNet(5), seed=2).state_dict(), checkpoint)
    arguments = ("models", "import-gestaltmatcher", str(checkpoint))
    refused = gestalt(*arguments)
    assert refused.code == 2
    assert "--accept-license" in refused.err
    assert gestalt(*arguments, "--accept-license").code == 0
    assert "facenet-relu encoder, 320-d" in " ".join(gestalt("models", "list").out.split())
    crop = tmp_path / "crop.png"
    crop.write_bytes(crop_to_png(made.crop(1)))
    encoded = gestalt(
        *("encode", crop, "-o", tmp_path / "d.npz"),
        *("--space", "gestaltmatcher", "--detector", "aligned", "--precision", "float32"),
    )
    assert encoded.code == 0
    exported = tmp_path / "encoder.onnx"
    said = gestalt("models", "export", "gestaltmatcher", "-o", str(exported)).err
    assert "1 × 320 numbers per face" in said
    assert exported.stat().st_size > 1_000_000
    again = gestalt("models", "export", "gestaltmatcher", "-o", str(exported))
    assert again.code == 1
    assert "--overwrite" in again.err


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["import-gestaltmatcher", "none.pt"], 1, "There is no file none.pt"),
        (["import-insightface", "none.pth"], 1, "There is no file none.pth"),
        (["import-timm", "no_such_net", "--weights", "w.safetensors"], 1, "no_such_net"),
        (["export", "builtin", "-o", "model.txt"], 2, "does not end in .onnx"),
        (["export", "none", "-o", "model.onnx"], 1, "No model 'none' is installed"),
    ],
)
def test_what_cannot_be_imported_or_exported_is_told(
    gestalt: Command, arguments: list[str], code: int, told: str
) -> None:
    ran = gestalt("models", *arguments)
    assert ran.code == code
    assert told in ran.err
