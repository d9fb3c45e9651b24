"""`gestalt match --classifier`, alone and with the gallery."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from gestalt_space.classifiers.class_layer import Probabilities
from gestalt_space.classifiers.region_ensemble import RegionEnsemble
from gestalt_space.errors import DescriptorError
from gestalt_space.types import Crops
from tests.cli.conftest import Command
from tests.cli.patterns import FACES, fill, write
from tests.prepared import Prepared

ALIGNED = ("--detector", "aligned")
OWN = ("--classifier", "own", *ALIGNED)
SETTINGS = ("--set", "regions=face, eyes", "--set", "frequent=4", "--device", "cpu", "--quiet")


@pytest.fixture
def trained(home: Path, tmp_path: Path, gestalt: Command, prepared: Prepared) -> Path:
    """A gallery with a classifier of each kind."""
    return prepared("patterns-classifiers", home, partial(fill_and_train, tmp_path, home, gestalt))


def fill_and_train(folder: Path, home: Path, gestalt: Command) -> None:
    fill(folder, gestalt)
    genes = ("--disorder", "SIM:0", "--disorder", "SIM:1", "--permutations", "99")
    for kind, name, options in (
        ("multiclass", "own", ()),
        ("binary", "two", ("--disorder", "SIM:1", "--against", "SIM:2")),
        ("specialised", "genes", genes),
    ):
        run = folder / name
        assert gestalt("train", kind, "-o", run, *SETTINGS, *options).code == 0
        assert gestalt("models", "add", run / "model", "--name", name).code == 0
        shutil.copyfile(run / "split.csv", home / f"{name}.csv")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A new photo of the pattern of SIM:1, of nobody in the gallery."""
    rng = np.random.default_rng(9)
    (first,) = np.flatnonzero(FACES.disorders == 1)[:1]
    noisy = FACES.crops[first].astype(int) + rng.normal(0, 12, (112, 112, 3))
    path = tmp_path / "new.png"
    cv2.imwrite(str(path), np.clip(noisy, 0, 255).astype(np.uint8)[..., ::-1])
    return path


def test_a_classifier_ranks_its_classes_and_says_what_it_does_not_know(
    trained: Path, photo: Path, gestalt: Command
) -> None:
    done = gestalt("match", photo, *OWN)
    assert done.code == 0, done.err
    assert "Pattern 1 (SIM:1)" in done.out
    assert "knows only its 3 classes" in done.out
    assert "of 6 patients with none of the classes" in done.out
    assert "SIM:3" not in done.out
    assert "may have been trained" not in done.out
    assert "measured on families that were not trained on: top-1 " in done.out
    assert re.search(r"; reached by (about [1-6]|none) of 6 patients", done.out)


def test_its_document(trained: Path, photo: Path, gestalt: Command) -> None:
    document = gestalt("match", photo, *OWN, "--json").document
    assert document["document"] == "classified"
    assert document["classifier"]["name"] == "own"
    assert [one["id"] for one in document["classifier"]["classes"]] == ["SIM:0", "SIM:1", "SIM:2"]
    assert document["space"] is None
    (probe,) = document["probes"]
    assert [one["rank"] for one in probe["classes"]] == [1, 2, 3]
    assert probe["classes"][0]["id"] == "SIM:1"
    assert sum(one["probability"] for one in probe["classes"]) == pytest.approx(1, abs=1e-3)
    assert probe["top_probability"] == probe["classes"][0]["probability"]
    assert 0 <= probe["reached_by_unknown"] <= 1
    assert 0 < probe["entropy"] < 1
    assert probe["is_first"] is None
    assert probe["fused"] is None
    assert (
        len(gestalt("match", photo, *OWN, "--json", "--top", "1").document["probes"][0]["classes"])
        == 1
    )


def test_fused_with_the_gallery_unknown_disorders_keep_their_places(
    trained: Path, photo: Path, gestalt: Command
) -> None:
    alone = gestalt("match", photo, *ALIGNED, "--json").document["probes"][0]["disorders"]
    document = gestalt("match", photo, *OWN, "--fuse", "--json").document
    (probe,) = document["probes"]
    assert document["space"] == "tiny"
    fused = probe["fused"]
    assert {one["id"] for one in fused} == {one["id"] for one in alone}
    place = {one["id"]: one["rank"] for one in alone}
    for line in fused:
        assert line["gallery_rank"] == place[line["id"]]
        if line["id"] in ("SIM:3", "SIM:4"):
            assert line["probability"] is None
            assert line["rank"] == line["gallery_rank"]
        else:
            assert line["probability"] is not None
    shown = gestalt("match", photo, *OWN, "--fuse")
    assert "not known" in shown.out
    assert "in the gallery" in shown.out


