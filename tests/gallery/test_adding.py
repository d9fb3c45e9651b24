"""Corrections and photos of several patients, from the row to the files of the home."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gestalt_space.errors import DatabaseError, PatientConflict
from gestalt_space.faces.alignment import TEMPLATE
from gestalt_space.gallery import pipeline
from gestalt_space.gallery.adding import AddOptions, passed_over
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.home import Gallery
from gestalt_space.store.engine import Database
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import add, files_with, make_home, open_gallery, row, statuses

Open = Callable[..., Gallery]


@pytest.fixture
def home(tmp_path: Path, tiny_store: ModelStore) -> Path:
    return make_home(tmp_path / "home", tiny_store)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Two people side by side, the first one larger."""
    pair = np.hstack([made.crop(1), made.crop(2)])
    Image.fromarray(pair).save(tmp_path / "two.png")
    return tmp_path / "two.png"


@pytest.fixture
def landmarks(tmp_path: Path) -> Callable[..., Path]:
    """A landmarks file for the photo; each face moved by so many pixels."""

    def write(*moved: float) -> Path:
        header = ["photo", *(f"{axis}{n}" for n in range(1, 6) for axis in "xy")]
        lines = [",".join(header)]
        for place, pixels in enumerate(moved):
            points = TEMPLATE * (1 - 0.02 * place) + np.array([112 * place + pixels, 0])
            lines.append(",".join(["two.png", *(f"{v:.3f}" for v in points.ravel())]))
        path = tmp_path / "landmarks.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


@pytest.fixture
def opened(home: Path, landmarks: Callable[..., Path]) -> Iterator[Open]:
    """Opens the gallery with a landmarks file of the photo."""
    galleries = []

    def open_with(*moved: float) -> Gallery:
        gallery = open_gallery(home, detector="auto", landmarks=landmarks(*(moved or (0, 0))))
        galleries.append(gallery)
        return gallery

    yield open_with
    for gallery in galleries:
        gallery.close()


def test_siblings_in_one_photo_are_two_patients(opened: Open, photo: Path) -> None:
    gallery = opened()
    rows = [row(photo, "SIB1", "A", face=1), row(photo, "SIB2", "B", face=2)]
    assert statuses(add(gallery, *rows)) == ["added", "added"]
    assert statuses(add(gallery, *rows)) == ["already", "already"]
    first, second = (gallery.patient(one).photos[0] for one in ("SIB1", "SIB2"))
    assert first.sha256 == second.sha256
    assert (first.face, second.face) == (1, 2)
    for face, own, other in ((1, "SIB1", "SIB2"), (2, "SIB2", "SIB1")):
        (match,) = gallery.match([PhotoSource("two.png", photo, face)])
        assert match.left_out == own
        assert [line.patient for line in match.lines] == [other]
    assert gallery.check_index()["tiny"].startswith("2 descriptors in 1 segment")
    assert gallery.remove(photos=["two.png"], photos_of=["SIB1"]).photos == 1
    assert [one.patient for one in gallery.patients()] == ["SIB2"]


@pytest.mark.parametrize("face", [1, None])
def test_the_same_face_for_two_patients_stays_refused(
    face: int | None, opened: Open, photo: Path
) -> None:
    add(opened(0), row(photo, "SIB1", "A"))
    (result,) = add(opened(0), row(photo, "SIB2", "B", face=face))
    assert isinstance(result.error, PatientConflict)
    assert "'SIB1'" in result.error.message


def test_a_probe_of_the_other_face_leaves_nobody_out(opened: Open, photo: Path) -> None:
    gallery = opened()
    add(gallery, row(photo, "SIB1", "A", face=1))
    (match,) = gallery.match([PhotoSource("two.png", photo, 2)])
    assert match.left_out is None


def test_a_corrected_face_replaces_the_wrong_one_and_leaves_nothing_of_it(
    opened: Open, home: Path, photo: Path
) -> None:
    gallery = opened()
    add(gallery, row(photo, "B", "A", face=1, ancestry="wrong-ancestry"))
    wrong = gallery.snapshot().descriptors[0].tobytes()
    corrected = row(photo, "B", "A", face=2, ancestry="right-ancestry")
    (refused,) = add(gallery, corrected)
    assert refused.error is not None
    assert "face: 1 of 2 (landmarks) → 2 of 2 (landmarks)" in refused.error.message
    assert gallery.patient("B").photos[0].face == 1
    assert files_with(home, wrong)
    (result,) = add(gallery, corrected, update=True)
    assert result.status == "updated"
    assert any(change.startswith("face: 1 of 2") for change in result.changes)
    assert gallery.patient("B").photos[0].face == 2
    assert files_with(home, wrong) == []
    (told,) = (one.detail for one in gallery.log(patient="B") if one.action == "correct")
    assert "ancestry: wrong-ancestry → right-ancestry" in str(told), "the trail alone has it"
    (right,) = gallery.snapshot().descriptors
    if gallery.database.is_sqlite:  # a server's files are not in the home
        assert files_with(home, right.tobytes())
    assert gallery.state().photos == 1
    assert "no problem found" in gallery.check_index()["tiny"]
    assert statuses(add(gallery, corrected)) == ["already"]


