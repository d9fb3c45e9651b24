from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gestalt_space import atomic_files
from gestalt_space.errors import OutputError, TrainingError, UsageError
from gestalt_space.training.space import loop
from gestalt_space.training.space.history import COLUMNS, Epoch
from gestalt_space.training.space.loop import BEST, CHECKPOINT, train
from gestalt_space.training.space.patient_split import TRAINING
from tests.training.space.conftest import Start, make_faces

Files = tuple[bytes, dict[str, object]]


class Killed(BaseException):
    """As a signal ends a process: nothing handles it."""


def killed_after(number: int):
    def report(epoch: Epoch) -> None:
        if epoch.epoch == number:
            raise Killed

    return report


def silent(epoch: Epoch) -> None:
    """Shows nothing."""


def state_of(folder: Path) -> dict[str, object]:
    return torch.load(folder / CHECKPOINT, weights_only=True)


def same(one: object, other: object) -> bool:
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and one.keys() == other.keys()
            and all(same(one[key], other[key]) for key in one)
        )
    if isinstance(one, list | tuple):
        return (
            isinstance(other, list | tuple)
            and len(one) == len(other)
            and all(map(same, one, other))
        )
    both_nan = isinstance(one, float) and isinstance(other, float) and one != one != other != one
    return bool(both_nan or one == other)


def test_training_finds_more_validation_patients_and_keeps_the_best(make_training: Start) -> None:
    training = make_training("run", "epochs=6")
    epochs = train(training, silent)
    tops = [epoch.figures["all_top1"] for epoch in epochs]
    assert max(tops) > tops[0]
    best = torch.load(training.folder / BEST, weights_only=True)
    assert best["epoch"] == int(np.argmax(tops))
    assert same(dict(training.start.network.state_dict()), dict(best["network"]))


@pytest.mark.parametrize("loss", ["cross-entropy", "arcface", "sub-centre-arcface", "contrastive"])
@pytest.mark.parametrize("last", [0, 2])
def test_a_killed_training_goes_on_as_if_nothing_had_happened(
    make_training: Start, loss: str, last: int
) -> None:
    changes = (f"loss={loss}", "dropout=0.5", "slower_after=0")
    unbroken = make_training("unbroken", *changes)
    whole = train(unbroken, silent)
    with pytest.raises(Killed):
        train(make_training("killed", *changes), killed_after(last))
    resumed = make_training("killed", *changes)
    assert same([vars_of(one) for one in train(resumed, silent)], [vars_of(one) for one in whole])
    assert same(state_of(resumed.folder), state_of(unbroken.folder))
    assert same(resumed.start.network.state_dict(), unbroken.start.network.state_dict())
    logs = [(one.folder / "log.csv").read_bytes() for one in (resumed, unbroken)]
    assert logs[0] == logs[1]


def vars_of(epoch: Epoch) -> tuple[object, ...]:
    return epoch.epoch, epoch.loss, epoch.rate, *epoch.figures.values()


def test_more_epochs_go_on_from_a_finished_training(make_training: Start) -> None:
    train(make_training("short", "epochs=2"), silent)
    longer = train(make_training("short", "epochs=4"), silent)
    whole = train(make_training("whole", "epochs=4"), silent)
    assert same([vars_of(one) for one in longer], [vars_of(one) for one in whole])


