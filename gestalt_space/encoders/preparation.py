"""Aligned faces to what a network takes: size, channels, the views of a face, levels.

ONNX Runtime gets all of it from here. What runs, is trained or exported in torch gets its size from
here, and views and levels from `torch_preparation`, by the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gestalt_space.encoders.specification import EncoderSpec, Levels
from gestalt_space.types import Crops

CROP_SIZE = 112
FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "nearest": Image.Resampling.NEAREST,
    "lanczos": Image.Resampling.LANCZOS,
}
GREY_WEIGHTS = (9798 / 2**15, 19235 / 2**15, 3735 / 2**15)
"""Of red, green and blue in grey: Rec. 601 as OpenCV rounds it. Sums in float32 are exact."""


@dataclass(frozen=True, slots=True)
class FaceView:
    """How a face is shown: mirrored, and without its colours."""

    flip: bool = False
    grey: bool = False

    @property
    def name(self) -> str:
        """As it stands in a model's manifest."""
        return f"flip{int(self.flip)}-grey{int(self.grey)}"


ALL_VIEWS = tuple(FaceView(flip, grey) for flip in (False, True) for grey in (False, True))
"""The four of GestaltMatcher-Arc's test-time augmentation, in the order of its files."""


def parse_views(names: Sequence[str]) -> tuple[FaceView, ...]:
    """Views by name; without any, the face as it is. Raises `KeyError`."""
    known = {view.name: view for view in ALL_VIEWS}
    return tuple(known[name] for name in names) or (FaceView(),)


def prepare(crops: Crops, spec: EncoderSpec) -> NDArray[np.float32]:
    """Aligned faces to the network's input, `(n, c, size, size)` float32."""
    return levelled(sized(crops, spec), spec)


def prepare_views(
    crops: Crops, spec: EncoderSpec, views: Sequence[FaceView]
) -> NDArray[np.float32]:
    """`(views, n, c, size, size)` float32: each face is resized once, and made grey once."""
    coloured = sized(crops, spec)
    greyed = grey(coloured) if any(view.grey for view in views) else coloured
    by_grey = {False: levelled(coloured, spec), True: levelled(greyed, spec)}
    return np.stack(
        [by_grey[view.grey][..., ::-1] if view.flip else by_grey[view.grey] for view in views]
    )


def sized(crops: Crops, spec: EncoderSpec) -> NDArray[np.uint8]:
    """Aligned faces in the network's size and channels, `(n, size, size, c)`.

    By the template, as InsightFace defines it, multiples of 112 scale an aligned face of 112
    pixels, multiples of 128 scale and centre it. Otherwise Pillow resizes, with antialiasing.
    """
    if spec.resize:
        name, side = spec.resize.split()
        return (
            np.stack([_pillow(crop, name, int(side), spec) for crop in crops])
            if len(crops)
            else np.zeros((0, spec.input_size, spec.input_size, _depth(spec)), np.uint8)
        )
    return crops if spec.input_size == CROP_SIZE else _retemplated(crops, spec.input_size)


def levelled(images: NDArray[np.uint8], spec: EncoderSpec) -> NDArray[np.float32]:
    """`(n, h, w, c)` uint8 to `(n, c, h, w)` float32, in the network's levels."""
    levels = np.ascontiguousarray(images.transpose(0, 3, 1, 2)).astype(np.float32)
    mean, scale = level_numbers(spec.mean, spec.std)
    if mean.any():
        levels -= mean
    if (scale != 1.0).any():
        levels *= scale
    return levels


def level_numbers(mean: Levels, std: Levels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What is subtracted from pixels 0..255, and what they are then multiplied by, as
    `(c or 1, 1, 1)`."""
    shift, divisor = (np.reshape(level, (-1, 1, 1)) for level in (mean, std))
    return shift.astype(np.float32), (1.0 / divisor).astype(np.float32)


def grey(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB images `(n, h, w, 3)` without colours: the luma of Rec. 601 in all three channels."""
    return (
        np.stack(
            [
                np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
                for image in images
            ]
        ).astype(np.uint8)
        if len(images)
        else images
    )


def _pillow(crop: NDArray[np.uint8], name: str, side: int, spec: EncoderSpec) -> NDArray[np.uint8]:
    image = Image.fromarray(crop)
    if side != CROP_SIZE:
        image = image.resize((side, side), FILTERS[name])
    if spec.channels == "grey":
        image = image.convert("L")
    start = round((side - spec.input_size) / 2)
    box = (start, start, start + spec.input_size, start + spec.input_size)
    return np.asarray(image.crop(box), np.uint8).reshape(
        spec.input_size, spec.input_size, _depth(spec)
    )


def _depth(spec: EncoderSpec) -> int:
    return 1 if spec.channels == "grey" else 3


def _retemplated(crops: Crops, size: int) -> Crops:
    whole = CROP_SIZE if size % CROP_SIZE == 0 else 128
    scale = size / whole
    matrix = np.array([[scale, 0, 8 * scale if whole == 128 else 0], [0, scale, 0]])
    images = np.empty((len(crops), size, size, 3), dtype=np.uint8)
    for crop, image in zip(crops, images, strict=True):
        cv2.warpAffine(crop, matrix, (size, size), dst=image)
    return images
