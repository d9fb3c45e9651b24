"""How much of an aligned face something hides: a mask, dark glasses, a hand, hair, the photo's end.

A small network, trained by `recipes/cover`, says for each cell of a grid over the face
whether something is before it. Its weights are built in: a mark means the same for everybody.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gestalt_space.devices import runtime, session_options
from gestalt_space.errors import ModelDamaged
from gestalt_space.faces.alignment import SIZE
from gestalt_space.lazy_value import LazyValue
from gestalt_space.paths import plain_path
from gestalt_space.types import Pixels

CELLS = 14
"""Cells of a row and of a column of the aligned face."""
OVAL_MIDDLE, OVAL_AXES = (56.0, 72.0), (34.0, 40.0)
"""Pixels of the aligned face: from the brows to the chin, and from cheek to cheek."""


def _oval() -> NDArray[np.bool_]:
    middles = (np.arange(CELLS) + 0.5) * SIZE / CELLS
    x, y = np.meshgrid(middles, middles)
    across, down = (x - OVAL_MIDDLE[0]) / OVAL_AXES[0], (y - OVAL_MIDDLE[1]) / OVAL_AXES[1]
    return np.asarray(across**2 + down**2 < 1)


OVAL = _oval()
"""`(CELLS, CELLS)`: the cells that show the face, and neither hair nor background."""


class CoverModel:
    """The cover network of a file. Threads may share it. Raises `ModelDamaged`."""

    @classmethod
    def builtin(cls) -> Self:
        """The network that comes with gestalt-space."""
        with resources.as_file(resources.files("gestalt_space.weights") / "builtin") as folder:
            return cls(folder / "cover.onnx")

    def __init__(self, path: Path) -> None:
        try:
            with plain_path(path) as name:
                self._session = runtime().InferenceSession(
                    name, session_options(1), providers=["CPUExecutionProvider"]
                )
        except Exception as error:  # ONNX Runtime has no common base of its errors
            raise ModelDamaged(
                f"{path.name} of the built-in models cannot be opened.",
                "Install gestalt-space again.",
            ) from error

    def cells(self, crop: Pixels) -> NDArray[np.float32]:
        """How sure it is that something hides a cell, 0..1, `(CELLS, CELLS)`; `crop` is an aligned
        face `(112, 112, 3)`."""
        pictures = np.ascontiguousarray(crop.transpose(2, 0, 1)[None], np.float32)
        return np.asarray(self._session.run(["hidden"], {"crops": pictures})[0][0, 0], np.float32)

    def share(self, crop: Pixels) -> float:
        """The share of an aligned face `(112, 112, 3)`, 0..1, that something hides: the mean of the
        cells in `OVAL`."""
        return float(self.cells(crop)[OVAL].mean())


_builtin = LazyValue(CoverModel.builtin)


def hidden_share(crop: Pixels) -> float:
    """The share of an aligned face `(112, 112, 3)`, 0..1, that something hides, as the built-in
    network sees it. Raises `ModelDamaged`.
    """
    return _builtin().share(crop)