def in_part(home: Path, part: str) -> str:
    """A patient of SIM:0 in a part of the training of the classifier `own`."""
    rows = csv.DictReader((home / "own.csv").open(encoding="utf-8"))
    mine = [row["patient"] for row in rows if row["part"] == part]
    return next(one for one in mine if FACES.disorders[FACES.patients.index(one)] == 0)


@pytest.mark.parametrize("part", ["training", "validation"])
def test_a_patient_who_was_trained_on_is_known_too_well(
    trained: Path, tmp_path: Path, gestalt: Command, part: str
) -> None:
    patient = in_part(trained, part)
    done = gestalt("match", "--patient", patient, *OWN)
    assert done.code == 0, done.err
    told = f"patient {patient} of the gallery was in the training of own: the probability of their"
    assert told in done.out
    photo = write(tmp_path, FACES.patient_of_face.tolist().index(FACES.patients.index(patient)))
    stored = gestalt("match", photo, *OWN, "--json").document["probes"][0]
    assert (stored["own"], stored["trained_on"]) == (patient, True)


def test_a_patient_who_was_held_out_is_not(trained: Path, gestalt: Command) -> None:
    patient = in_part(trained, "test")
    done = gestalt("match", "--patient", patient, *OWN)
    assert f"patient {patient} of the gallery was not in the training of own" in done.out
    words = ("match", "--patient", patient, "--json")
    assert gestalt(*words, *OWN).document["probes"][0]["trained_on"] is False
    # The one of genes was trained on everybody with one of two disorders.
    others = gestalt(*words, "--classifier", "genes", *ALIGNED)
    assert others.document["probes"][0]["trained_on"] is True


def test_a_receipt_lists_the_installed_classifiers_that_know_the_patient(
    trained: Path, tmp_path: Path, gestalt: Command
) -> None:
    patient = in_part(trained, "test")
    for table in trained.glob("*.csv"):
        table.unlink()  # in a home, it would be found
    receipt = tmp_path / "receipt.json"
    shutil.copytree(trained / "models" / "own", trained / "models" / "elsewhere")
    _of_another_training(trained / "models" / "elsewhere" / "class-layers.safetensors")
    done = gestalt("index", "erase", "--patient", patient, "--receipt", receipt, "--yes")
    assert done.code == 0, done.err
    copies = json.loads(receipt.read_text(encoding="utf-8"))["not_reached"]["copies"]
    models = {Path(one["path"]).name: one for one in copies if one["action"] == "model"}
    assert {name: one["certain"] for name, one in models.items()} == {
        "genes": True,
        "elsewhere": False,
    }
    # All runs but that of the other two disorders have a row of the patient.
    runs = [Path(one["path"]).name for one in copies if one["action"] == "train"]
    assert runs == ["own", "genes"]
    assert f"Not erased: the model {trained / 'models' / 'genes'} of " in done.err
    assert ", which had the patient." in done.err
    assert ", which was trained on the patient." in done.err
    assert ", which may have been trained on the patient." in done.err


def _of_another_training(layers: Path) -> None:
    """Let a classifier be one that this gallery did not train."""
    manifest = layers.with_name("model.json")
    record = json.loads(manifest.read_text(encoding="utf-8"))
    (file,) = (one for one in record["files"] if one["file"] == layers.name)
    file["sha256"] = "0" * 64
    manifest.write_text(json.dumps(record), encoding="utf-8")


def test_of_a_stranger_nothing_is_said(trained: Path, photo: Path, gestalt: Command) -> None:
    stranger = gestalt("match", photo, *OWN, "--json").document["probes"][0]
    assert (stranger["own"], stranger["trained_on"]) == (None, None)
    assert "the training of own" not in gestalt("match", photo, *OWN).out


def test_a_gallery_that_did_not_train_it_does_not_know(trained: Path, gestalt: Command) -> None:
    patient = FACES.patients[25]
    _of_another_training(trained / "models" / "own" / "class-layers.safetensors")
    done = gestalt("match", "--patient", patient, *OWN)
    assert f"patient {patient} of the gallery: the classifier may have been trained" in done.out
    again = gestalt("match", "--patient", patient, *OWN, "--json").document["probes"][0]
    assert (again["own"], again["trained_on"]) == (patient, None)


def test_a_stored_patient_is_classified_by_the_kept_crops(
    trained: Path, tmp_path: Path, gestalt: Command
) -> None:
    patient = FACES.patients[25]
    stored = gestalt("match", write(tmp_path, 25), *OWN, "--json").document["probes"][0]
    assert stored["own"] == patient
    again = gestalt("match", "--patient", patient, *OWN, "--json").document["probes"][0]
    assert again["classes"] == stored["classes"]


