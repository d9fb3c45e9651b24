from __future__ import annotations

import pkgutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gestalt_space.encoders import families, family
from gestalt_space.encoders.family import family_of, installed_by, name_of
from gestalt_space.encoders.networks import empty_network
from gestalt_space.encoders.preparation import ALL_VIEWS
from gestalt_space.encoders.registry import encoder_spec, open_encoder
from gestalt_space.errors import ModelUnsuitable
from gestalt_space.weights.manifest import InstalledModel, ModelFile, sha256_of
from tests import made

VIEWS = tuple(view.name for view in ALL_VIEWS)


def file(kind: str, number: int = 0, **facts: object) -> ModelFile:
    usual = ModelFile(f"{kind}{number}", str(number) * 64, 1, "encoder", kind, 112, 127.5, 127.5)
    return replace(usual, **{"dim": 512, **facts})


def model(*files: ModelFile, views: tuple[str, ...] = ()) -> InstalledModel:
    return InstalledModel("m", Path(), files, "", "", "", False, None, "", views)


GREY = {"dim": 320, "input_size": 100, "mean": 0.0, "std": 255.0, "channels": "grey"}
LEVELS = {"mean": (1.0, 2.0, 3.0), "std": (4.0, 5.0, 6.0)}


@pytest.mark.parametrize(
    ("installed", "name", "fingerprint"),
    [
        (model(file("builtin", dim=128)), "builtin-onnx", "62ddb53b62dacfc6"),
        (model(file("arcface")), "arcface-onnx", "5cb8af84cc458ffd"),
        (model(file("arcface"), file("arcface", 1)), "onnx", "b36fcbd6e2bb9828"),
        (model(file("iresnet")), "iresnet", "99d7171f7898e2cd"),
        (
            model(file("iresnet"), file("iresnet", 1), file("arcface", 2), views=VIEWS),
            "iresnet+onnx",
            "b02df5c1fffe0272",
        ),
        (model(file("facenet", **GREY, resize="bilinear 100")), "facenet", "c470b1100672c346"),
        (
            model(file("timm", **LEVELS, input_size=224, resize="bicubic 248")),
            "timm",
            "a30ff89ce4ee29a5",
        ),
    ],
)
def test_fingerprints_of_stored_galleries_never_change(
    installed: InstalledModel, name: str, fingerprint: str
):
    """They stand in galleries, exports, files of descriptors and the audit trail of before."""
    spec = encoder_spec(installed)
    assert spec.family == name
    assert spec.fingerprint.startswith(fingerprint)


@pytest.mark.parametrize(
    ("kinds", "name"),
    [
        (("timm",), "timm"),
        (("timm", "timm"), "timm"),
        (("timm", "facenet", "timm"), "timm+facenet"),
        (("hologram",), "hologram"),
    ],
)
def test_networks_without_a_name_together_are_named_after_their_families(
    kinds: tuple[str, ...], name: str
):
    assert name_of(kinds) == name


def test_views_and_files_for_training_do_not_change_a_family_s_name():
    assert encoder_spec(model(file("arcface"), views=VIEWS)).family == "arcface-onnx"
    training = replace(file("iresnet", 1), role="training")
    assert encoder_spec(model(file("iresnet"), training)) == encoder_spec(model(file("iresnet")))


def test_a_space_s_encoder_is_installed_by_its_family_s_command():
    assert installed_by("iresnet+onnx").startswith("import-gestaltmatcher-arc --r50")
    assert installed_by("timm") == "import-timm ARCHITECTURE"
    assert installed_by("arcface-onnx") == installed_by("of a later version") == "add FILE"


def test_an_unknown_kind_is_told():
    with pytest.raises(ModelUnsuitable, match="hologram"):
        family_of("hologram")


def test_an_onnx_file_has_no_network_without_its_weights():
    with pytest.raises(ModelUnsuitable, match="is an ONNX file"):
        empty_network(file("arcface"))


def test_a_family_is_one_file_that_registers_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A file beside the others is enough to name, open and run its encoder."""
    (tmp_path / "colours.py").write_text(
        "from torch import nn\n"
        "from gestalt_space.encoders.family import Family, register\n"
        "def empty(file):\n"
        "    return nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, file.dim))\n"
        "register(Family('colours', 'mean-colours', 'import-colours', empty))\n"
    )
    monkeypatch.setattr(families, "__path__", [*families.__path__, str(tmp_path)])
    monkeypatch.setattr(family, "_families", {})
    monkeypatch.setattr(family, "_read_families", family._read_families.__wrapped__)
    weights = {"2.weight": torch.randn(5, 12), "2.bias": torch.randn(5)}
    path = tmp_path / "colours0"
    save_file(weights, path)
    here = replace(file("colours", dim=5), bytes=path.stat().st_size, sha256=sha256_of(path))
    opened = open_encoder(replace(model(here), folder=tmp_path), device="cpu")
    assert opened.spec.family == "mean-colours"
    assert opened.encode(made.crop(1)[None]).shape == (1, 1, 5)
    assert installed_by("mean-colours") == "import-colours"


def test_every_file_of_the_families_registers_something():
    family_of("builtin")
    modules = [module.name for module in pkgutil.iter_modules(families.__path__)]
    assert set(modules) == {*family._families, "gestaltmatcher_arc"}
