"""The figures of a training, epoch by epoch: as CSV, and for TensorBoard if it is installed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

from gestalt_space.atomic_files import write_atomically
from gestalt_space.evaluation.topk import TOPS
from gestalt_space.tables.rows import RowWriter
from gestalt_space.training.space.retrieval import Retrieval

CSV = "log.csv"
BOARD = "tensorboard"
FIGURES = tuple(f"{part}_top{k}" for part in ("frequent", "rare", "all") for k in TOPS)
COLUMNS = ("epoch", "loss", "rate", *FIGURES)


@dataclass(frozen=True, slots=True)
class Epoch:
    """Figures of one epoch. `loss`: mean over its batches, NaN for epoch 0, which is before the
    training; `rate`: of the last layer; `figures`: shares by the names in `FIGURES`, all of them
    NaN for an epoch without a validation."""

    epoch: int
    loss: float
    rate: float
    figures: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, epoch: int, loss: float, rate: float, found: Retrieval | None) -> Epoch:
        """An epoch with what validation found after it, if there was one."""
        if found is None:
            return cls(epoch, loss, rate, dict.fromkeys(FIGURES, math.nan))
        parts = (found.frequent, found.rare, found.everybody)
        values = [tops[k] for tops in parts for k in TOPS]
        return cls(epoch, loss, rate, dict(zip(FIGURES, values, strict=True)))

    @property
    def is_validated(self) -> bool:
        """Whether it has figures."""
        return not math.isnan(self.figures["all_top1"])

    def __str__(self) -> str:
        loss = "before training" if math.isnan(self.loss) else f"loss {self.loss:.4f}"
        parts = [
            f"{part} {self.figures[f'{part}_top1']:.1%}/{self.figures[f'{part}_top5']:.1%}"
            for part in ("frequent", "rare")
            if not math.isnan(self.figures[f"{part}_top1"])
        ]
        tops = f"; top-1/top-5: {', '.join(parts)}" if parts else ""
        return f"epoch {self.epoch}: {loss}{tops}"


def best_of(epochs: Sequence[Epoch], top: int) -> Epoch:
    """The epoch with the highest top-k over all disorders, of those that were validated; the first
    of equal ones."""
    return max(
        (one for one in epochs if one.is_validated), key=lambda one: one.figures[f"all_top{top}"]
    )


def write_csv(folder: Path, epochs: Sequence[Epoch]) -> None:
    """Write the figures of all epochs. Raises `OutputError`."""
    stream = StringIO()
    rows = RowWriter(stream)
    rows.write(COLUMNS)
    rows.write_all(
        (one.epoch, *(_cell(value) for value in (one.loss, one.rate, *one.figures.values())))
        for one in epochs
    )
    write_atomically(folder / CSV, stream.getvalue().encode())


def write_board(folder: Path, epoch: Epoch) -> None:
    """Add an epoch to what TensorBoard shows; nothing where it is not installed."""
    if find_spec("tensorboard") is None:
        return
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(folder / BOARD, purge_step=epoch.epoch) as board:
        for name, value in {"loss": epoch.loss, "rate": epoch.rate, **epoch.figures}.items():
            if not math.isnan(value):
                board.add_scalar(name, value, epoch.epoch)


def _cell(value: float) -> str | None:
    return None if math.isnan(value) else repr(value)