def test_photos_of_one_patient_are_averaged(
    trained: Path, photo: Path, tmp_path: Path, gestalt: Command
) -> None:
    other = tmp_path / "other.png"
    picture = cv2.imread(str(photo))
    cv2.imwrite(str(other), cv2.GaussianBlur(picture, (9, 9), 4))
    words = (*OWN, "--json")
    each = [
        {
            line["id"]: line["probability"]
            for line in gestalt("match", one, *words).document["probes"][0]["classes"]
        }
        for one in (photo, other)
    ]
    (together,) = gestalt("match", photo, other, "--as-one", *words).document["probes"]
    assert len(together["photos"]) == 2
    for line in together["classes"]:
        mean = (each[0][line["id"]] + each[1][line["id"]]) / 2
        assert line["probability"] == pytest.approx(mean, abs=2e-4)


def test_a_binary_classifier_says_which(trained: Path, photo: Path, gestalt: Command) -> None:
    done = gestalt("match", photo, "--classifier", "two", *ALIGNED, "--json").document
    (probe,) = done["probes"]
    assert probe["is_first"] is True
    assert done["classifier"]["threshold"] is not None
    shown = gestalt("match", photo, "--classifier", "two", *ALIGNED).out
    assert "SIM:1: its probability reaches the threshold of 0." in shown
    assert "not trained on: sensitivity " in shown
    assert ", AUROC " in shown


def test_a_classifier_against_others_speaks_of_no_further_classes(
    trained: Path, photo: Path, tmp_path: Path, gestalt: Command
) -> None:
    run = tmp_path / "against"
    done = gestalt("train", "binary", "--disorder", "SIM:2", "-o", run, *SETTINGS[:-1])
    assert done.code == 0, done.err
    assert "none of the classes" not in done.out
    card = (run / "model" / "CARD.md").read_text(encoding="utf-8")
    assert "does not know" not in card
    assert "healthy persons are not among them" in card
    assert gestalt("models", "add", run / "model", "--name", "against").code == 0
    shown = gestalt("match", photo, "--classifier", "against", *ALIGNED).out
    assert "not SIM:2: its probability is below the threshold of 0." in shown
    assert "tells SIM:2 from the other disorders" in shown
    for word in ("all the same", "not measured"):
        assert word not in shown


def test_genes_are_for_patients_with_the_disorder_only(
    trained: Path, photo: Path, gestalt: Command
) -> None:
    shown = gestalt("match", photo, "--classifier", "genes", *ALIGNED)
    assert shown.code == 0, shown.err
    assert "for patients with SIM:0 + SIM:1 only" in shown.out
    assert "16 patients with another disorder" in shown.out
    assert "with one of the genes" in shown.out
    assert "by chance" in shown.out
    assert "p = " in shown.out
    assert "not better than chance" not in shown.out


@pytest.mark.parametrize("p", [0.79, None])
def test_a_classifier_that_is_no_better_than_chance_says_so(
    trained: Path, photo: Path, gestalt: Command, p: float | None
) -> None:
    path = trained / "models" / "genes" / "model.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    if p is None:  # of an older version
        del record["classifier"]["measured"]
    else:
        record["classifier"]["measured"]["p"] = p
    path.write_text(json.dumps(record), encoding="utf-8")
    words = ("match", photo, "--classifier", "genes", *ALIGNED)
    shown = gestalt(*words, "--quiet").out
    assert ("this classifier is not better than chance" in shown) == (p is not None)
    assert ("p = 0.790" in shown) == (p is not None)
    assert (gestalt(*words, "--json").document["classifier"]["measured"] is None) == (p is None)


def test_a_fused_ranking_has_the_verdict_of_the_gallery(
    trained: Path, photo: Path, gestalt: Command
) -> None:
    assert gestalt("index", "calibrate").code == 0
    alone = gestalt("match", photo, *ALIGNED, "--json").document["probes"][0]["verdict"]
    assert alone is not None
    words = ("match", photo, *OWN, "--fuse")
    assert gestalt(*words, "--json").document["probes"][0]["verdict"] == alone
    shown = gestalt(*words).out
    assert f"in the gallery: {alone}" in shown
    assert "The gallery was ranked in the space of tiny." in shown


def test_genes_are_fused_with_genes(trained: Path, photo: Path, gestalt: Command) -> None:
    genes = ("--classifier", "genes", "--fuse", *ALIGNED)
    refused = gestalt("match", photo, *genes)
    assert refused.code == 2
    assert "Use --by gene." in refused.err
    done = gestalt("match", photo, *genes, "--by", "gene", "--json")
    assert {"SOS1", "PTPN11"} <= {one["id"] for one in done.document["probes"][0]["fused"]}


