"""Trainings by several processes, as torchrun starts them, against the same by one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from gestalt_space.training.space.loop import CHECKPOINT, train
from gestalt_space.training.space.processes import Processes
from tests.training.space.conftest import small_training

# Batches of 7 are dealt to two processes in unequal parts.
CHANGES = ("epochs=3", "batch=7", "loss=cross-entropy", "dropout=0.3", "clip=1.0")


def by_two(folder: Path, *changes: str, last: int = -1) -> int:
    """The exit code of a training by two processes, ended after epoch `last`."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    module = ["-m", "tests.training.space.one_of_several", str(folder), str(last), *changes]
    return subprocess.run([*command, *module], capture_output=True, timeout=120).returncode


def figures(folder: Path) -> np.ndarray:
    """Losses and top-k of each epoch, as they were kept."""
    epochs = torch.load(folder / CHECKPOINT, weights_only=True)["epochs"]
    return np.array([[one["loss"], *one["figures"].values()] for one in epochs[1:]])


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / CHECKPOINT, weights_only=True)["network"]


@pytest.mark.lengthy
def test_figures_do_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    train(small_training(tmp_path / "one", *CHANGES), lambda epoch: None)
    # Killed and resumed: the checkpoint is the first process's, and all go on from it.
    assert by_two(tmp_path / "two", *CHANGES, last=1) != 0
    assert len(figures(tmp_path / "two")) == 1
    assert by_two(tmp_path / "two", *CHANGES) == 0
    one, two = figures(tmp_path / "one"), figures(tmp_path / "two")
    assert np.allclose(two[:, 0], one[:, 0], rtol=1e-4)
    assert np.array_equal(two[:, 1:], one[:, 1:])
    alone, together = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert alone.keys() == together.keys()
    for name, values in alone.items():
        # A norm takes this bias away, so its gradient is nothing but rounding, which Adam makes
        # large; the norm's mean follows it.
        if name not in ("body.0.bias", "body.1.running_mean", "body.1.num_batches_tracked"):
            assert torch.allclose(together[name], values, atol=1e-3), name
    logs = [(tmp_path / name / "log.csv").read_text().count("\n") for name in ("one", "two")]
    assert logs == [5, 5]


@pytest.mark.parametrize("size", [2, 3, 5])
def test_each_process_gets_a_part_of_its_own(size: int) -> None:
    places = np.arange(13)
    shares = [Processes(rank, size).share(places) for rank in range(size)]
    assert np.array_equal(np.concatenate(shares), places)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
