"""What each process of a test does under torchrun: `FOLDER LAST CHANGES…`, a small training."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import torch

from gestalt_space.training.space.history import Epoch
from gestalt_space.training.space.loop import train
from gestalt_space.training.space.processes import started_processes
from tests.training.space.conftest import small_training


class Killed(BaseException):
    """As a signal ends a process."""


def main(folder: str, last: str, *changes: str) -> None:
    def report(epoch: Epoch) -> None:
        if epoch.epoch == int(last):
            raise Killed

    torch.set_num_threads(1)
    with started_processes(torch.device("cpu")) as processes:
        training = replace(small_training(Path(folder), *changes), processes=processes)
        epochs = train(training, report)
        # All of them know the same in the end.
        assert processes.of_the_first(epochs)[1:] == epochs[1:]


if __name__ == "__main__":
    main(*sys.argv[1:])
