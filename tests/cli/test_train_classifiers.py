"""`gestalt train multiclass`, `binary` and `specialised`, from a gallery to an installed model."""

from __future__ import annotations

import csv
import json
from functools import partial
from pathlib import Path

import pytest

from gestalt_space.classifiers.opening import find_classifier, open_classifier
from gestalt_space.training.space import checkpoints
from gestalt_space.weights.store import ModelStore
from tests.cli.conftest import Command
from tests.cli.patterns import FACES, fill, write_photos
from tests.prepared import Prepared

pytestmark = pytest.mark.usefixtures("one_thread")
QUICK = ("--set", "regions=face, eyes", "--set", "frequent=4", "--device", "cpu")


@pytest.fixture
def filled(home: Path, tmp_path: Path, gestalt: Command, prepared: Prepared) -> Path:
    """A gallery whose patients have patterns for faces, and genes that follow their disorders."""
    return prepared("patterns-genes", home, partial(fill, tmp_path, gestalt))


def test_a_gallery_gives_a_classifier_that_is_installed(
    filled: Path, tmp_path: Path, gestalt: Command
) -> None:
    run = tmp_path / "run"
    done = gestalt("train", "multiclass", "-o", run, *QUICK)
    assert done.code == 0, done.err
    assert "3 disorders; 2 rare ones are not known to the classifier" in done.out
    assert "5 disorders; " in done.err
    rows = list(csv.DictReader((run / "split.csv").open(encoding="utf-8")))
    tested = [row["patient"] for row in rows if row["part"] == "test"]
    known = sum(FACES.disorders[FACES.patients.index(one)] < 3 for one in tested)
    assert 0 < known < len(tested)
    own, rare = (line for line in done.out.splitlines() if "; test " in line)
    assert "with one of them: training" in own
    assert f"test {known} patients, " in own
    assert "with a rare one" in rare
    assert f"test {len(tested) - known} patient" in rare
    assert "top-1" in done.out
    assert "6 patients with none of the classes get one of its answers all the same" in done.out
    assert f"gestalt models add {run / 'model'}" in done.err
    assert sorted(path.name for path in run.iterdir()) == ["log.csv", "model", "split.csv"]
    *others, network = sorted(path.name for path in (run / "model").iterdir())
    assert others == ["CARD.md", "class-layers.safetensors", "model.json"]
    assert network.startswith("network-")  # both regions share it
    added = gestalt("models", "add", run / "model", "--name", "own", "--json")
    assert added.code == 0, added.err
    classifier = added.document["installed"]["classifier"]
    assert [one["id"] for one in classifier["classes"]] == ["SIM:0", "SIM:1", "SIM:2"]
    assert classifier["classes"][1]["name"] == "Pattern 1"
    listed = gestalt("models", "list").out
    assert "classifier, 3 disorders" in listed
    assert gestalt("models", "verify").code == 0
    # It is no encoder, and nothing takes it for one.
    filling = gestalt("index", "fill", "--space", "own")
    assert filling.code == 1
    assert "The model own is a classifier and has no encoder." in filling.err


@pytest.mark.parametrize(
    "words",
    [
        ("multiclass",),
        ("binary", "--disorder", "SIM:1"),
        ("specialised", "--disorder", "SIM:0", "--disorder", "SIM:1", "--permutations", "99"),
    ],
    ids=lambda words: words[0],
)
def test_quiet_prints_nothing(
    filled: Path, tmp_path: Path, gestalt: Command, words: tuple[str, ...]
) -> None:
    done = gestalt("train", *words, "-o", tmp_path / "run", "--quiet", *QUICK)
    assert (done.code, done.out, done.err) == (0, "", "")


def test_the_document_of_a_multiclass_training(
    filled: Path, tmp_path: Path, gestalt: Command
) -> None:
    done = gestalt("train", "multiclass", "-o", tmp_path / "run", "--json", "--quiet", *QUICK)
    assert done.code == 0, done.err
    document = done.document
    assert document["document"] == "multiclass"
    assert [one["k"] for one in document["tops"]] == [1]
    assert document["tops"][0]["photos"]["value"] >= 0.5
    assert sum(one["weight"] for one in document["trained"]["regions"]) == pytest.approx(
        1, abs=1e-3
    )
    assert document["trained"]["top_probabilities"]["unknown"]["patients"] == 6


