"""What a manifest says of a classifier."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gestalt_space.errors import ModelDamaged
from gestalt_space.weights.classifier_facts import (
    STEPS,
    Answer,
    ClassifierFacts,
    Measured,
    RegionNetwork,
    TopProbabilities,
    read_facts,
)
from gestalt_space.weights.manifest import InstalledModel, ModelFile, read_manifest, write_manifest

TOP = TopProbabilities(40, tuple(round(0.2 + 0.7 * step / STEPS, 4) for step in range(STEPS + 1)))
FACTS = ClassifierFacts(
    experiment="binary",
    subject="OMIM:1",
    classes=(Answer("OMIM:1", "One"), Answer("others", "")),
    view="in-place",
    regions=(RegionNetwork("face", "n.onnx", 0.75), RegionNetwork("eyes", "n.onnx", 0.25)),
    layers="c.safetensors",
    threshold=0.4,
    known=TOP,
    unknown=None,
    measured=Measured(sensitivity=0.9, specificity=0.8, auroc=0.93),
)


def model(folder: Path, *names: str) -> InstalledModel:
    files = tuple(ModelFile(name, "0" * 64, 1, "classifier", "arcface") for name in names)
    return InstalledModel("own", folder, files, "t", "l", "", False, None, "2026", (), FACTS)


def test_a_manifest_is_read_back_as_it_was(tmp_path: Path) -> None:
    written = model(tmp_path, "n.onnx", "c.safetensors")
    write_manifest(written)
    assert read_manifest(tmp_path) == written


def test_a_model_that_is_no_classifier_says_nothing_of_it(tmp_path: Path) -> None:
    file = ModelFile("e.onnx", "0" * 64, 1, "encoder", "arcface")
    write_manifest(InstalledModel("e", tmp_path, (file,), "t", "l", "", False, None, "2026"))
    assert "classifier" not in json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    assert read_manifest(tmp_path).classifier is None


def test_a_file_that_a_classifier_lacks_makes_it_damaged(tmp_path: Path) -> None:
    write_manifest(model(tmp_path, "n.onnx"))
    with pytest.raises(ModelDamaged, match=r"the classifier lacks c\.safetensors"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"experiment": "guess"},
        {"view": "upside down"},
        {"classes": [{"id": "A", "name": ""}]},
        {"classes": [{"id": 1, "name": ""}, {"id": "B", "name": ""}]},
        {"regions": []},
        {"regions": [{"region": "face", "file": "n.onnx", "weight": 0.5}]},
        {"regions": [{"region": "face", "file": "n.onnx", "weight": float("nan")}]},
        {"known": {"patients": 5, "quantiles": [0.1, 0.2]}},
        {"known": {"patients": 5, "quantiles": [0.5] * STEPS + [0.1]}},
        {"measured": {"top1": 1.5}},
        {"measured": {"top1": float("nan")}},
        {"more": 1},
    ],
)
def test_other_facts_are_refused(change: dict[str, Any]) -> None:
    record = json.loads(json.dumps(asdict(FACTS)))
    assert read_facts(json.loads(json.dumps(record))) == FACTS
    with pytest.raises((ValueError, TypeError, KeyError)):
        read_facts({**record, **change})


def test_the_share_that_reaches_a_probability_is_that_of_the_patients() -> None:
    values = np.sort(np.random.default_rng(1).beta(3, 3, 4000))
    levels = np.linspace(0, 1, STEPS + 1)
    top = TopProbabilities(len(values), tuple(np.quantile(values, levels).tolist()))
    for probability in (0.05, 0.2, 0.5, 0.77, 0.95):
        assert top.share_reaching(probability) == pytest.approx(
            np.mean(values >= probability), abs=0.01
        )
    assert top.share_reaching(0.0) == 1
    assert top.share_reaching(1.0) == 0


@pytest.mark.parametrize("count", [5, 9, 21, 60])
def test_few_patients_are_counted(count: int) -> None:
    values = np.sort(np.random.default_rng(2).beta(3, 3, count))
    levels = np.linspace(0, 1, STEPS + 1)
    top = TopProbabilities(count, tuple(np.quantile(values, levels).tolist()))
    for probability in (0.05, 0.2, 0.5, 0.77, values[-1] - 1e-9):
        true = int(np.sum(values >= probability))
        assert abs(top.count_reaching(probability) - true) <= 2
        assert (top.count_reaching(probability) == 0) == (true == 0)
    assert top.count_reaching(0.0) == count
    assert top.count_reaching(1.0) == 0


def test_patients_who_all_get_the_same_reach_it() -> None:
    top = TopProbabilities(9, (0.5,) * (STEPS + 1))
    assert top.share_reaching(0.5) == 1
    assert top.share_reaching(0.5001) == 0