def test_threads_that_prepare_photos_change_no_figure(
    make_training: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = train(make_training("alone", "epochs=1"), silent)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    helped = train(make_training("helped", "epochs=1"), silent)
    assert same([vars_of(one) for one in helped], [vars_of(one) for one in alone])


def test_epochs_between_validations_have_no_figures_and_change_nothing(
    make_training: Start,
) -> None:
    each = train(make_training("each", "epochs=5", may_stay=True), silent)
    some = make_training("some", "epochs=5", "validate_every=2", may_stay=True)
    epochs = train(some, silent)
    assert [epoch.epoch for epoch in epochs if epoch.is_validated] == [0, 2, 4, 5]
    assert [epoch.loss for epoch in epochs[1:3]] == [epoch.loss for epoch in each[1:3]]
    assert str(epochs[1]) == f"epoch 1: loss {epochs[1].loss:.4f}"
    with (some.folder / "log.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["all_top1"] != "" for row in rows] == [True, False, True, False, True, True]
    with pytest.raises(Killed):
        train(make_training("killed", "epochs=5", "validate_every=2"), killed_after(3))
    again = make_training("killed", "epochs=5", "validate_every=2", may_stay=True)
    assert same([vars_of(one) for one in train(again, silent)], [vars_of(one) for one in epochs])


def test_another_seed_trains_otherwise(make_training: Start) -> None:
    first = train(make_training("one", "seed=1"), silent)
    other = train(make_training("two", "seed=2"), silent)
    assert first[1].loss != other[1].loss


def test_the_log_has_a_row_for_each_epoch(make_training: Start) -> None:
    training = make_training()
    epochs = train(training, silent)
    with (training.folder / "log.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == COLUMNS
    assert rows[0]["loss"] == ""
    assert [float(row["loss"]) for row in rows[1:]] == [epoch.loss for epoch in epochs[1:]]
    assert [float(row["all_top1"]) for row in rows] == [one.figures["all_top1"] for one in epochs]


def test_tensorboard_gets_the_figures(make_training: Start) -> None:
    pytest.importorskip("tensorboard")
    training = make_training()
    train(training, silent)
    assert list((training.folder / "tensorboard").glob("events*"))


@pytest.mark.parametrize(
    ("change", "told"),
    [("rate=0.5", "another recipe \\(rate=0.03\\)"), ("loss=arcface", "another recipe")],
)
def test_a_checkpoint_of_another_recipe_is_refused(
    make_training: Start, change: str, told: str
) -> None:
    train(make_training("run"), silent)
    before = state_of(make_training("run").folder)
    with pytest.raises(UsageError, match=told):
        train(make_training("run", change), silent)
    assert same(state_of(make_training("run").folder), before)


def test_a_checkpoint_of_other_patients_of_another_split_or_model_is_refused(
    make_training: Start,
) -> None:
    training = make_training("run")
    train(training, silent)
    with pytest.raises(UsageError, match="other patients"):
        train(make_training("run", faces=make_faces(6, 6, 6, 2, 2, seed=9)), silent)
    parts = training.split.parts.copy()
    parts[-1] = 2 - parts[-1]
    with pytest.raises(UsageError, match="another split"):
        train(make_training("run", split=replace(training.split, parts=parts)), silent)
    model = training.start.model
    files = (replace(training.start.file, sha256="1" * 64),)
    start = replace(training.start, model=replace(model, files=files))
    with pytest.raises(UsageError, match="another model"):
        train(make_training("run", start=start), silent)


def test_a_damaged_checkpoint_is_refused(make_training: Start) -> None:
    training = make_training("run")
    train(training, silent)
    path = training.folder / CHECKPOINT
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(TrainingError, match="cannot be read"):
        train(make_training("run"), silent)


def test_a_loss_that_is_no_number_names_the_batch_and_keeps_the_last_good_checkpoint(
    make_training: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = make_training()
    features = loop._Loop._features
    calls = []

    def poisoned(self, images):
        calls.append(images)
        return features(self, images) * (math.nan if len(calls) == 2 else 1)

    monkeypatch.setattr(loop._Loop, "_features", poisoned)
    with pytest.raises(TrainingError, match=r"batch \d+ of epoch \d+ .*\(patients patient-"):
        train(training, silent)
    kept = state_of(training.folder)
    assert len(kept["epochs"]) >= 1
    assert all(torch.isfinite(one).all() for one in kept["network"].values())
    monkeypatch.undo()
    assert len(train(make_training(), silent)) == 4  # it goes on


def test_a_full_disk_leaves_the_last_checkpoint(
    make_training: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Killed):
        train(make_training(), killed_after(1))
    kept = state_of(make_training().folder)

    def full(stream: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_files, "sync", full)
    with pytest.raises(OutputError, match="No space left"):
        train(make_training(), silent)
    assert same(state_of(make_training().folder), kept)


def test_training_stops_when_nothing_gets_better(make_training: Start) -> None:
    training = make_training("run", "epochs=30", "stop_after=2", "rate=1e-9", "class_rate=1e-9")
    with pytest.raises(TrainingError, match="No epoch was better"):
        train(training, silent)
    assert len(state_of(training.folder)["epochs"]) == 3


def test_frozen_layers_stay_and_earlier_layers_learn_more_slowly(make_training: Start) -> None:
    training = make_training("frozen", "trained_layers=1", "epochs=1")
    before = {name: one.clone() for name, one in training.start.network.state_dict().items()}
    with pytest.raises(Killed):
        train(training, killed_after(1))
    after = training.start.network.state_dict()
    changed = {name for name, one in after.items() if not torch.equal(one, before[name])}
    assert changed == {"space.weight", "space.bias"}
    rates = [group["lr"] for group in state_of(training.folder)["optimiser"]["param_groups"]]
    assert rates == [3e-2, 3e-3]
    with pytest.raises(Killed):
        train(make_training("all"), killed_after(1))
    groups = state_of(training.folder.with_name("all"))["optimiser"]["param_groups"]
    assert [group["lr"] for group in groups] == [1.5e-2, 3e-2, 3e-3]


def test_more_layers_than_there_are_are_refused(make_training: Start) -> None:
    with pytest.raises(UsageError, match="has 2 layers"):
        train(make_training("run", "trained_layers=3"), silent)


def test_gradients_are_clipped(make_training: Start) -> None:
    moved = {}
    for clip in (0.0, 1e-12):
        training = make_training(f"clip-{clip}", f"clip={clip}", "decay=0")
        before = training.start.network.space.weight.detach().clone()
        with pytest.raises(Killed):
            train(training, killed_after(1))
        moved[clip] = float((training.start.network.space.weight.detach() - before).abs().max())
    assert moved[1e-12] < 1e-4 < 1e-3 < moved[0.0]


def test_rates_fall_where_the_validation_gets_no_better(make_training: Start) -> None:
    changes = ("slower_after=0", "rate=1e-9", "class_rate=1e-9", "least_rate=0", "epochs=3")
    training = make_training("run", *changes)
    with pytest.raises(TrainingError):
        train(training, silent)
    rates = [one["rate"] for one in state_of(training.folder)["epochs"]]
    assert rates == [1e-9, 1e-9, 1e-9, 5e-10]


def test_a_relative_with_a_rare_disorder_is_not_trained_on(make_training: Start) -> None:
    training = make_training("run", "epochs=1")
    faces = training.faces
    rare = np.flatnonzero(~np.isin(faces.disorders, training.split.classes))[0]
    trained = training.split.patients(TRAINING)[0]
    families = faces.families.copy()
    families[rare] = families[trained]
    parts = training.split.parts.copy()
    parts[rare] = TRAINING  # where the relative is
    split = replace(training.split, parts=parts)
    related = replace(training, faces=replace(faces, families=families), split=split, may_stay=True)
    crops = faces.crops.copy()
    crops[faces.patient_of_face == rare] = 0
    without = replace(
        make_training("other", "epochs=1"),
        faces=replace(faces, families=families, crops=crops),
        split=split,
        may_stay=True,
    )
    losses = [train(one, silent)[1].loss for one in (related, without)]
    assert losses[0] == losses[1]