def test_a_training_that_is_interrupted_is_noted_once(
    filled: Path, tmp_path: Path, gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*given: object) -> None:
        raise KeyboardInterrupt

    run = tmp_path / "run"
    monkeypatch.setattr("gestalt_space.training.classifier.multiclass._trained", killed)
    for _ in range(2):
        assert gestalt("train", "multiclass", "-o", run, "--quiet", *QUICK).code != 0
    events = gestalt("index", "log", "--json").document["events"]
    assert [event["action"] for event in events].count("train") == 1
    assert set(events[-1]["patients"]) == set(FACES.patients)
    assert str(run) in "".join(events[-1]["told"])


def test_what_leaves_with_a_classifier_names_no_patient(
    filled: Path, tmp_path: Path, gestalt: Command
) -> None:
    run = tmp_path / "run"
    assert gestalt("train", "multiclass", "-o", run, "--quiet", *QUICK).code == 0
    event = gestalt("index", "log", "--json").document["events"][-1]
    assert event["action"] == "train"
    assert len(event["patients"]) > 10
    for path in (run / "model").iterdir():
        assert b"patient-" not in path.read_bytes(), path.name
    card = (run / "model" / "CARD.md").read_text(encoding="utf-8")
    assert "| Pattern 0 (SIM:0) | 20 | 10 | 20 |" in card
    rows = list(csv.DictReader((run / "split.csv").open(encoding="utf-8")))
    trained = sum(row["part"] == "training" for row in rows)
    assert trained < len(rows)
    assert f"Trained on {trained} patients." in card
    _, strata = card.split("Of the patients trained on:")
    assert f"| sex: female | {trained} |" in strata
    assert "frequent = 4" in card
    manifest = json.loads((run / "model" / "model.json").read_text(encoding="utf-8"))
    assert {file["role"] for file in manifest["files"]} == {"classifier"}
    assert manifest["license"].startswith("Research use")
    assert "patient-" in (run / "split.csv").read_text(encoding="utf-8")


def test_a_finished_training_and_a_folder_of_something_else_are_left_alone(
    filled: Path, tmp_path: Path, gestalt: Command
) -> None:
    run = tmp_path / "run"
    assert gestalt("train", "multiclass", "-o", run, "--quiet", *QUICK).code == 0
    again = gestalt("train", "multiclass", "-o", run, *QUICK)
    assert again.code == 1
    assert "has a finished training" in again.err
    assert f"Its model is {run / 'model'}: `gestalt models add` installs it." in again.err
    other = gestalt("train", "binary", "--disorder", "SIM:1", "-o", tmp_path, *QUICK)
    assert other.code == 1
    assert "has other files in it" in other.err


def test_an_encoder_a_classifier_and_an_evaluation_share_a_split(
    filled: Path, tmp_path: Path, gestalt: Command
) -> None:
    first = tmp_path / "first"
    assert gestalt("train", "multiclass", "-o", first, "--quiet", *QUICK).code == 0
    given = ("--split", first / "split.csv", "--set", "seed=77")
    done = gestalt("train", "multiclass", "-o", tmp_path / "second", "--quiet", *QUICK, *given)
    assert done.code == 0, done.err
    third = tmp_path / "third"
    words = ("--set", "epochs=2", "--set", "frequent=4", "--device", "cpu", *given[:2])
    done = gestalt("train", "space", "-o", third, "--quiet", *words)
    assert (third / "split.csv").exists(), done.err
    splits = [path / "split.csv" for path in (first, tmp_path / "second", third)]
    assert len({path.read_bytes() for path in splits}) == 1
    rows = list(csv.DictReader(splits[0].open(encoding="utf-8")))
    assert {row["part"] for row in rows} == {"training", "validation", "test", "gallery"}
    tested = sum(row["part"] == "test" for row in rows)
    counts = gestalt("evaluate", "gallery", "--split", splits[0], "--json").document
    assert counts["spaces"][0]["counts"]["asked_patients"] == tested
    assert counts["spaces"][0]["counts"]["aside"] == 0


def test_a_binary_classifier(filled: Path, tmp_path: Path, gestalt: Command) -> None:
    run = tmp_path / "run"
    done = gestalt("train", "binary", "--disorder", "SIM:1", "-o", run, "--json", *QUICK)
    assert done.code == 0, done.err
    document = done.document
    assert document["folds"] == 5
    assert document["auroc"]["value"] > 0.8
    assert [one["id"] for one in document["trained"]["classes"]] == ["SIM:1", "others"]
    assert [one["patients"] for one in document["trained"]["classes"]] == [10, 36]
    assert document["trained"]["top_probabilities"]["unknown"] is None
    assert document["majority"] == pytest.approx(36 / 46, abs=1e-4)
    assert "patient,fold" in (run / "split.csv").read_text(encoding="utf-8")
    assert gestalt("models", "add", run / "model", "--name", "own").code == 0
    assert "classifier, SIM:1 against others" in gestalt("models", "list").out


