from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import GalleryEmpty, GalleryMissing, UsageError
from gestalt_space.store.correcting import set_facts
from gestalt_space.store.trainings import trained_on
from gestalt_space.training.space.gallery_faces import GalleryFaces
from gestalt_space.training.space.labelled_faces import LabelledFaces
from gestalt_space.types import PhotoRecord
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import add, make_home, open_gallery, row


@pytest.fixture
def home(tmp_path: Path, tiny_store: ModelStore) -> Path:
    return make_home(tmp_path / "home", tiny_store)


def read_faces(home: Path, *, leave_out_single: bool = False) -> LabelledFaces:
    return GalleryFaces(home).read(leave_out_single=leave_out_single)


def fill(home: Path, *patients: tuple[str, tuple[str, ...], dict[str, str]]) -> None:
    photos = home / "photos"
    photos.mkdir()
    rows = [
        row(made.photo_file(photos / f"{seed}.png", seed), patient, *disorders, **facts)
        for seed, (patient, disorders, facts) in enumerate(patients)
    ]
    with open_gallery(home) as gallery:
        add(gallery, *rows)


ENOUGH = (
    ("a", ("SIM:1",), {"family": "F", "sex": "female"}),
    ("b", ("SIM:1",), {"family": "F"}),
    ("c", ("SIM:1",), {}),
    ("d", ("SIM:2",), {}),
    ("d", ("SIM:2",), {}),
    ("e", ("SIM:2",), {"ancestry": "asian"}),
)


def test_faces_come_with_patient_family_and_disorder(home: Path) -> None:
    fill(home, *ENOUGH)
    faces = read_faces(home)
    assert faces.patients == ("a", "b", "c", "d", "e")
    assert faces.patient_of_face.tolist() == [0, 1, 2, 3, 3, 4]
    assert faces.disorders.tolist() == [0, 0, 0, 1, 1]
    assert faces.titles == ("SIM:1", "SIM:2")
    assert faces.families[0] == faces.families[1]
    assert len(set(faces.families.tolist())) == 4
    assert (faces.sex[0], faces.ancestry[4]) == ("female", "asian")
    for place, seed in enumerate(range(6)):
        assert np.array_equal(faces.crops[place], made.crop(seed))


def test_who_cannot_be_trained_on_is_left_out_and_counted(home: Path) -> None:
    fill(
        home,
        *ENOUGH,
        ("both", ("SIM:1", "SIM:2"), {}),
        ("nobody", (), {}),
        ("left", ("SIM:1",), {}),
    )
    with open_gallery(home) as gallery, gallery.database.writing() as session:
        set_facts(session, "left", PhotoRecord("", "left", consent="withdrawn"))
    faces = read_faces(home)
    assert faces.patients == ("a", "b", "c", "d", "e")
    assert dict(faces.left_out) == {
        "without a disorder": 1,
        "with several disorders": 1,
        "without a stored face, or consent withdrawn": 1,
    }


def test_a_disorder_of_one_patient_or_family_is_refused_by_name(home: Path) -> None:
    fill(
        home,
        *ENOUGH,
        ("x", ("SIM:3",), {}),
        ("y", ("SIM:4",), {"family": "G"}),
        ("z", ("SIM:4",), {"family": "G"}),
    )
    told = r"SIM:3 \(1 patient\), SIM:4 \(2 patients of one family\)"
    with pytest.raises(UsageError, match=told):
        read_faces(home)
    faces = read_faces(home, leave_out_single=True)
    assert faces.titles == ("SIM:1", "SIM:2")
    assert faces.left_out["with a disorder that only one family has"] == 3


def test_without_anybody_to_train_on_there_is_an_error(home: Path, tmp_path: Path) -> None:
    with pytest.raises(GalleryMissing):
        read_faces(tmp_path / "nowhere")
    fill(home, ("x", ("SIM:3",), {}))
    with pytest.raises(GalleryEmpty):
        read_faces(home, leave_out_single=True)


def test_the_fingerprint_tells_other_pixels_and_other_diagnoses(home: Path) -> None:
    from dataclasses import replace

    fill(home, *ENOUGH)
    faces = read_faces(home)
    assert faces.fingerprint == read_faces(home).fingerprint
    assert replace(faces, crops=255 - faces.crops).fingerprint != faces.fingerprint
    assert replace(faces, disorders=1 - faces.disorders).fingerprint != faces.fingerprint


def test_who_was_trained_on_is_noted_until_they_leave(home: Path, tmp_path: Path) -> None:
    fill(home, *ENOUGH)
    source = GalleryFaces(home)
    source.mark(["a", "b", "d"], tmp_path / "a model" / "model", space="f" * 64)
    source.mark(["c"], tmp_path / "other", classifier="e" * 64)
    with open_gallery(home) as gallery:

        def known(*spaces: str) -> frozenset[str]:
            with gallery.database.reading() as session:
                return trained_on(session, spaces)

        assert known("f" * 64) == {"a", "b", "d"}
        assert known("f" * 64, "e" * 64) == {"a", "b", "c", "d"}
        assert known("0" * 64) == frozenset()
        event = gallery.log()[-2]
        assert (event.action, event.patients) == ("train", ("a", "b", "d"))
        assert "a model" in "".join(event.told)
        shutil.rmtree(home / "photos")
        receipt = tmp_path / "receipt.json"
        gallery.erase(["a"], receipt)
        # The path names the patient: it is noted without the name, and the rest stays.
        assert known("f" * 64) == {"b", "d"}
    places = json.loads(receipt.read_text(encoding="utf-8"))["not_reached"]["copies"]
    assert [one["action"] for one in places if one["action"] == "train"] == ["train", "train"]
