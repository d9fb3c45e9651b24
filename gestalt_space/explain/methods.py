"""The methods by name. Each takes an aligned face and a target, and gives a map of the face."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from gestalt_space.errors import UsageError
from gestalt_space.explain.face_map import FaceMap
from gestalt_space.explain.gradients import IntegratedGradients, LastFeatures
from gestalt_space.explain.occlusion import PatchOcclusion, RegionOcclusion
from gestalt_space.explain.random_masks import RandomMasks
from gestalt_space.explain.targets import Target
from gestalt_space.types import Pixels


class ExplainMethod(Protocol):
    """A way to a map."""

    def explain(self, crop: Pixels, target: Target) -> FaceMap:
        """An aligned face `(112, 112, 3)` uint8 RGB, and what it may look like, to a map."""
        ...


@dataclass(frozen=True, slots=True)
class Offered:
    """A method that is offered. `told`: what it does, in a sentence for readers of a page.
    `by_gradients`: it needs an encoder that runs in torch. `make`: given a seed."""

    told: str
    by_gradients: bool
    make: Callable[[int], ExplainMethod]


METHODS: Mapping[str, Offered] = {
    "occlusion": Offered(
        "14 × 14 patches of the face are replaced one by one by those of ordinary faces.",
        False,
        lambda seed: PatchOcclusion(seed=seed),
    ),
    "regions": Offered(
        "Each region of the face is replaced as a whole by that of ordinary faces.",
        False,
        lambda seed: RegionOcclusion(seed=seed),
    ),
    "rise": Offered(
        "Random halves of the face are replaced by those of ordinary faces (RISE).",
        False,
        lambda seed: RandomMasks(seed=seed),
    ),
    "gradients": Offered(
        "The gradient of the similarity is summed along the way from ordinary faces to this one "
        "(integrated gradients).",
        True,
        lambda seed: IntegratedGradients(seed=seed),
    ),
    "hires-cam": Offered(
        "The last map of features of the encoder, place by place (HiResCAM).",
        True,
        lambda _: LastFeatures(whole=False),
    ),
    "grad-cam": Offered(
        "The last map of features of the encoder, channel by channel (Grad-CAM).",
        True,
        lambda _: LastFeatures(whole=True),
    ),
}
AUTO = "auto"
"""The best method that the encoder allows: `BEST`, else `WITHOUT_GRADIENTS`."""
BEST, WITHOUT_GRADIENTS = "gradients", "rise"
"""Of all methods, and of those without gradients: how well they point at planted phenotypes was
measured by `benchmarks/explain.py`."""


def parse_method(name: str) -> str:
    """A method's name, or `auto`. Raises `UsageError`."""
    if name not in (AUTO, *METHODS):
        raise UsageError(
            f"Unknown method {name!r}.", f"Choose one of: {', '.join((AUTO, *METHODS))}."
        )
    return name
