"""ArcFace-style encoders (Deng 2019), and the built-in one, through ONNX Runtime in float32."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gestalt_space.devices import Device, check_provider, providers, runtime, session_options
from gestalt_space.encoders.preparation import FaceView, prepare_views
from gestalt_space.encoders.specification import EncoderSpec
from gestalt_space.errors import ModelDamaged
from gestalt_space.paths import plain_path
from gestalt_space.types import Crops, EncodingRun, Slots
from gestalt_space.weights.manifest import InstalledModel, ModelFile

LARGEST_BATCH = 64
"""Faces that are taken at once; more are taken in turn, so that memory is bounded."""
IMAGES_ON_GPU = 32
"""Images that go through a network at once on a GPU, always so many: how its library multiplies
depends on their number. On a processor ONNX Runtime gives a face the same bits in any batch."""


class ArcFaceEncoder:
    """Face-recognition networks `(n, c, size, size)` → `(n, dim)`, each of which sees all views.

    Slots stand in the order of the networks, then of the views. Raises `ModelDamaged` for a file
    of other bytes.
    """

    def __init__(
        self,
        model: InstalledModel,
        spec: EncoderSpec,
        views: Sequence[FaceView] = (FaceView(),),
        *,
        device: Device = "auto",
        threads: int | None = None,
    ) -> None:
        self.spec = spec
        self._views = tuple(views)
        self._networks = [
            _Network(_session(model, file, device, threads), spec.dim) for file in model.encoders
        ]
        used = check_provider(self._networks[0].session, device)
        for network in self._networks:
            network.always(IMAGES_ON_GPU if used == "cuda" else None)
        self.run = EncodingRun("float32", used, "onnxruntime", runtime().__version__)

    def encode(self, crops: Crops) -> Slots:
        """See `Encoder.encode`."""
        starts = range(0, len(crops), LARGEST_BATCH)
        parts = [self._encode(crops[start : start + LARGEST_BATCH]) for start in starts]
        empty = np.zeros((0, len(self.spec.slots), self.spec.dim), np.float32)
        return _unit(np.concatenate(parts) if parts else empty)

    def _encode(self, crops: Crops) -> NDArray[np.float32]:
        views = prepare_views(crops, self.spec, self._views)
        return np.stack(
            [network.describe(images) for network in self._networks for images in views], axis=1
        )


class _Network:
    """A session, and the number of images that it always takes, if there is one."""

    def __init__(self, session: Any, dim: int) -> None:
        entry = session.get_inputs()[0]
        self.session = session
        self._input, self._dim = entry.name, dim
        self._batch = entry.shape[0] if isinstance(entry.shape[0], int) else None

    def always(self, images: int | None) -> None:
        """Take so many images at once, where the network does not say how many itself."""
        self._batch = self._batch or images

    def describe(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """`(n, c, size, size)` to `(n, dim)`."""
        step = self._batch or max(1, len(images))
        parts = [self._run(images[at : at + step]) for at in range(0, len(images), step)]
        return np.concatenate(parts) if parts else np.zeros((0, self._dim), np.float32)

    def _run(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        count = len(images)
        missing = (self._batch or count) - count
        if missing > 0:
            images = np.concatenate([images, np.zeros((missing, *images.shape[1:]), np.float32)])
        output = self.session.run(None, {self._input: np.ascontiguousarray(images)})[0]
        return np.asarray(output[:count], dtype=np.float32)


def _session(model: InstalledModel, file: ModelFile, device: Device, threads: int | None) -> Any:
    wanted = providers(device)
    path = model.checked_path(file)
    try:
        with plain_path(path) as name:
            return runtime().InferenceSession(name, session_options(threads), providers=wanted)
    except Exception as error:  # ONNX Runtime has no common base of its errors
        raise ModelDamaged(
            f"{file.file} of the model {model.name} cannot be opened.",
            f"Run `gestalt models verify {model.name}`.",
        ) from error


def _unit(raw: NDArray[np.float32]) -> Slots:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        length = np.linalg.norm(raw, axis=2, keepdims=True)
        length[~np.isfinite(length) | (length < np.finfo(np.float32).tiny)] = np.nan
        return np.asarray(raw / length, dtype=np.float32)
