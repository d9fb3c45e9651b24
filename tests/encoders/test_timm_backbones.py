from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from huggingface_hub import constants
from PIL import Image
from safetensors.torch import save_file
from timm.data import create_transform, resolve_model_data_config

from gestalt_space.encoders import timm_backbones
from gestalt_space.encoders.families.timm import import_timm
from gestalt_space.encoders.registry import encoder_spec, open_encoder
from gestalt_space.encoders.timm_backbones import open_backbone
from gestalt_space.errors import (
    DownloadFailed,
    LicenseNotAccepted,
    ModelDamaged,
    ModelError,
    ModelUnsuitable,
)
from gestalt_space.weights.store import ModelStore
from tests import made

NAME = "test_vit"
HUB_NAME = "hf_hub:somebody/tiny_vit.arcface"


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """The weights of a backbone with its class layer, as timm writes them."""
    torch.manual_seed(3)
    network = timm.create_model(NAME, num_classes=10)
    save_file(network.state_dict(), tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub's cache with one face-recognition model, and no network."""
    cache = tmp_path / "hub"
    place = cache / "models--somebody--tiny_vit.arcface"
    snapshot = place / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("abc")
    arguments = {"img_size": 112, "patch_size": 16}
    torch.manual_seed(4)
    network = timm.create_model(NAME, num_classes=32, **arguments)
    save_file(network.state_dict(), snapshot / "model.safetensors")
    config = {
        "architecture": NAME,
        "num_classes": 32,
        "model_args": arguments,
        "pretrained_cfg": {
            "input_size": [3, 112, 112],
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
            "crop_pct": 1.0,
            "interpolation": "bicubic",
            "license": "mit",
            "num_classes": 32,
            "first_conv": "patch_embed.proj",
            "classifier": "head",
        },
    }
    (snapshot / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HUGGINGFACE_HUB_CACHE", str(cache), raising=False)
    return cache


def test_a_backbone_from_a_file_gives_what_timm_gives(store: ModelStore, weights: Path):
    model = import_timm(store, NAME, weights=weights, license_name="Apache-2.0")
    encoder = open_encoder(model, device="cpu", precision="float32")
    crops = np.stack([made.crop(seed) for seed in range(3)])
    torch.manual_seed(3)
    network = timm.create_model(NAME, num_classes=10)
    network.reset_classifier(0)
    transform = create_transform(**resolve_model_data_config(network), is_training=False)
    with torch.inference_mode():
        images = torch.stack([transform(Image.fromarray(crop)) for crop in crops])
        expected = torch.nn.functional.normalize(network.eval()(images)).numpy()
    slots = encoder.encode(crops)
    assert slots.shape == (3, 1, 64)
    assert (slots[:, 0] * expected).sum(axis=1).min() > 0.99999


def test_the_specification_is_the_models_own(store: ModelStore, weights: Path):
    model = import_timm(store, NAME, weights=weights, license_name="Apache-2.0")
    spec = encoder_spec(model)
    assert spec.family == "timm"
    assert (spec.input_size, spec.dim, spec.resize) == (160, 64, "bicubic 168")
    assert spec.mean == (127.5, 127.5, 127.5)
    assert model.license == "Apache-2.0"
    assert not model.restricted


def test_a_model_of_the_hub_keeps_its_head_and_its_licence(store: ModelStore, hub: Path):
    model = import_timm(store, HUB_NAME, head=True)
    assert (model.name, model.license) == ("tiny_vit.arcface", "mit")
    spec = encoder_spec(model)
    assert (spec.input_size, spec.dim, spec.resize) == (112, 32, "bicubic 112")
    # It opens without the hub.
    for path in hub.rglob("*"):
        if path.is_file():
            path.unlink()
    slots = open_encoder(model, device="cpu").encode(made.crop(1)[None])
    assert slots.shape == (1, 1, 32)


def test_a_file_without_a_licence_has_to_be_accepted(store: ModelStore, weights: Path):
    with pytest.raises(LicenseNotAccepted):
        import_timm(store, NAME, weights=weights)
    assert not (store.folder / NAME).exists()
    assert import_timm(store, NAME, weights=weights, accept_license=True).restricted


def test_without_a_network_the_hub_is_not_waited_for(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
):
    def unreachable(*_: object, **__: object) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(timm_backbones.urllib.request, "urlopen", unreachable)
    with pytest.raises(DownloadFailed, match="cannot be reached") as raised:
        import_timm(store, "resnet18.a1_in1k")
    assert "--weights" in raised.value.hint


def test_a_hub_that_has_no_such_model_is_told(store: ModelStore, hub: Path):
    with pytest.raises(DownloadFailed, match="could not be downloaded"):
        import_timm(store, "hf_hub:somebody/else")


def test_a_name_that_timm_does_not_know_is_told(store: ModelStore, weights: Path):
    with pytest.raises(ModelUnsuitable, match="no_such_net"):
        import_timm(store, "no_such_net", weights=weights)
    with pytest.raises(ModelUnsuitable, match="of the hub"):
        import_timm(store, HUB_NAME, weights=weights)


def test_weights_of_another_network_are_told(store: ModelStore, weights: Path):
    with pytest.raises(ModelUnsuitable, match=r"missing: .*not expected: "):
        import_timm(store, "test_resnet", weights=weights, accept_license=True)


def test_a_damaged_or_missing_file_is_told(store: ModelStore, weights: Path):
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(ModelDamaged, match=r"model\.safetensors"):
        import_timm(store, NAME, weights=weights, accept_license=True)
    with pytest.raises(ModelError, match="There is no file"):
        import_timm(store, NAME, weights=weights.with_name("none.safetensors"))


def test_a_backbone_that_takes_no_square_rgb_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        timm_backbones,
        "_created",
        lambda *_, **__: timm.create_model(
            "test_resnet", num_classes=0, pretrained_cfg_overlay={"input_size": (3, 96, 128)}
        ),
    )
    with pytest.raises(ModelUnsuitable, match="3 × 96 × 128"):
        open_backbone("test_resnet", weights=Path("some.safetensors"))
