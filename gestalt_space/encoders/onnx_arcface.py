"""ArcFace-style encoders (Deng 2019), and the built-in one, through ONNX Runtime."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gestalt_space.devices import Device, check_provider, providers, runtime, session_options
from gestalt_space.encoders.preparation import prepare
from gestalt_space.encoders.specification import EncoderSpec
from gestalt_space.errors import ModelDamaged
from gestalt_space.paths import plain_path
from gestalt_space.types import Crops, Slots
from gestalt_space.weights.manifest import InstalledModel

LARGEST_BATCH = 64
"""Faces that go through the network at once; more are taken in turn, so that memory is bounded."""


class ArcFaceEncoder:
    """One face-recognition network, one slot. Raises `ModelDamaged` for a file of other bytes."""

    def __init__(
        self,
        model: InstalledModel,
        spec: EncoderSpec,
        *,
        device: Device = "auto",
        threads: int | None = None,
    ) -> None:
        file = model.encoders[0]
        self.spec = spec
        wanted = providers(device)
        try:
            with plain_path(model.path(file)) as name:
                self._session = runtime().InferenceSession(
                    name, session_options(threads), providers=wanted
                )
        except Exception as error:  # ONNX Runtime has no common base of its errors
            raise ModelDamaged(
                f"{file.file} of the model {model.name} cannot be opened.",
                f"Run `gestalt models verify {model.name}`.",
            ) from error
        self.device = check_provider(self._session, device)
        self.precision = "float32"
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


def _unit(raw: NDArray[np.float32]) -> NDArray[np.float32]:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        length = np.linalg.norm(raw, axis=1, keepdims=True)
        length[~np.isfinite(length) | (length < np.finfo(np.float32).tiny)] = np.nan
        return np.asarray(raw / length, dtype=np.float32)