def test_a_binary_classifier_of_two_disorders_meets_others(
    filled: Path, tmp_path: Path, gestalt: Command
) -> None:
    words = ("--disorder", "pattern 1", "--against", "Pattern 2")
    done = gestalt("train", "binary", *words, "-o", tmp_path / "run", *QUICK)
    assert done.code == 0, done.err
    assert "SIM:1 against SIM:2" in done.out
    assert "Pattern 1 (SIM:1): 10 patients" in done.out
    assert "26 patients with none of the classes" in done.out
    for name in ("accuracy", "sensitivity", "specificity", "AUROC"):
        assert name in done.out


def test_a_specialised_classifier(filled: Path, tmp_path: Path, gestalt: Command) -> None:
    words = ("--disorder", "SIM:0", "--disorder", "SIM:1", "--permutations", "199")
    done = gestalt("train", "specialised", *words, "-o", tmp_path / "run", "--json", *QUICK)
    assert done.code == 0, done.err
    document = done.document
    assert [one["id"] for one in document["trained"]["classes"]] == ["PTPN11", "SOS1"]
    assert document["disorder"] == "SIM:0 + SIM:1"
    assert sum(map(sum, document["confusion"])) == 30
    assert document["p"] < 0.05
    assert document["chance"] == pytest.approx(0.5, abs=0.1)
    words = ("--disorder", "Pattern 0", "--disorder", "Pattern 1", "--permutations", "199")
    shown = gestalt("train", "specialised", *words, "-o", tmp_path / "again", *QUICK)
    assert "SIM:0 + SIM:1 by gene" in shown.out
    assert "a row for each gene" in shown.out
    assert "16 patients with another disorder get one of its answers all the same" in shown.out


