"""Maps by gradients, for encoders that run in torch; by captum.

Integrated gradients (Sundararajan 2017, arXiv 1703.01365) from ordinary faces to this one; Grad-CAM
(Selvaraju 2017, arXiv 1610.02391) and HiResCAM (Draelos and Carin 2020, arXiv 2011.08891) on the
last map of features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import cv2
import numpy as np

from gestalt_space.errors import ModelUnsuitable, UsageError
from gestalt_space.explain.face_map import FaceMap
from gestalt_space.explain.fills import typical_fills
from gestalt_space.explain.targets import LineTarget, Target
from gestalt_space.faces.alignment import SIZE
from gestalt_space.types import Pixels

if TYPE_CHECKING:
    import torch

    from gestalt_space.encoders.differentiable import DifferentiableEncoder

FILLS, STEPS = 16, 4
"""Ordinary faces, and steps from each of them to this one."""
SMOOTHING = 4.0
"""Standard deviation in pixels of the Gaussian by which gradients are smoothed: they change from
pixel to pixel."""
AT_ONCE = 16
"""Faces that go through the network at once, or as many as there are ordinary faces."""
GRADIENT_FREE = "Use --method occlusion, regions or rise."


@dataclass(frozen=True)
class IntegratedGradients:
    """The gradient of the score along the way from each of `fills` ordinary faces, in `steps`
    steps. A repeat is one of these faces. `smoothing`: standard deviation of a Gaussian in pixels,
    0 for none."""

    fills: int = FILLS
    steps: int = STEPS
    smoothing: float = SMOOTHING
    seed: int = 0

    def explain(self, crop: Pixels, target: Target) -> FaceMap:
        """An aligned face to its map. Raises `UsageError` for a target without gradients."""
        import torch
        from captum.attr import IntegratedGradients as OfCaptum

        encoder, score = _with_gradients(target)
        faces, others = (
            torch.from_numpy(levels).permute(0, 3, 1, 2).to(encoder.device)
            for levels in (
                crop[None].astype(np.float32),
                typical_fills(crop, self.fills, self.seed),
            )
        )
        found = OfCaptum(score).attribute(
            faces.expand_as(others),
            others,
            n_steps=self.steps,
            method="riemann_middle",
            internal_batch_size=max(AT_ONCE, self.fills),
        )
        sums = found.sum(dim=1).detach().cpu().numpy()
        if self.smoothing:
            sums = np.stack([cv2.GaussianBlur(one, (0, 0), self.smoothing) for one in sums])
        return FaceMap(np.asarray(sums, np.float32))


@dataclass(frozen=True)
class LastFeatures:
    """What the places of the last map of features add to the score.

    `whole`: channels are weighted by their mean gradient over all places, as in Grad-CAM; otherwise
    place by place, as in HiResCAM. There is one repeat, so no interval.
    """

    whole: bool

    def explain(self, crop: Pixels, target: Target) -> FaceMap:
        """An aligned face to its map. Raises `UsageError` for a target without gradients,
        `ModelUnsuitable` for a network without maps of features."""
        import torch
        from captum.attr import LayerGradCam, LayerGradientXActivation

        encoder, score = _with_gradients(target)
        faces = torch.from_numpy(crop[None].astype(np.float32)).permute(0, 3, 1, 2)
        faces = faces.to(encoder.device).requires_grad_()
        total = np.zeros((SIZE, SIZE), np.float32)
        for layer in encoder.last_maps:
            if layer is None:
                raise ModelUnsuitable(
                    "The encoder has no map of features that Grad-CAM could show.",
                    f"Use --method gradients. {GRADIENT_FREE}",
                )
            way = LayerGradCam if self.whole else LayerGradientXActivation
            found = way(score, layer).attribute(faces)
            views = found.sum(dim=1).detach().cpu().numpy().astype(np.float32)
            for view, shown in zip(encoder.prepare.views, views, strict=True):
                upright = shown[:, ::-1] if view.flip else shown
                total += cv2.resize(
                    np.ascontiguousarray(upright), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC
                )
        return FaceMap(np.maximum(total, 0)[None] if self.whole else total[None])


def check_captum() -> None:
    """Raises `ModelUnsuitable` where captum is not installed."""
    if find_spec("captum") is None:
        raise ModelUnsuitable(
            "Maps by gradients need captum, which is not installed.",
            f"Run `pip install 'gestalt-space[explain]'`. {GRADIENT_FREE}",
        )


def _with_gradients(
    target: Target,
) -> tuple[DifferentiableEncoder, Callable[[torch.Tensor], torch.Tensor]]:
    """The encoder in torch, and the target's score of faces `(n, 3, 112, 112)`: `(n,)`."""
    import torch

    if not isinstance(target, LineTarget):
        raise UsageError("A classifier is not explained by gradients.", GRADIENT_FREE)
    check_captum()
    encoder = target.differentiable()
    direction = torch.from_numpy(target.direction.astype(np.float32)).to(encoder.device)

    def score(faces: torch.Tensor) -> torch.Tensor:
        return encoder.descriptors(faces) @ direction

    return encoder, score
