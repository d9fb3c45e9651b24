"""Encoders that run in torch: one network or several, on a processor or a GPU.

An ensemble shares what it can: faces are resized once, made grey once and mirrored once, and all
views of a batch go through a network together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gestalt_space.devices import Precision
from gestalt_space.encoders.precision import dtype_of, strict_numbers
from gestalt_space.encoders.preparation import FaceView, sized
from gestalt_space.encoders.specification import EncoderSpec
from gestalt_space.encoders.torch_preparation import TorchPreparation
from gestalt_space.errors import ModelDamaged
from gestalt_space.types import Crops, EncodingRun, Slots

IMAGES_AT_ONCE = {"cpu": 4, "cuda": 32}
"""Images that go through a network at once, always so many.

The libraries choose how they multiply by the size of a batch, and a face would come out otherwise
alone than in company, by up to 4e-7. On a processor more than four gain nothing.
"""


class TorchEncoder:
    """Networks `(n, c, size, size)` → `(n, dim)`, each of which sees all views of a face.

    Slots stand in the order of the networks, then of the views.
    """

    def __init__(
        self,
        spec: EncoderSpec,
        networks: Sequence[nn.Module],
        views: Sequence[FaceView],
        *,
        device: torch.device,
        precision: Precision = "float32",
        classifiers: Sequence[nn.Linear | None] = (),
        compiled: bool = False,
    ) -> None:
        """`classifiers`: the class layer that each network was trained with, or none.

        `compiled`: networks are compiled when the first faces come, which takes a minute, needs a
        C++ compiler on a processor, and is the faster for thousands of faces.
        """
        self.spec = spec
        runtime = "torch compiled" if compiled else "torch"
        self.run = EncodingRun(precision, device.type, runtime, torch.__version__)
        self._place = device
        self._dtype = dtype_of(precision)
        self._views = tuple(views)
        self._prepare = TorchPreparation(spec, views).to(device)
        self._step = max(1, IMAGES_AT_ONCE[device.type] // len(self._views))
        networks = [
            network.eval()
            .requires_grad_(False)
            .to(device, self._dtype)
            .to(memory_format=torch.channels_last)
            for network in networks
        ]
        self._networks = [_compiled(network) for network in networks] if compiled else networks
        self._classifiers = [None if one is None else one.to(device) for one in classifiers]

    def encode(self, crops: Crops) -> Slots:
        """See `Encoder.encode`."""
        starts = range(0, len(crops), self._step)
        parts = [self._encode(crops[start : start + self._step]) for start in starts]
        empty = np.zeros((0, len(self.spec.slots), self.spec.dim), np.float32)
        return np.concatenate(parts) if parts else empty

    def class_scores(self, crops: Crops) -> list[NDArray[np.float32] | None]:
        """Of each network its class layer's output `(n, views, classes)`, not normalised.

        None for a network without a class layer. All faces go through at once.
        """
        shape = len(self._views), len(crops), -1
        with torch.no_grad(), strict_numbers():
            scores = [
                None if layer is None else layer(features)
                for layer, features in zip(self._classifiers, self._features(crops), strict=True)
            ]
        return [
            None if one is None else one.reshape(shape).transpose(0, 1).cpu().numpy()
            for one in scores
        ]

    def _features(self, crops: Crops) -> list[Tensor]:
        """Of each network `(views × faces, dim)` float32."""
        count = len(crops)
        if count < self._step:
            black = np.zeros((self._step - count, *crops.shape[1:]), np.uint8)
            crops = np.concatenate([crops, black])
        faces = torch.from_numpy(sized(crops, self.spec)).to(self._place).permute(0, 3, 1, 2)
        # A program that uses this may have asked torch to lower the precision by itself.
        as_chosen = torch.autocast(self._place.type, enabled=False)
        with torch.no_grad(), strict_numbers(), as_chosen:
            images = self._prepare(faces).to(self._dtype)
            images = images.contiguous(memory_format=torch.channels_last)
            features = [network(images).float() for network in self._networks]
        if count == len(crops):
            return features
        by_view = (rows.reshape(len(self._views), len(crops), -1) for rows in features)
        return [rows[:, :count].flatten(0, 1) for rows in by_view]

    def _encode(self, crops: Crops) -> Slots:
        slots = [unit(features) for features in self._features(crops)]
        # (networks, views × faces, dim) to (faces, slots, dim)
        stacked = torch.stack(slots).cpu().numpy()
        if stacked.shape[2] != self.spec.dim:
            raise ModelDamaged(
                f"The network gives {stacked.shape[2]} numbers per face, but its manifest says "
                f"{self.spec.dim}.",
                "Run `gestalt models verify`, or add the model again.",
            )
        by_view = stacked.reshape(len(slots), len(self._views), len(crops), self.spec.dim)
        by_face = by_view.transpose(2, 0, 1, 3).reshape(len(crops), -1, self.spec.dim)
        return np.ascontiguousarray(by_face)


def _compiled(network: nn.Module) -> nn.Module:
    """The network as one program, with its weights in it."""
    program = torch.compile(network, options={"freezing": True})
    assert isinstance(program, nn.Module)  # noqa: S101 - as torch makes of a module
    return program


class WholeEncoder(nn.Module):
    """Faces `(n, c, size, size)` float32, levels 0..255, to slots `(n, slots, dim)` of unit length.

    What `TorchEncoder` does for faces of the network's size, as one module: for export.
    """

    def __init__(
        self, spec: EncoderSpec, networks: Sequence[nn.Module], views: Sequence[FaceView]
    ) -> None:
        super().__init__()
        self.prepare = TorchPreparation(spec, views)
        self.networks = nn.ModuleList(networks)
        self.form = (len(views), -1, spec.dim)

    def forward(self, faces: Tensor) -> Tensor:
        """See the class. All views of a face go through a network in one batch."""
        shown = self.prepare(faces)
        views = [unit(network(shown)).reshape(self.form) for network in self.networks]
        return torch.cat(views).transpose(0, 1)


def unit(features: Tensor) -> Tensor:
    """Rows brought to unit length; NaN where that is not possible."""
    length = torch.linalg.vector_norm(features, dim=1, keepdim=True)
    sound = torch.isfinite(length) & (length >= torch.finfo(torch.float32).tiny)
    return torch.where(sound, features / length, torch.nan)
