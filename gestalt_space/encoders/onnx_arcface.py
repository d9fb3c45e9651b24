"""ArcFace-style encoders (Deng 2019), and the built-in one, through ONNX Runtime."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.devices import Device, check_provider, providers, runtime, session_options
from gestalt_space.encoders.specification import EncoderSpec
from gestalt_space.errors import ModelDamaged
from gestalt_space.types import Crops, Slots
from gestalt_space.weights.manifest import InstalledModel, ModelFile

CROP_SIZE = 112
LARGEST_BATCH = 64
"""Faces that go through the network at once; more are taken in turn, so that memory is bounded."""


def arcface_spec(file: ModelFile) -> EncoderSpec:
    """The specification of an ArcFace-style model file, or of the built-in encoder: one slot."""
    return EncoderSpec(
        family=f"{file.kind}-onnx",
        weights=(file.sha256,),
        template="arcface-112",
        input_size=file.input_size,
        channels="RGB",
        mean=file.mean,
        std=file.std,
        slots=("model0",),
        dim=file.dim,
    )


class ArcFaceEncoder:
    """One face-recognition network, one slot. Raises `ModelDamaged` for a file of other bytes."""

    def __init__(
        self, model: InstalledModel, *, device: Device = "auto", threads: int | None = None
    ) -> None:
        file = model.file("encoder")
        assert file is not None, "the registry opens models that have an encoder"  # noqa: S101
        self.spec = arcface_spec(file)
        wanted = providers(device)
        try:
            self._session = runtime().InferenceSession(
                str(model.path(file)), session_options(threads), providers=wanted
            )
        except Exception as error:  # ONNX Runtime has no common base of its errors
            raise ModelDamaged(
                f"{file.file} of the model {model.name} cannot be opened.",
                f"Run `gestalt models verify {model.name}`.",
            ) from error
        self.device = check_provider(self._session, device)
        entry = self._session.get_inputs()[0]
        self._input = entry.name
        self._fixed_batch = entry.shape[0] if isinstance(entry.shape[0], int) else None

    def encode(self, crops: Crops) -> Slots:
        """See `Encoder.encode`."""
        step = self._fixed_batch or LARGEST_BATCH
        raw = [self._run(crops[start : start + step]) for start in range(0, len(crops), step)]
        outputs = np.concatenate(raw) if raw else np.zeros((0, self.spec.dim), np.float32)
        return _unit(outputs)[:, None, :]

    def _run(self, crops: Crops) -> NDArray[np.float32]:
        images = prepare(crops, self.spec)
        missing = (self._fixed_batch or len(crops)) - len(crops)
        if missing > 0:
            images = np.concatenate([images, np.zeros((missing, *images.shape[1:]), np.float32)])
        output = self._session.run(None, {self._input: images})[0]
        return np.asarray(output[: len(crops)], dtype=np.float32)


def prepare(crops: Crops, spec: EncoderSpec) -> NDArray[np.float32]:
    """Aligned faces to the network's input, `(n, 3, size, size)` float32.

    Faces for another size than 112 are carried from the 112 template to that size's own, as
    InsightFace defines it: multiples of 112 scale it, multiples of 128 scale and centre it.
    """
    if spec.input_size != CROP_SIZE:
        crops = _retemplated(crops, spec.input_size)
    images = np.ascontiguousarray(crops.transpose(0, 3, 1, 2)).astype(np.float32)
    if spec.mean:
        images -= np.float32(spec.mean)
    if spec.std != 1.0:
        images *= np.float32(1.0 / spec.std)
    return images


def _retemplated(crops: Crops, size: int) -> Crops:
    whole = CROP_SIZE if size % CROP_SIZE == 0 else 128
    scale = size / whole
    matrix = np.array([[scale, 0, 8 * scale if whole == 128 else 0], [0, scale, 0]])
    return np.stack([cv2.warpAffine(crop, matrix, (size, size)) for crop in crops]).astype(np.uint8)


def _unit(raw: NDArray[np.float32]) -> NDArray[np.float32]:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        length = np.linalg.norm(raw, axis=1, keepdims=True)
        length[~np.isfinite(length) | (length < np.finfo(np.float32).tiny)] = np.nan
        return np.asarray(raw / length, dtype=np.float32)