def test_csv_has_a_row_for_each_class(trained: Path, photo: Path, gestalt: Command) -> None:
    rows = list(csv.DictReader(io.StringIO(gestalt("match", photo, *OWN, "--csv", "-").out)))
    assert [row["rank"] for row in rows] == ["1", "2", "3"]
    assert rows[0]["id"] == "SIM:1"
    probe = gestalt("match", photo, *OWN, "--json").document["probes"][0]
    for name in ("top_probability", "entropy", "reached_by_unknown", "reached_by_known"):
        assert {float(row[name]) for row in rows} == {probe[name]}
    assert [rows[0][name] for name in ("is_first", "verdict", "patient", "trained_on")] == [""] * 4
    two = gestalt("match", photo, "--classifier", "two", *ALIGNED, "--csv", "-").out
    assert {row["is_first"] for row in csv.DictReader(io.StringIO(two))} == {"1"}
    stored = gestalt("match", "--patient", in_part(trained, "training"), *OWN, "--csv", "-").out
    assert {row["trained_on"] for row in csv.DictReader(io.StringIO(stored))} == {"1"}
    fused = gestalt("match", photo, *OWN, "--fuse", "--csv", "-").out
    assert len(list(csv.DictReader(io.StringIO(fused)))) == 5


@pytest.mark.parametrize(
    ("words", "told", "code"),
    [
        (("--classifier", "own", "--space", "tiny"), "--space is about the gallery", 2),
        (("--fuse",), "--fuse needs a classifier.", 2),
        (("--classifier", "nothing"), "No model 'nothing' is installed.", 1),
        (("--classifier", "tiny"), "The model tiny is not a classifier.", 1),
        (("--classifier", "two", "--fuse"), "A binary classifier gives no ranking", 2),
        (("--classifier", "own", "--explain", "SIM:1"), "cannot be combined with --explain", 2),
        (("--classifier", "own", "--by", "patient"), "does not rank patients", 2),
        (("--classifier", "own", "--among", "sex=female"), "--among is about the gallery", 2),
        (("--classifier", "own", "--fuse", "--sex", "female"), "--sex is about the gallery", 2),
    ],
)
def test_what_does_not_go_together_is_refused(
    trained: Path, photo: Path, gestalt: Command, words: tuple[str, ...], told: str, code: int
) -> None:
    done = gestalt("match", photo, *ALIGNED, *words)
    assert done.code == code, done.err
    assert told in done.err
    assert done.out == ""


def test_an_error_as_a_whole_is_the_error_document(
    trained: Path, photo: Path, gestalt: Command
) -> None:
    done = gestalt("match", photo, "--classifier", "nothing", *ALIGNED, "--json")
    assert done.document["document"] == "error"


def test_a_photo_without_a_face_fails_alone(
    trained: Path, photo: Path, tmp_path: Path, gestalt: Command
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"nothing")
    done = gestalt("match", photo, broken, *OWN, "--json")
    assert done.code == 3
    good, bad = done.document["probes"]
    assert good["error"] is None
    assert bad["error"] is not None
    assert bad["classes"] == []


def test_a_face_that_gives_no_numbers_fails_alone(
    trained: Path, photo: Path, tmp_path: Path, gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, probabilities = [], RegionEnsemble.probabilities

    def failing(self: RegionEnsemble, crops: Crops) -> Probabilities:
        asked.append(crops)
        if len(asked) == 1:
            raise DescriptorError("Numbers that are not finite.", "Try another photo.")
        return probabilities(self, crops)

    monkeypatch.setattr(RegionEnsemble, "probabilities", failing)
    done = gestalt("match", photo, write(tmp_path, 25), *OWN, "--json")
    assert done.code == 3
    bad, good = done.document["probes"]
    assert bad["error"]["message"] == "Numbers that are not finite."
    assert good["error"] is None


def test_a_class_is_explained_without_gradients(
    trained: Path, photo: Path, gestalt: Command
) -> None:
    ask = ("explain", photo, "--line", "SIM:1", *OWN)
    document = gestalt(*ask, "--method", "regions", "--json").document
    assert (document["model"], document["line_by"]) == ("own", None)
    assert document["line"]["probability"] > document["against"]["probability"]
    assert document["line"]["patient"] is None
    unknown = gestalt("explain", photo, "--line", "SIM:9", *OWN)
    assert "no class 'SIM:9'" in unknown.err
    assert "SIM:0, SIM:1, SIM:2" in unknown.err
    refused = gestalt(*ask, "--method", "gradients")
    assert "not explained by gradients" in refused.err