def test_a_stop_right_after_a_correction_leaves_no_index_with_the_wrong_face(
    opened: Open, home: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    gallery = opened()
    add(gallery, row(photo, "B", face=1), row(made.photo_file(home / "p.png", 3), "C"))
    wrong = gallery.snapshot(by="patient").descriptors[0].tobytes()
    assert files_with(home / "index", wrong)
    monkeypatch.setattr(gallery, "_follow", stop)
    with pytest.raises(KeyboardInterrupt):
        add(gallery, row(photo, "B", face=2), update=True)
    assert files_with(home / "index", wrong) == []


@pytest.mark.parametrize(("moved", "differs"), [(0.2, False), (3.0, True)])
def test_corrected_landmarks_are_a_difference(
    moved: float, differs: bool, opened: Open, photo: Path
) -> None:
    add(opened(0), row(photo, "B"))
    before = opened(0).patient("B").photos[0]
    (result,) = add(opened(moved), row(photo, "B"))
    assert result.status == ("failed" if differs else "already")
    (result,) = add(opened(moved), row(photo, "B"), update=True)
    assert result.status == ("updated" if differs else "already")
    assert (opened(moved).patient("B").photos[0].box != before.box) is differs


def test_a_photo_that_cannot_differ_is_not_even_decoded(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = made.photo_file(tmp_path / "p.png", 3)
    with open_gallery(home) as gallery:
        add(gallery, row(one, "A"))
    decoded = []
    real = pipeline.decode_photo
    monkeypatch.setattr(
        pipeline, "decode_photo", lambda *a, **k: (decoded.append(1), real(*a, **k))[1]
    )
    for detector, face in (("aligned", None), ("aligned", 1), ("auto", 1)):
        with open_gallery(home, detector=detector) as gallery:
            assert statuses(add(gallery, row(one, "A", face=face))) == ["already"]
    assert decoded == []
    with open_gallery(home) as gallery:
        (result,) = add(gallery, row(one, "A", face=2))
        assert result.error is not None
        assert result.error.code == "no_such_face"
    assert decoded == [1]


def test_what_a_command_itself_adds_is_not_passed_over_by_it(home: Path, tmp_path: Path) -> None:
    """Whether a copy is read before or after its first is written must not matter."""
    one, two = (made.photo_file(tmp_path / f"{n}.png", n) for n in range(2))
    options = AddOptions("auto", exact_landmarks=False, keep_crops=True, update=False)
    sources = [PhotoSource("p", photo, patient="A") for photo in (one, two)]
    hashes = [sha256(photo.read_bytes()).hexdigest() for photo in (one, two)]
    with open_gallery(home) as gallery:
        add(gallery, row(one, "A"))
        skip = passed_over(gallery.database, options)
        add(gallery, row(two, "A"))
        assert list(map(skip, sources, hashes)) == [True, False]
        again = passed_over(gallery.database, options)
        assert list(map(again, sources, hashes)) == [True, True]
        assert not again(PhotoSource("p", one, patient="B"), hashes[0])
        exact = passed_over(gallery.database, replace(options, exact_landmarks=True))
        assert not exact(sources[0], hashes[0])


def test_rows_of_one_command_tell_of_a_patient_together(home: Path, tmp_path: Path) -> None:
    photos = [made.photo_file(tmp_path / f"p{n}.png", n) for n in range(3)]
    rows = [row(photos[0], "A", "X", sex="male"), row(photos[1], "A", "Y")]
    with open_gallery(home) as gallery:
        for _ in range(2):
            results = add(gallery, *rows, update=True)
            assert [one.error for one in results] == [None, None]
        assert statuses(results) == ["already", "already"]
        assert [id_ for id_, _ in gallery.patient("A").disorders] == ["X", "Y"]
        bad = [row(photos[0], "A", sex="female"), row(photos[1], "A", sex="male")]
        first, second = add(gallery, *bad, update=True)
        assert [first.status, second.status] == ["failed", "failed"]
        assert isinstance(second.error, PatientConflict)
        assert second.patient == "A"
        assert gallery.patient("A").sex == "male"


def test_a_later_row_for_the_same_photo_never_wins(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gestalt_space.gallery.adding.WRITE_BATCH", 1)
    one, copy = (made.photo_file(tmp_path / name, 1) for name in ("one.png", "copy.png"))
    with open_gallery(home) as gallery:
        results = add(gallery, row(one, "A", age=4.0), row(copy, "A", age=9.0), update=True)
        assert statuses(results) == ["added", "failed"]
        assert gallery.patient("A").photos[0].age == 4.0


def test_correcting_a_fact_leaves_the_index_where_it_is(home: Path, tmp_path: Path) -> None:
    photo = made.photo_file(tmp_path / "p.png", 1)
    with open_gallery(home) as gallery:
        add(gallery, row(photo, "A", "X", sex="female"))
        before = {path: path.stat().st_ino for path in gallery.settings.index_dir.iterdir()}
        assert before
        assert statuses(add(gallery, row(photo, "A", "X", sex="male"), update=True)) == ["updated"]
        after = {path: path.stat().st_ino for path in gallery.settings.index_dir.iterdir()}
    assert after == before


def test_what_a_reader_keeps_in_the_log_is_told_beside_what_was_done(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = made.photo_file(tmp_path / "p.png", 1)

    def busy(self: Database, **_: object) -> None:
        raise DatabaseError("Another process reads the database.", "Run `gestalt index rebuild`.")

    with open_gallery(home) as gallery:
        add(gallery, row(photo, "A", sex="female"))
        monkeypatch.setattr(Database, "truncate_log", busy)
        added = gallery.add([row(photo, "A", sex="male")], update=True)
        assert statuses(added.photos) == ["updated"]
        assert added.left_in_log is not None
        monkeypatch.undo()
        added = gallery.add([row(photo, "A", sex="other")], update=True)
        assert added.left_in_log is None


def test_patients_are_listed_by_a_disorder_in_any_spelling(home: Path, tmp_path: Path) -> None:
    with open_gallery(home) as gallery:
        add(gallery, row(made.photo_file(tmp_path / "p.png", 1), "A", "OMIM:122470"))
        assert [one.patient for one in gallery.patients(disorder="omim 122470")] == ["A"]
