"""The preparation of faces in torch: for networks that run there, are trained or are exported."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gestalt_space.encoders.preparation import GREY_WEIGHTS, FaceView, level_numbers
from gestalt_space.encoders.specification import EncoderSpec


class TorchPreparation(nn.Module):
    """Faces in the network's size (`preparation.sized`) to its input, in every view.

    `(n, c, size, size)`, levels 0..255, to `(views × n, c, size, size)` float32: the same numbers
    as `preparation.prepare_views` gives.
    """

    mean: Tensor
    scale: Tensor
    grey_weights: Tensor

    def __init__(self, spec: EncoderSpec, views: Sequence[FaceView] = (FaceView(),)) -> None:
        super().__init__()
        self.views = tuple(views)
        mean, scale = level_numbers(spec.mean, spec.std)
        self.register_buffer("mean", torch.from_numpy(mean), persistent=False)
        self.register_buffer("scale", torch.from_numpy(scale), persistent=False)
        weights = torch.tensor(GREY_WEIGHTS).reshape(1, 3, 1, 1)
        self.register_buffer("grey_weights", weights, persistent=False)

    def forward(self, faces: Tensor) -> Tensor:
        """See the class."""
        levels = {
            is_grey: self._levelled(faces.float(), is_grey=is_grey)
            for is_grey in {view.grey for view in self.views}
        }
        shown = [
            levels[view.grey].flip(3) if view.flip else levels[view.grey] for view in self.views
        ]
        return torch.cat(shown) if len(shown) > 1 else shown[0]

    def _levelled(self, faces: Tensor, *, is_grey: bool) -> Tensor:
        if is_grey:
            weighted = (faces * self.grey_weights).sum(dim=1, keepdim=True)
            faces = torch.floor(weighted + 0.5).expand(-1, 3, -1, -1)
        return (faces - self.mean).mul_(self.scale)
