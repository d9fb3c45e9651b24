from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import GalleryEmpty, GestaltError, UsageError
from gestalt_space.faces.registry import detector_factory
from gestalt_space.gallery.intake import Intake
from gestalt_space.gallery.intake.tables import read_table
from gestalt_space.gallery.models import Detectors
from gestalt_space.training.space.photo_faces import PhotoFaces
from gestalt_space.weights.store import ModelStore
from tests import made

TABLE = """photo,patient,disorder,family,sex,consent
0.png,a,SIM:1,F,female,
1.png,a,,,,
2.png,b,SIM:1,,,
3.png,c,SIM:2,,,
4.png,d,SIM:2,,male,
5.png,two,SIM:1;SIM:2,,,
6.png,u,,,,
7.png,gone,SIM:1,,,withdrawn
none.png,lost,SIM:2,,,
0.png,a,SIM:1,F,,
8.png,bad,SIM:1,,neither,
"""


@pytest.fixture
def rows(tmp_path: Path) -> tuple[Intake, ...]:
    for seed in range(9):
        made.photo_file(tmp_path / f"{seed}.png", seed)
    path = tmp_path / "patients.csv"
    path.write_text(TABLE, encoding="utf-8")
    return read_table(path).rows


def faces_of(
    rows: Sequence[Intake], tmp_path: Path
) -> tuple[PhotoFaces, list[tuple[str, GestaltError]]]:
    told: list[tuple[str, GestaltError]] = []
    detectors = Detectors(*detector_factory(ModelStore(tmp_path / "models"), "aligned"))
    return PhotoFaces(rows, detectors, False, lambda *one: told.append(one)), told


def test_photos_of_a_table_give_faces_once(rows: tuple[Intake, ...], tmp_path: Path) -> None:
    source, told = faces_of(rows, tmp_path)
    faces = source.read(leave_out_single=False)
    assert faces.patients == ("a", "b", "c", "d")
    assert faces.patient_of_face.tolist() == [0, 0, 1, 2, 3]
    assert faces.titles == ("SIM:1", "SIM:2")
    assert faces.disorders.tolist() == [0, 0, 1, 1]
    assert faces.sex == ("female", "", "", "male")
    assert all(np.array_equal(faces.crops[seed], made.crop(seed)) for seed in range(5))
    assert dict(faces.left_out) == {
        "whose consent is withdrawn": 1,
        "without a disorder": 1,
        "with several disorders": 1,
        "without a photo that can be used": 1,
    }
    assert [photo for photo, _ in told] == ["8.png", "none.png"]


def test_rows_that_contradict_each_other_are_refused_by_name(
    rows: tuple[Intake, ...], tmp_path: Path
) -> None:
    record = rows[1].record
    assert record is not None
    wrong = [rows[0], replace(rows[1], record=replace(record, sex="male")), *rows[2:]]
    with pytest.raises(UsageError, match="patient a do not agree: sex is female and male"):
        faces_of(wrong, tmp_path)[0].read(leave_out_single=False)


def test_nobody_to_train_on_is_an_error(rows: tuple[Intake, ...], tmp_path: Path) -> None:
    with pytest.raises(GalleryEmpty):
        faces_of(rows[5:8], tmp_path)[0].read(leave_out_single=True)
