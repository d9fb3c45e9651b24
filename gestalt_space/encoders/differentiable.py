"""An encoder through which gradients flow back to the pixels of aligned faces."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional

from gestalt_space.devices import Device
from gestalt_space.encoders.networks import load_network
from gestalt_space.encoders.precision import torch_device
from gestalt_space.encoders.preparation import CROP_SIZE, parse_views
from gestalt_space.encoders.registry import encoder_spec
from gestalt_space.encoders.specification import EncoderSpec
from gestalt_space.encoders.torch_encoder import unit
from gestalt_space.encoders.torch_preparation import TorchPreparation
from gestalt_space.weights.manifest import InstalledModel

_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True, eq=False)
class DifferentiableEncoder:
    """A model's networks, in float32, with fixed weights.

    `prepare`: from faces in the network's size to its input, in every view.
    """

    spec: EncoderSpec
    networks: tuple[nn.Module, ...]
    prepare: TorchPreparation
    device: torch.device

    def descriptors(self, faces: Tensor) -> Tensor:
        """Aligned faces `(n, 3, 112, 112)` float32, levels 0..255, to descriptors `(n, d)`.

        They are those of the encoder but for the rounding of levels, where it resizes or greys.
        """
        slots = self.slots(faces)
        return slots.flatten(1).div(math.sqrt(slots.shape[1]))

    def slots(self, faces: Tensor) -> Tensor:
        """Faces, as in `descriptors`, to slots `(n, slots, dim)`, each of unit length."""
        images = self.inputs(faces)
        shape = len(self.prepare.views), len(faces), -1
        return torch.cat(
            [unit(network(images)).reshape(shape) for network in self.networks]
        ).transpose(0, 1)

    @cached_property
    def last_maps(self) -> tuple[nn.Module | None, ...]:
        """Of each network, the part that gives its last map of features; see `last_map`."""
        face = torch.zeros(1, 3, CROP_SIZE, CROP_SIZE, device=self.device)
        return tuple(last_map(network, self.inputs(face)) for network in self.networks)

    def inputs(self, faces: Tensor) -> Tensor:
        """Aligned faces to what the networks take, in every view: `(views × n, c, size, size)`."""
        prepared: Tensor = self.prepare(_sized(faces, self.spec))
        return prepared


def open_differentiable(model: InstalledModel, device: Device = "auto") -> DifferentiableEncoder:
    """A model's encoder in torch. Raises `GraphUnknown` for ONNX files that torch cannot run, and
    what `load_network` and `torch_device` raise."""
    spec, place = encoder_spec(model), torch_device(device)
    networks = [load_network(model, file) for file in model.encoders]
    for network in networks:
        network.eval().requires_grad_(False).to(place)
    prepare = _SmoothPreparation(spec, parse_views(model.views)).to(place)
    return DifferentiableEncoder(spec, tuple(networks), prepare, place)


class _SmoothPreparation(TorchPreparation):
    """As it is without rounding, which has no gradient."""

    def _levelled(self, faces: Tensor, *, is_grey: bool) -> Tensor:
        if is_grey:
            faces = (faces * self.grey_weights).sum(dim=1, keepdim=True).expand(-1, 3, -1, -1)
        return (faces - self.mean) * self.scale


def _sized(faces: Tensor, spec: EncoderSpec) -> Tensor:
    """As `preparation.sized`, with a gradient."""
    size = spec.input_size
    if spec.resize:
        name, side = spec.resize.split()
        mode = "bicubic" if name == "bicubic" else "bilinear"
        if int(side) != CROP_SIZE:
            faces = functional.interpolate(faces, int(side), mode=mode, antialias=True)
        if spec.channels == "grey":
            weights = faces.new_tensor(_LUMA).reshape(1, 3, 1, 1)
            faces = (faces * weights).sum(dim=1, keepdim=True)
        start = round((int(side) - size) / 2)
        return faces[:, :, start : start + size, start : start + size]
    if size == CROP_SIZE:
        return faces
    whole = CROP_SIZE if size % CROP_SIZE == 0 else 128
    return _retemplated(faces, size, shift=8 if whole == 128 else 0, scale=size / whole)


def _retemplated(faces: Tensor, size: int, *, shift: float, scale: float) -> Tensor:
    """Faces scaled, and `shift` pixels of the aligned face to the right, black beside them."""
    at = torch.arange(size, device=faces.device) / scale
    x, y = (2 * (places + 0.5) / CROP_SIZE - 1 for places in (at - shift, at))
    grid = torch.stack([x.expand(size, size), y[:, None].expand(size, size)], dim=-1)
    return functional.grid_sample(
        faces, grid.expand(len(faces), -1, -1, -1), align_corners=False, padding_mode="zeros"
    )


def last_map(network: nn.Module, images: Tensor) -> nn.Module | None:
    """The part of a network that gives its last map of features, `(n, c, h, w)` with more than one
    place; None for a network without any, such as a vision transformer."""
    found: list[nn.Module] = []

    def note(part: nn.Module, _: object, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and min(output.shape[2:]) > 1:
            found.append(part)

    hooks = [part.register_forward_hook(note) for part in network.modules()]
    try:
        with torch.no_grad():
            network(images)
    finally:
        for hook in hooks:
            hook.remove()
    return found[-1] if found else None
