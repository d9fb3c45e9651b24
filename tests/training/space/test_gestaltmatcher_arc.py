"""The recipe of GestaltMatcher-Arc against a plain loop written from its paper (Hustinx 2023)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from gestalt_space.errors import TrainingError
from gestalt_space.training.space.loop import Training, _Loop, train
from gestalt_space.training.space.losses import WeightedCrossEntropy
from gestalt_space.training.space.patient_split import TRAINING, faces_of
from gestalt_space.training.space.recipe import load_recipe
from gestalt_space.training.space.sampling import draw_batches
from tests.training.space.conftest import Start, small_start

EPOCHS, BATCH, SEED = 4, 5, 11
PLAIN = ("flip=0", "grey=0", "shrink=0", "jitter=0", "hue=0", "dropout=0")
"""What is random in a step; the order of the photos stays random."""


def test_losses_are_those_of_a_plain_loop(make_training: Start) -> None:
    recipe = load_recipe(
        "gestaltmatcher-arc-r50",
        [*PLAIN, "frequent=4", f"epochs={EPOCHS}", f"batch={BATCH}", "watched_top=1"],
    )
    training = replace(make_training("arc"), recipe=recipe)
    found: list[float] = []
    with suppress(TrainingError):  # so few photos find nobody better
        train(training, lambda epoch: found.append(epoch.loss))
    assert len(found) == EPOCHS + 1
    assert found[1:] == pytest.approx(plain_losses(training), abs=1e-4)
    assert found[EPOCHS] < found[1]


def plain_losses(training: Training) -> list[float]:
    network = small_start().network.train()
    network.body.eval()
    photos = faces_of(training.split.patients(TRAINING), training.faces)
    labels = training.faces.disorder_of_face[photos]
    counts = np.bincount(labels)
    # The class layer begins as the training's does: its numbers are random.
    classes = nn.Linear(8, len(counts))
    classes.load_state_dict(first_class_layer(training).state_dict())
    optimiser = torch.optim.Adam(
        [
            {"params": network.space.parameters(), "lr": 5e-4, "weight_decay": 5e-5},
            {"params": classes.parameters(), "lr": 1e-3, "weight_decay": 5e-4},
        ]
    )
    weights = torch.tensor(0.5 + 0.5 * counts.min() / counts, dtype=torch.float32)
    crops = torch.from_numpy(training.faces.crops[photos]).permute(0, 3, 1, 2).float()
    images = (crops / 255 - 0.5) / 0.5
    means = []
    for epoch in range(1, EPOCHS + 1):
        losses = []
        for batch in draw_batches(
            "plain", labels, photos, size=BATCH, per_class=1, seed=[SEED, 1, epoch]
        ):
            logits = classes(network(images[batch]))
            loss = nn.functional.cross_entropy(logits, torch.from_numpy(labels[batch]), weights)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(float(loss.detach()))
        means.append(float(np.mean(losses)))
    return means


def first_class_layer(training: Training) -> nn.Linear:
    loss = _Loop(replace(training, start=small_start())).loss.loss
    assert isinstance(loss, WeightedCrossEntropy)
    return loss.linear