def test_genes_that_do_not_show_are_cautioned_against(
    filled: Path, tmp_path: Path, gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gestalt_space.training.classifier.specialised.p_value", lambda *_: 0.79)
    words = ("--disorder", "SIM:0", "--disorder", "SIM:1", "--permutations", "99")
    done = gestalt("train", "specialised", *words, "-o", tmp_path / "run", *QUICK)
    assert done.code == 0, done.err
    assert "not better than chance (p = 0.790)" in done.err
    assert "To install it" not in done.err
    card = (tmp_path / "run" / "model" / "CARD.md").read_text(encoding="utf-8")
    assert "- It is not better than chance (p = 0.790)." in card


def test_a_gallery_without_faces_says_how_they_are_stored(
    home: Path, tmp_path: Path, gestalt: Command
) -> None:
    words = ("--detector", "aligned", "--quiet", "--no-crops")
    assert gestalt("index", "add", write_photos(tmp_path), *words).code == 0
    done = gestalt("train", "binary", "--disorder", "SIM:1", "-o", tmp_path / "run", *QUICK)
    assert done.code == 2
    assert "stores no faces" in done.err
    assert "without --no-crops" in " ".join(done.err.split())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("binary",), "No disorder is given."),
        (("binary", "--disorder", "SIM:9"), "No patient with a stored face has the disorder SIM:9"),
        (("binary", "--disorder", "Pattern"), "'Pattern' is in the names of 5 disorders: SIM:0 ("),
        (("binary", "--disorder", "sim:1", "--against", "pattern 1"), "SIM:1 is on both sides."),
        (("binary", "--disorder", "SIM:3"), "Only 3 families have SIM:3."),
        (("binary", "--disorder", "SIM:1", "--against", "SIM:1"), "SIM:1 is on both sides."),
        (("specialised",), "No disorder is given."),
        (
            ("specialised", "--disorder", "SIM:1"),
            "Too few genes have 4 families or more: 1.",
        ),
        (
            ("specialised", "--disorder", "SIM:1", "--set", "fine_tune=true"),
            "A specialised classifier cannot be fine-tuned",
        ),
        (("specialised", "--disorder", "SIM:1", "--permutations", "9"), "9 permutations are too"),
        (("multiclass", "--set", "regions=ear"), "There is no region 'ear'."),
        (("multiclass", "--set", "regions=eyes, eyes"), "A region is named twice."),
        (("multiclass", "--set", "test=0"), "left to test the classifier"),
        (("multiclass", "--recipe", "nothing"), "Use one of deepgestalt, deepgestalt-builtin"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_the_folder_is_made(
    filled: Path, tmp_path: Path, gestalt: Command, words: tuple[str, ...], told: str
) -> None:
    kind, *options = words
    run = tmp_path / "run"
    done = gestalt("train", kind, "-o", run, *QUICK, *options)
    assert done.code == 2, done.err
    assert told in done.err
    assert not run.exists()


def test_what_is_written_is_what_was_measured(
    filled: Path, tmp_path: Path, gestalt: Command
) -> None:
    run = tmp_path / "run"
    tuned = ("--set", "fine_tune=true", "--set", "epochs=1", "--set", "rate=1e-4")
    done = gestalt("train", "multiclass", "-o", run, "--json", "--quiet", *QUICK, *tuned)
    assert done.code == 0, done.err
    assert sorted(path.name for path in run.iterdir()) == [
        "log.csv",
        "model",
        "regions",
        "split.csv",
    ]
    assert {"eyes.onnx", "face.onnx"} < {path.name for path in (run / "model").iterdir()}
    added = gestalt("models", "add", run / "model", "--name", "own")
    assert added.code == 0, added.err
    rows = list(csv.DictReader((run / "split.csv").open(encoding="utf-8")))
    tested = {row["patient"] for row in rows if row["part"] == "test"}
    ours = [
        number
        for number, owner in enumerate(FACES.patient_of_face)
        if FACES.patients[owner] in tested and FACES.disorders[owner] < 3
    ]
    model = find_classifier(ModelStore(filled / "models"), "own")
    given = open_classifier(model, device="cpu").probabilities(FACES.crops[ours])
    right = given.argmax(axis=1) == FACES.disorders[FACES.patient_of_face[ours]]
    assert done.document["tops"][0]["photos"]["value"] == pytest.approx(right.mean(), abs=1e-4)


def test_deepgestalts_own_networks_are_written_and_run(
    filled: Path, tmp_path: Path, gestalt: Command
) -> None:
    run = tmp_path / "run"
    small = ("regions=eyes", "frequent=4", "pretraining_persons=4", "pretraining_photos=4")
    small += ("pretraining_epochs=1", "epochs=1", "batch=8")
    words = tuple(word for change in small for word in ("--set", change))
    done = gestalt("train", "multiclass", "--recipe", "deepgestalt", "-o", run, *words)
    assert done.code == 0, done.err
    assert "4 photos of each of 4 simulated persons" in done.err
    manifest = json.loads((run / "model" / "model.json").read_text(encoding="utf-8"))
    network = manifest["files"][0]
    assert (network["file"], network["kind"], network["channels"]) == (
        "eyes.safetensors",
        "facenet",
        "grey",
    )
    assert manifest["classifier"]["view"] == "enlarged"
    assert manifest["source"] == "deepgestalt-cnn, trained by gestalt train multiclass"
    assert gestalt("models", "add", run / "model", "--name", "cnn").code == 0
    asked = gestalt("match", "--patient", FACES.patients[0], "--classifier", "cnn", "--json")
    assert asked.code == 0, asked.err
    assert len(asked.document["probes"][0]["classes"]) == 3


def test_an_interrupted_training_goes_on_and_gives_the_same(
    filled: Path, tmp_path: Path, gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned = ("--set", "fine_tune=true", "--set", "epochs=1", "--set", "rate=1e-3")
    words = ("train", "multiclass", *QUICK, *tuned, "--quiet", "--json", "-o")
    whole = gestalt(*words, tmp_path / "whole")
    assert whole.code == 0, whole.err

    saved, save = [], checkpoints.save

    def killed(path: Path, state: object) -> None:
        saved.append(path)
        if len(saved) == 6:  # in the second region
            raise KeyboardInterrupt
        save(path, state)

    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "save", killed)
        broken = gestalt(*words, tmp_path / "broken")
    assert broken.code == 130
    assert "eyes" in saved[-1].parts
    assert not (tmp_path / "broken" / "model").exists()
    again = gestalt(*words, tmp_path / "broken")
    assert again.code == 0, again.err
    for name in ("tops", "parts", "rare"):
        assert again.document[name] == whole.document[name]
    assert again.document["trained"]["regions"] == whole.document["trained"]["regions"]


def test_a_binary_classifier_can_be_fine_tuned(
    filled: Path, tmp_path: Path, gestalt: Command
) -> None:
    run = tmp_path / "run"
    changes = ("regions=eyes", "fine_tune=true", "epochs=1", "folds=3", "rate=1e-4")
    words = tuple(word for change in changes for word in ("--set", change))
    two = ("--disorder", "SIM:1", "--against", "SIM:2")
    done = gestalt("train", "binary", *two, "-o", run, "--device", "cpu", "--json", *words)
    assert done.code == 0, done.err
    assert done.document["folds"] == 3
    trainings = sorted(path.name for path in (run / "regions" / "eyes").iterdir())
    assert trainings == ["all", "fold-1", "fold-2", "fold-3"]
    assert (run / "model" / "eyes.onnx").exists()
