"""What a gallery takes, and what it then says that it holds."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from gestalt_space.errors import (
    NotInGallery,
    PatientConflict,
    UsageError,
)
from gestalt_space.gallery.adding import WRITE_BATCH
from gestalt_space.home import Gallery
from gestalt_space.match.filters import parse_filter
from gestalt_space.match.question import Question
from tests import made
from tests.galleries import add, open_gallery, row, statuses
from tests.home.asking import interrupt


def test_adding_is_idempotent_by_content(
    gallery: Gallery, photo: Callable[[int], Path], tmp_path: Path
) -> None:
    copy = shutil.copy(photo(0), tmp_path / "copy.png")
    assert statuses(add(gallery, row(photo(0), "P0", "A"))) == ["added"]
    again = add(gallery, row(photo(0), "P0", "A"), row(Path(copy), "P0", "A"))
    assert statuses(again) == ["already", "already"]
    assert gallery.stats().counts.photos == 1


def test_the_same_photo_twice_in_one_batch_goes_in_once(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    results = add(gallery, row(photo(0), "P0", "A"), row(photo(0), "P0", "A"))
    assert statuses(results) == ["added", "already"]


@pytest.mark.parametrize("together", [True, False])
def test_the_same_photo_under_two_patients_is_refused_naming_both(
    together: bool, gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    first, second = row(photo(0), "P0", "A"), row(photo(0), "P1", "B")
    if together:
        results = add(gallery, first, second)
    else:
        results = [*add(gallery, first), *add(gallery, second)]
    assert statuses(results) == ["added", "failed"]
    error = results[1].error
    assert isinstance(error, PatientConflict)
    assert "'P0'" in error.message
    assert "'P1'" in error.message
    assert [patient.patient for patient in gallery.patients()] == ["P0"]


def test_results_come_in_the_order_of_the_rows(
    gallery: Gallery, photo: Callable[[int], Path], tmp_path: Path
) -> None:
    rows = [row(photo(n), f"P{n}", "A") for n in range(WRITE_BATCH + 8)]
    rows[5] = row(tmp_path / "missing.png", "M", "A")
    rows[WRITE_BATCH + 3] = row(photo(0), "P0", "A")
    results = add(gallery, *rows)
    assert [result.photo for result in results] == [one.photo for one in rows]
    assert [n for n, result in enumerate(results) if result.status == "failed"] == [5]
    assert results[WRITE_BATCH + 3].status == "already"
    assert gallery.stats().counts.photos == WRITE_BATCH + 6


def test_an_add_that_is_left_half_way_keeps_what_went_in(
    home: Path, photo: Callable[[int], Path]
) -> None:
    rows = [row(photo(n), f"P{n}", "A") for n in range(WRITE_BATCH + 8)]
    with open_gallery(home) as gallery, pytest.raises(KeyboardInterrupt):
        gallery.add(rows, progress=interrupt)
    with open_gallery(home) as gallery:
        assert gallery.stats().counts.photos == WRITE_BATCH
        assert "no problem found" in gallery.check_index()["tiny"]
        assert statuses(add(gallery, *rows)).count("added") == 8


def test_stats_patients_and_patient_say_what_is_held(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    add(
        gallery,
        row(photo(0), "P0", "A", sex="male", cohort="one", genes=("SMC3", "NIPBL"), age=2.5),
        row(photo(1), "P0", "B", hpo=("HP:0000664",)),
        row(photo(2), "P1", cohort="two"),
    )
    counts = gallery.stats().counts
    assert (counts.patients, counts.undiagnosed, counts.photos) == (2, 1, 3)
    assert (counts.crops, counts.disorders, counts.genes) == (3, 2, 2)
    ((space, descriptors),) = gallery.stats().spaces
    assert (space.model, descriptors) == ("tiny", 3)
    assert [p.patient for p in gallery.patients(disorder="B")] == ["P0"]
    assert [p.patient for p in gallery.patients(cohort="two")] == ["P1"]
    assert [p.patient for p in gallery.patients(limit=1)] == ["P0"]
    detail = gallery.patient("P0")
    assert detail.disorders == (("A", ""), ("B", ""))
    assert detail.genes == ("NIPBL", "SMC3")
    assert detail.hpo == ("HP:0000664",)
    assert [one.age for one in detail.photos] == [2.5, None]
    with pytest.raises(NotInGallery):
        gallery.patient("P9")


def test_one_name_is_not_taken_for_a_list_of_letters(gallery: Gallery) -> None:
    for names in ({"patients": "P0"}, {"photos": "P"}, {"photos_of": "P0"}):
        with pytest.raises(UsageError, match="not a list"):
            gallery.remove(**names)  # type: ignore[arg-type]


def test_remove_of_one_that_is_not_there_removes_none(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    add(gallery, row(photo(0), "P0", "A"))
    with pytest.raises(NotInGallery):
        gallery.remove(patients=["P0", "nobody"])
    with pytest.raises(NotInGallery):
        gallery.remove(patients=["P0"], photos=["nothing.png"])
    assert gallery.stats().counts.photos == 1


def test_a_diagnosis_that_is_found_later_is_taken_with_the_known_photo(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    add(gallery, row(photo(0), "P0"))
    (result,) = add(gallery, row(photo(0), "P0", "OMIM:122470", age=4.0))
    assert result.status == "already"
    detail = gallery.patient("P0")
    assert [id_ for id_, _ in detail.disorders] == ["OMIM:122470"]
    assert detail.photos[0].age == 4.0


def test_a_known_photo_whose_row_contradicts_the_gallery_is_refused(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    add(gallery, row(photo(0), "P0", sex="female"))
    (result,) = add(gallery, row(photo(0), "P0", "OMIM:122470", sex="male"))
    assert isinstance(result.error, PatientConflict)
    assert gallery.patient("P0").disorders == ()


def test_a_record_that_cannot_be_fails_alone(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    results = add(
        gallery,
        row(photo(0), "P0", "A"),
        row(photo(1), "P1", "A", sex="F"),
        row(photo(2), "P2", "A", age=-3.0),
        row(photo(3), 17, "A"),  # type: ignore[arg-type]
        row(photo(4), "P4", "A", genes="NIPBL"),
        row(photo(5), "P5", "omim 122470", genes=("nipbl",), sex="female"),
    )
    assert statuses(results) == ["added", *["failed"] * 4, "added"]
    for result, told in zip(results[1:5], ("'F'", "-3.0", "17", "'NIPBL'"), strict=True):
        assert isinstance(result.error, UsageError)
        assert told in result.error.message
    found = gallery.patient("P5")
    assert ([code for code, _ in found.disorders], list(found.genes)) == (
        ["OMIM:122470"],
        ["NIPBL"],
    )


def test_what_is_to_be_known_of_a_row_comes_with_its_result(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    add(gallery, row(photo(0), "P17", "Noonan"))
    results = add(gallery, row(photo(1), "p17", "noonan"), row(photo(2), "P18", genes=("KMT2D?",)))
    assert [len(result.notes) for result in results] == [2, 1]
    assert "the gallery has 'P17'" in results[0].notes[0]
    assert "the gallery has 'Noonan'" in results[0].notes[1]
    assert "'KMT2D?'" in results[1].notes[0]


def test_both_spellings_of_a_name_are_one_name(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    nfc, nfd = (unicodedata.normalize(form, "Zoé") for form in ("NFC", "NFD"))
    added = add(
        gallery,
        row(photo(0), nfd, nfd, cohort=nfd, ancestry=nfd),
        row(photo(1), nfc, nfc, cohort=nfc, ancestry=nfc),
    )
    assert statuses(added) == ["added", "added"]
    for name in (nfc, nfd):
        assert gallery.patient(name).patient == nfc
        assert [one.photos for one in gallery.patients(cohort=name, disorder=name)] == [2]
        among = parse_filter([f"ancestry={name}", f"cohort={name}", f"disorder={name}"])
        assert gallery.view(Question(by="patient", among=among)).totals.patients == 1
        own = gallery.stored_probe(name).own
        assert own is not None
        assert own.identifier == nfc
    assert gallery.remove(patients=[nfd]).photos == 2


def test_photos_are_removed_by_either_spelling_of_their_name(
    gallery: Gallery, tmp_path: Path
) -> None:
    name = unicodedata.normalize("NFD", "é.png")
    add(gallery, row(made.photo_file(tmp_path / name, 1), "P", "A"))
    assert gallery.remove(photos=[name]).photos == 1


def test_patients_without_a_fact_are_asked_for_by_unknown(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    add(gallery, row(photo(0), "P0", "A", cohort="X"), row(photo(1), "P1"))
    for asked in ({"disorder": "unknown"}, {"cohort": "NA"}):
        assert [one.patient for one in gallery.patients(**asked)] == ["P1"]
