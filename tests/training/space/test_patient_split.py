from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import UsageError
from gestalt_space.evaluation.split import read_split as read_evaluation_split
from gestalt_space.evaluation.split_file import GALLERY, PARTS, TEST, TRAINING, VALIDATION
from gestalt_space.training.space.patient_split import read_split, split_patients, split_rows
from tests.training.space.conftest import make_faces

FACES = make_faces(8, 8, 5, 2, 2, 2, photos=2)
HELD_OUT = "".join(f"{patient},gallery\n" for patient in FACES.patients)


def write(path: Path, parts: dict[str, str]) -> Path:
    rows = [f"{patient},{part}\n" for patient, part in parts.items()]
    path.write_text("patient,part\n" + "".join(rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("seed", range(5))
def test_no_family_is_in_two_parts(seed: int) -> None:
    split = split_patients(FACES, frequent=5, validation=0.2, test=0.2, seed=seed)
    pairs = {(int(f), int(p)) for f, p in zip(FACES.families, split.parts, strict=True)}
    assert len(pairs) == len(np.unique(FACES.families))
    assert split.classes.tolist() == [0, 1, 2]


def test_frequent_disorders_are_in_every_part_and_rare_ones_are_never_trained() -> None:
    split = split_patients(FACES, frequent=5, validation=0.1, test=0.1, seed=0)
    for part in (TRAINING, VALIDATION, TEST):
        found = set(FACES.disorders[split.patients(part)].tolist())
        assert {0, 1, 2} <= found
        assert part != TRAINING or found == {0, 1, 2}
    for rare in (3, 4, 5):
        of = set(split.parts[FACES.disorders == rare].tolist())
        assert of in ({VALIDATION}, {TEST, GALLERY})


def test_without_a_test_share_nobody_is_held_out() -> None:
    split = split_patients(FACES, frequent=5, validation=0.1, test=0.0, seed=0)
    assert not len(split.patients(TEST))


def test_another_seed_gives_another_split_and_the_same_seed_the_same() -> None:
    first, again, other = (
        split_patients(FACES, frequent=5, validation=0.2, test=0.2, seed=seed).parts.tolist()
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_too_few_frequent_disorders_are_refused() -> None:
    with pytest.raises(UsageError, match="0 disorders have 9 families"):
        split_patients(FACES, frequent=9, validation=0.2, test=0.2, seed=0)


def test_a_split_by_hand_is_taken_as_it_is(tmp_path: Path) -> None:
    dealt = split_patients(FACES, frequent=5, validation=0.2, test=0.2, seed=3)
    names = [PARTS[part] for part in dealt.parts]
    path = write(tmp_path / "split.csv", dict(zip(FACES.patients, names, strict=True)))
    assert read_split(path, FACES).parts.tolist() == dealt.parts.tolist()
    assert read_split(path, FACES).classes.tolist() == [0, 1, 2]


def test_relatives_in_two_parts_are_refused_by_name(tmp_path: Path) -> None:
    parts = dict.fromkeys(FACES.patients, "training") | {"patient-1": "test"}
    with pytest.raises(UsageError, match=r"patient-0 \(training\) and patient-1 \(test\)"):
        read_split(write(tmp_path / "split.csv", parts), FACES)


def test_a_patient_in_two_parts_is_refused_by_name(tmp_path: Path) -> None:
    path = write(tmp_path / "split.csv", dict.fromkeys(FACES.patients, "training"))
    with path.open("a", encoding="utf-8") as stream:
        stream.write("patient-20,validation\n")
    with pytest.raises(UsageError, match="patient-20 is in validation, but in training on line 22"):
        read_split(path, FACES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("patient,part\npatient-0,train\n", "line 2, column part: 'train' is not a part"),
        ("patient\npatient-0\n", "has no column part"),
        ("patient,part\npatient-0,training\n", "the first is patient-1"),
        (f"patient,part\n{HELD_OUT}", "nobody to train on"),
    ],
)
def test_a_split_that_is_not_whole_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "split.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        read_split(path, FACES)


def test_a_split_without_validation_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "split.csv", dict.fromkeys(FACES.patients, "training"))
    with pytest.raises(UsageError, match="validate"):
        read_split(path, FACES)


def test_held_out_patients_are_tested_and_their_disorders_stay_in_the_gallery(
    tmp_path: Path,
) -> None:
    split = split_patients(FACES, frequent=5, validation=0.2, test=0.2, seed=0)
    held, shown = split.parts == TEST, split.parts == GALLERY
    assert held.any()
    assert shown.any()
    assert not set(FACES.disorders[shown]) & set(split.classes.tolist())
    assert set(FACES.disorders[held]) <= set(FACES.disorders[~held])
    assert not set(FACES.families[held]) & set(FACES.families[~held])
    # Encoder, classifier and evaluation are given the same file.
    path = tmp_path / "split.csv"
    path.write_bytes(split_rows(split, FACES))
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert [row["patient"] for row in rows] == list(FACES.patients)
    again = read_split(path, FACES)
    assert again.parts.tolist() == split.parts.tolist()
    assert again.classes.tolist() == split.classes.tolist()
    evaluated = read_evaluation_split(path, FACES.patients)
    assert evaluated.test == {FACES.patients[number] for number in np.flatnonzero(held)}
    assert evaluated.gallery == set(FACES.patients) - evaluated.test


def test_what_others_wrote_for_evaluations_holds_out_all_of_them(tmp_path: Path) -> None:
    """Without the parts of a training, nobody can be trained on."""
    parts = dict.fromkeys(FACES.patients, "gallery") | {FACES.patients[-1]: "test"}
    path = write(tmp_path / "split.csv", parts)
    with pytest.raises(UsageError) as refused:
        read_split(path, FACES)
    assert "parts gallery and test are held out" in refused.value.hint
