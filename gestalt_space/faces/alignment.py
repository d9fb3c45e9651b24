"""Five landmarks to an aligned face: the similarity transform to the ArcFace template."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import FaceError
from gestalt_space.types import Landmarks, Pixels

SIZE = 112
TEMPLATE_NAME = "arcface-112"
TEMPLATE: Landmarks = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ],
    dtype=np.float32,
)
"""Where the five landmarks lie in a 112 × 112 aligned face (Deng 2019, as InsightFace has it)."""


def align(pixels: Pixels, landmarks: Landmarks) -> Pixels:
    """Cut an aligned face `(112, 112, 3)` out of a photo, black where the photo ends.

    Pixel-identical to `insightface.utils.face_align.norm_crop`. Raises `FaceError` for landmarks
    that lie on one point or are not finite.
    """
    matrix = similarity_transform(landmarks, TEMPLATE)
    crop = cv2.warpAffine(pixels, matrix, (SIZE, SIZE), borderValue=0.0)
    return np.asarray(crop, dtype=np.uint8)


def similarity_transform(
    source: NDArray[np.floating], target: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Rotation, uniform scale and shift, `(2, 3)`, that lay `source` on `target`, both `(n, 2)`.

    Least squares by Umeyama (1991), doi:10.1109/34.88573. The sums are taken in the type of the
    points, as InsightFace's are: in another type single pixels of the aligned face differ.
    """
    if not np.isfinite(source).all():
        raise FaceError("The landmarks are not finite numbers.", "Check the landmarks file.")
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    source_centred, target_centred = source - source_mean, target - target_mean
    covariance = target_centred.T @ source_centred / len(source)
    try:
        left, singular, right = np.linalg.svd(covariance)
    except np.linalg.LinAlgError as error:
        raise FaceError(
            "The landmarks are far outside the photo.", "Check the landmarks file."
        ) from error
    if singular.max() <= np.finfo(np.float32).eps:
        raise FaceError("All landmarks are at the same point.", "Check the landmarks file.")
    signs = np.ones(2)
    if np.linalg.det(left) * np.linalg.det(right) < 0:
        signs[1] = -1.0
    rotation: NDArray[np.float64] = left @ np.diag(signs) @ right
    scale = 1.0 / source_centred.var(axis=0).sum() * (singular @ signs)
    shift = target_mean - scale * (rotation @ source_mean.T)
    return np.column_stack([rotation * scale, shift])
