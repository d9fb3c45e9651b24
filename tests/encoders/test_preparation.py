from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gestalt_space.encoders.preparation import (
    ALL_VIEWS,
    GREY_WEIGHTS,
    FaceView,
    grey,
    levelled,
    parse_views,
    prepare,
    prepare_views,
    sized,
)
from gestalt_space.encoders.specification import EncoderSpec
from gestalt_space.encoders.torch_preparation import TorchPreparation
from gestalt_space.types import Crops
from tests import made

SPEC = EncoderSpec(
    family="test",
    weights=("ab" * 32,),
    template="arcface-112",
    input_size=112,
    channels="RGB",
    mean=127.5,
    std=127.5,
    slots=("model0",),
    dim=4,
)


@pytest.fixture
def crops() -> Crops:
    return np.stack([made.crop(seed) for seed in range(3)])


def test_levels_are_those_of_the_published_script(crops: Crops):
    expected = (crops.astype(np.float64) / 255 - 0.5) / 0.5
    assert np.allclose(prepare(crops, SPEC), expected.transpose(0, 3, 1, 2), atol=1e-6)


def test_each_channel_has_its_own_mean_and_deviation(crops: Crops):
    spec = replace(SPEC, mean=(123.7, 116.3, 103.5), std=(58.4, 57.1, 57.4))
    expected = (crops - np.array(spec.mean)) / np.array(spec.std)
    assert np.allclose(prepare(crops, spec), expected.transpose(0, 3, 1, 2), atol=1e-5)


def test_views_are_the_face_as_it_is_mirrored_and_grey(crops: Crops):
    shown = prepare_views(crops, SPEC, ALL_VIEWS)
    assert shown.shape == (4, 3, 3, 112, 112)
    for view, images in zip(ALL_VIEWS, shown, strict=True):
        faces = grey(crops) if view.grey else crops
        faces = faces[:, :, ::-1] if view.flip else faces
        assert np.array_equal(images, prepare(np.ascontiguousarray(faces), SPEC))


def test_grey_is_pillows_luma_in_three_channels(crops: Crops):
    greyed = grey(crops)
    assert (greyed == greyed[..., :1]).all()
    luma = np.stack([np.asarray(Image.fromarray(crop).convert("L")) for crop in crops])
    assert np.abs(greyed[..., 0].astype(int) - luma).max() <= 1


def test_grey_is_the_weighted_sum_of_all_colours_to_the_bit():
    steps = np.arange(0, 256, 3, dtype=np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(1, 86, -1, 3)
    weighted = (colours * np.array(GREY_WEIGHTS, np.float32)).sum(axis=3, dtype=np.float32)
    assert np.array_equal(grey(colours)[..., 0], np.floor(weighted + np.float32(0.5)))


@pytest.mark.parametrize(
    "levels",
    [
        {"mean": 127.5, "std": 128.0},
        {"mean": (123.7, 116.3, 103.5), "std": (58.4, 57.1, 57.4), "resize": "bicubic 128"},
    ],
)
def test_torch_gets_the_same_numbers_as_onnx_runtime(levels: dict[str, Any], crops: Crops):
    spec = replace(SPEC, **levels)
    faces = torch.from_numpy(sized(crops, spec)).permute(0, 3, 1, 2)
    images = TorchPreparation(spec, ALL_VIEWS)(faces)
    expected = prepare_views(crops, spec, ALL_VIEWS)
    assert np.array_equal(images.numpy(), expected.reshape(images.shape))


def test_a_grey_network_gets_the_same_numbers_in_torch(crops: Crops):
    spec = replace(
        SPEC, input_size=100, channels="grey", resize="bilinear 100", mean=0.0, std=255.0
    )
    faces = torch.from_numpy(sized(crops, spec)).permute(0, 3, 1, 2)
    assert np.array_equal(TorchPreparation(spec)(faces).numpy(), prepare(crops, spec))


def test_a_face_is_resized_by_pillow_and_its_middle_taken(crops: Crops):
    spec = replace(SPEC, input_size=96, resize="bicubic 108")
    expected = Image.fromarray(crops[0]).resize((108, 108), Image.Resampling.BICUBIC)
    assert np.array_equal(sized(crops, spec)[0], np.asarray(expected)[6:102, 6:102])


def test_a_grey_network_gets_one_channel(crops: Crops):
    spec = replace(
        SPEC, input_size=100, channels="grey", resize="bilinear 100", mean=0.0, std=255.0
    )
    images = prepare(crops, spec)
    assert images.shape == (3, 1, 100, 100)
    expected = Image.fromarray(crops[1]).resize((100, 100), Image.Resampling.BILINEAR).convert("L")
    assert np.allclose(images[1, 0], np.asarray(expected) / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("resize", "channels", "depth"),
    [("", "RGB", 3), ("bicubic 128", "RGB", 3), ("bilinear 112", "grey", 1)],
)
def test_no_faces_give_no_images(resize: str, channels: str, depth: int):
    spec = replace(SPEC, resize=resize, channels=channels)
    none = np.zeros((0, 112, 112, 3), np.uint8)
    assert prepare(none, spec).shape == (0, depth, 112, 112)


@pytest.mark.parametrize("size", [128, 224])
def test_no_faces_give_no_images_of_another_template(size: int):
    none = np.zeros((0, 112, 112, 3), np.uint8)
    assert sized(none, replace(SPEC, input_size=size)).shape == (0, size, size, 3)


def test_timm_prepares_a_face_alike(crops: Crops):
    data = pytest.importorskip("timm.data")
    config = {
        "input_size": (3, 224, 224),
        "interpolation": "bicubic",
        "mean": (0.485, 0.456, 0.406),
        "std": (0.229, 0.224, 0.225),
        "crop_pct": 0.9,
    }
    transform = data.create_transform(**config, is_training=False)
    spec = replace(
        SPEC,
        input_size=224,
        resize="bicubic 248",
        mean=tuple(255 * value for value in config["mean"]),
        std=tuple(255 * value for value in config["std"]),
    )
    ours = prepare(crops, spec)
    theirs = np.stack([transform(Image.fromarray(crop)).numpy() for crop in crops])
    assert np.abs(ours - theirs).max() < 1e-4


def test_views_are_known_by_name():
    assert parse_views([]) == (FaceView(),)
    assert parse_views([view.name for view in ALL_VIEWS]) == ALL_VIEWS
    assert len({view.name for view in ALL_VIEWS}) == 4
    with pytest.raises(KeyError):
        parse_views(["upside-down"])


def test_levels_of_an_untouched_image_are_its_pixels(crops: Crops):
    spec = replace(SPEC, mean=0.0, std=1.0)
    assert np.array_equal(levelled(crops, spec), crops.transpose(0, 3, 1, 2).astype(np.float32))
