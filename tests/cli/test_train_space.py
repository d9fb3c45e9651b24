"""`gestalt train space`, from a gallery to an installed model."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from tests.cli.conftest import Command
from tests.cli.patterns import fill, write_photos
from tests.object_stores import KEY
from tests.prepared import Prepared

pytestmark = pytest.mark.usefixtures("one_thread")
QUICK = tuple(
    word
    for change in (
        "frequent=4",
        "batch=8",
        "epochs=2",
        "rate=1e-3",
        "layer_decay=0.5",
        "loss=contrastive",
        "sampling=balanced",
        "schedule=plateau",
        "discriminant=false",
        "watched_top=1",
        "validation=0.25",
        "test=0.25",
        "seed=3",
        "validate_every=1",
    )
    for word in ("--set", change)
)


@pytest.fixture
def filled(home: Path, tmp_path: Path, gestalt: Command, prepared: Prepared) -> Path:
    """A gallery whose patients have patterns for faces."""
    return prepared("patterns-genes", home, partial(fill, tmp_path, gestalt))


def test_a_gallery_gives_a_model_that_fills_the_gallery(
    filled: Path, tmp_path: Path, gestalt: Command
) -> None:
    run = tmp_path / "run"
    done = gestalt("train", "space", "-o", run, "--device", "cpu", *QUICK)
    assert done.code == 0, done.err
    assert done.out == ""
    assert "46 photos of 46 patients" in done.err
    assert "epoch 2: loss" in done.err
    assert f"gestalt models add {run / 'model'}" in done.err
    assert sorted(path.name for path in run.iterdir() if path.name != "tensorboard") == [
        "best.pt",
        "checkpoint.pt",
        "log.csv",
        "model",
        "split.csv",
    ]
    assert sorted(path.name for path in (run / "model").iterdir()) == [
        "CARD.md",
        "encoder.onnx",
        "model.json",
    ]
    added = gestalt("models", "add", run / "model", "--name", "own", "--json").document
    assert added["installed"]["name"] == "own"
    assert gestalt("index", "fill", "--space", "own", "--quiet").code == 0
    evaluated = gestalt(
        *("evaluate", "gallery", "--space", "tiny", "--space", "own"),
        *("--split", run / "split.csv", "--json"),
    )
    assert evaluated.code == 0, evaluated.err
    spaces = evaluated.document["spaces"]
    assert [one["name"] for one in spaces] == ["tiny", "own"]
    assert [one["counts"]["trained_on"] for one in spaces] == [0, 0]


def test_crops_in_a_folder_give_the_model_of_crops_in_the_database(
    filled: Path, tmp_path: Path, gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", "space", "--device", "cpu", "--quiet", *QUICK)
    assert gestalt(*words, "-o", tmp_path / "database").code == 0
    monkeypatch.setenv("GESTALT_CROPS_KEY", KEY)
    crops = tmp_path / "crops"
    assert gestalt("index", "crops", "move", "--to", crops.as_uri()).code == 0
    done = gestalt(*words, "-o", tmp_path / "folder")
    assert done.code == 0, done.err
    here, there = (
        (tmp_path / name / "model" / "encoder.onnx").read_bytes() for name in ("database", "folder")
    )
    assert here == there
    crops.rename(tmp_path / "elsewhere")
    away = gestalt(*words, "-o", tmp_path / "away")
    assert away.code == 1
    assert str(crops) in away.err


def test_a_training_is_noted_before_it_has_a_model(
    filled: Path, tmp_path: Path, gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gestalt_space.training.space.loop._Loop._train", killed)
    (tmp_path / "run").mkdir()
    assert gestalt("train", "space", "-o", tmp_path / "run", *QUICK).code != 0
    events = gestalt("index", "log", "--json").document["events"]
    assert [event["action"] for event in events].count("train") == 1
    assert len(events[-1]["patients"]) == 46
    gestalt("train", "space", "-o", tmp_path / "run", *QUICK)
    assert len(gestalt("index", "log", "--json").document["events"]) == len(events)


def test_nothing_to_gain_is_said_before_a_long_training(
    filled: Path, tmp_path: Path, gestalt: Command
) -> None:
    done = gestalt("train", "space", "-o", tmp_path / "run", *QUICK, "--set", "watched_top=10")
    assert done.code == 1
    assert "among the first 10 before the training" in done.err


@pytest.mark.lengthy
def test_who_evaluates_on_the_patients_of_the_training_is_warned(
    filled: Path, tmp_path: Path, gestalt: Command
) -> None:
    run, second = tmp_path / "run", tmp_path / "second"
    assert gestalt("train", "space", "-o", run, "--quiet", *QUICK).code == 0
    assert gestalt("models", "add", run / "model", "--name", "own").code == 0
    # A model that was trained from it has seen the same patients, wherever it was trained.
    table = write_photos(tmp_path)
    words = (table, "-o", second, "--detector", "aligned", "--set", "model=own")
    # In a split of its own, in which the first training left something to gain.
    done = gestalt("train", "space", *words, *QUICK, "--set", "seed=7")
    assert done.code == 0, done.err
    assert gestalt("models", "add", second / "model", "--name", "grandchild").code == 0
    for name in ("own", "grandchild"):
        assert gestalt("index", "fill", "--space", name, "--quiet").code == 0
        told = gestalt("evaluate", "gallery", "--space", name)
        under_its_heading, before_the_end = re.findall(f"{name} was trained on .*", told.out)
        assert under_its_heading == before_the_end
        assert told.out.index("Before you compare") > told.out.index("Groups of patients")
        counts = gestalt("evaluate", "gallery", "--space", name, "--json").document
        assert counts["spaces"][0]["counts"]["trained_on"] > 10
    # The gallery knows nothing of a training on photos of a table.
    third = tmp_path / "third"
    assert gestalt("train", "space", table, "-o", third, "--detector", "aligned", *QUICK).code == 0
    assert gestalt("models", "add", third / "model", "--name", "apart").code == 0
    assert gestalt("index", "fill", "--space", "apart", "--quiet").code == 0
    assert "not recorded in this gallery" in gestalt("evaluate", "gallery", "--space", "apart").out


def test_a_release_of_gmdb_is_divided_as_it_says(tmp_path: Path, gestalt: Command) -> None:
    words = ("--disorders", "6", "--patients", "40", "--seed", "3", "--persons", "builtin")
    cohort = tmp_path / "cohort"
    assert gestalt("simulate", "cohort", *words, "-o", cohort, "--quiet").code == 0
    run = tmp_path / "run"
    quick = ("--set", "epochs=1", "--set", "batch=8", "--set", "stop_after=0")
    words = ("--gmdb", cohort / "gmdb", "--set", "leave_out_single=true", "--device", "cpu")
    done = gestalt("train", "space", *words, *quick, "-o", run)
    assert "disorders to train" in done.err, done.err
    with (cohort / "gmdb").joinpath("gmdb_test_images_sim3.csv").open(encoding="utf-8") as stream:
        test = {row["subject"] for row in csv.DictReader(stream)}
    with (run / "split.csv").open(encoding="utf-8") as stream:
        parts = {row["patient"]: row["part"] for row in csv.DictReader(stream)}
    assert test
    assert {patient for patient in test if parts.get(patient) != "test"} == set()


@pytest.mark.lengthy
def test_torchrun_starts_several(filled: Path, tmp_path: Path, gestalt: Command) -> None:
    run = tmp_path / "run"
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    command = ("-m", "gestalt_cli", "train", "space", "-o", run, "--home", filled, *QUICK)
    done = subprocess.run(
        [*torchrun, *map(str, command), "--device", "cpu"],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("epoch 2: loss") == 1
    assert (run / "model" / "encoder.onnx").is_file()


def test_what_leaves_with_the_model_names_no_patient(
    filled: Path, tmp_path: Path, gestalt: Command
) -> None:
    run = tmp_path / "run"
    assert gestalt("train", "space", "-o", run, "--quiet", *QUICK).code == 0
    for path in (run / "model").iterdir():
        assert b"patient-" not in path.read_bytes(), path.name
    card = (run / "model" / "CARD.md").read_text(encoding="utf-8")
    assert "3 disorders were trained, 2 rare ones were not." in card
    assert "| sex: female |" in card
    assert "frequent = 4" in card
    manifest = json.loads((run / "model" / "model.json").read_text(encoding="utf-8"))
    assert manifest["license"].startswith("Research use")
    assert "patient-" in (run / "split.csv").read_text(encoding="utf-8")


def test_a_finished_training_and_a_folder_of_something_else_are_left_alone(
    filled: Path, tmp_path: Path, gestalt: Command
) -> None:
    run = tmp_path / "run"
    assert gestalt("train", "space", "-o", run, "--quiet", *QUICK).code == 0
    again = gestalt("train", "space", "-o", run, *QUICK)
    assert again.code == 1
    assert "has a finished training" in again.err
    other = gestalt("train", "space", "-o", tmp_path, *QUICK)
    assert other.code == 1
    assert "has other files in it" in other.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--device", "cuda"), "You chose CUDA"),
        (("--recipe", "nonsense"), "no recipe 'nonsense'"),
        (("--set", "epoch=3"), "no value 'epoch'"),
        (("--images", "photos"), "--images needs --gmdb"),
        (("no.csv",), "no.csv"),
        (("no.csv", "--gmdb", "gmdb"), "A table and --gmdb are given"),
        (("--set", "adapter_rank=-1"), "adapter_rank is -1"),
        (("--set", "model=none"), "No model 'none' is installed"),
        (("--set", "frequent=50"), "0 disorders have 50 families"),
        (("--split", "no.csv"), "cannot be read"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(
    filled: Path, tmp_path: Path, gestalt: Command, words: tuple[str, ...], told: str
) -> None:
    if told == "You chose CUDA" and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    done = gestalt("train", "space", "-o", tmp_path / "run", *words)
    assert done.code in (1, 2)
    assert told in done.err
    assert not (tmp_path / "run").exists()
