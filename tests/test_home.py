"""The gallery as a whole, on photos that are aligned crops and with encoders made for tests."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import threading
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from gestalt_space import devices
from gestalt_space.encoders.registry import open_encoder
from gestalt_space.errors import (
    DatabaseError,
    DeviceUnavailable,
    GalleryChanged,
    GalleryEmpty,
    ModelNotInstalled,
    NotInGallery,
    PatientConflict,
    SpaceMismatch,
    UsageError,
)
from gestalt_space.faces.crops import crop_from_png
from gestalt_space.gallery import state as gallery_state
from gestalt_space.gallery.adding import WRITE_BATCH
from gestalt_space.gallery.pipeline import PhotoResult, PhotoSource, Pipeline
from gestalt_space.home import Gallery
from gestalt_space.match import match_mixin, probe_matches
from gestalt_space.match.answer import Match
from gestalt_space.match.filters import parse_filter
from gestalt_space.match.probe_matches import match_probes
from gestalt_space.match.question import Question
from gestalt_space.ranking.aggregation import EVERY_AGGREGATION, Aggregation
from gestalt_space.store import reads, removals
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import add, files_with, make_home, open_gallery, row, statuses


@pytest.fixture
def home(tmp_path: Path, tiny_store: ModelStore) -> Path:
    return make_home(tmp_path / "home", tiny_store)


@pytest.fixture
def gallery(home: Path) -> Iterator[Gallery]:
    with open_gallery(home) as opened:
        yield opened


@pytest.fixture
def photo(tmp_path: Path) -> Callable[[int], Path]:
    """Makes the photo of a seed: a person of its own."""
    folder = tmp_path / "photos"
    folder.mkdir()
    return lambda seed: made.photo_file(folder / f"p{seed}.png", seed)


@pytest.fixture
def other_store(tmp_path: Path) -> ModelStore:
    """A store with the model `other`, larger than `tiny`."""
    made.arcface_onnx(tmp_path / "other.onnx", dim=64, seed=5)
    store = ModelStore(tmp_path / "other-models")
    store.add(tmp_path / "other.onnx", name="other", license_name="made by the tests")
    return store


def interrupt(done: object) -> None:
    raise KeyboardInterrupt


def match(gallery: Gallery, *photos: Path, k: int = 10) -> list[Match]:
    sources = [PhotoSource(p.name, p, largest=True) for p in photos]
    return list(gallery.match(sources, Question(k=k)))


def test_a_match_ranks_disorders_by_their_nearest_photo(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    rows = [
        row(photo(0), "P0", "OMIM:100100"),
        row(photo(1), "P1", "OMIM:100100", "OMIM:200100"),
        row(photo(2), "P1", "OMIM:100100", "OMIM:200100"),
        row(photo(3), "P2", "ORPHA:1"),
        row(photo(4), "P3"),
    ]
    assert statuses(add(gallery, *rows)) == ["added"] * 5
    encoder = open_encoder(gallery.space.model, device="cpu")
    vectors = encoder.encode(np.stack([made.crop(seed) for seed in (0, 1, 2, 3, 9)]))[:, 0]
    cosines = vectors[:4] @ vectors[4]
    (found,) = match(gallery, photo(9))
    wanted = {
        "OMIM:100100": (max(cosines[:3]), 2, 3),
        "OMIM:200100": (max(cosines[1:3]), 1, 2),
        "ORPHA:1": (cosines[3], 1, 1),
    }
    assert {d.id: (d.patients, d.photos) for d in found.lines} == {
        id_: counts[1:] for id_, counts in wanted.items()
    }
    for line in found.lines:
        assert line.similarity == pytest.approx(wanted[line.id][0], abs=1e-5)
    order = sorted(wanted, key=lambda id_: (-round(float(wanted[id_][0]), 6), id_))
    assert [line.id for line in found.lines] == order
    assert [line.rank for line in found.lines] == [1, 2, 3]


def test_the_same_face_in_another_file_is_as_similar_as_can_be(
    gallery: Gallery, photo: Callable[[int], Path], tmp_path: Path
) -> None:
    add(gallery, row(photo(0), "P0", "A"), row(photo(1), "P1", "B"))
    Image.fromarray(made.crop(0)).save(tmp_path / "copy.bmp")
    (found,) = match(gallery, tmp_path / "copy.bmp")
    assert found.left_out is None
    assert found.lines[0].id == "A"
    assert 0.9999 < found.lines[0].similarity <= 1.0


def test_two_disorders_of_one_patient_stand_at_the_same_similarity_by_identifier(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    add(gallery, row(photo(0), "P0", "b", "a", "c"))
    (found,) = match(gallery, photo(1))
    assert [line.id for line in found.lines] == ["a", "b", "c"]
    assert len({line.similarity for line in found.lines}) == 1


def test_the_probe_s_own_patient_is_never_evidence_and_is_named(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    add(gallery, row(photo(0), "P0", "A"), row(photo(1), "P0", "A"), row(photo(2), "P1", "B"))
    (found,) = match(gallery, photo(0))
    assert found.left_out == "P0"
    assert [(line.id, line.patient) for line in found.lines] == [("B", "P1")]


def test_a_probe_whose_patient_is_the_only_one_gets_no_line(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    add(gallery, row(photo(0), "P0", "A"))
    (found,) = match(gallery, photo(0))
    assert found.error is None
    assert found.left_out == "P0"
    assert found.lines == ()


def test_k_may_be_larger_than_the_gallery(gallery: Gallery, photo: Callable[[int], Path]) -> None:
    add(gallery, *(row(photo(n), f"P{n}", f"D{n}") for n in range(3)))
    assert len(match(gallery, photo(9), k=1000)[0].lines) == 3
    assert len(match(gallery, photo(9), k=2)[0].lines) == 2


def test_an_empty_gallery_cannot_be_matched(gallery: Gallery, photo: Callable[[int], Path]) -> None:
    with pytest.raises(GalleryEmpty) as caught:
        match(gallery, photo(0))
    assert "gestalt index add" in caught.value.hint


def test_a_gallery_of_undiagnosed_patients_cannot_rank_disorders(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    add(gallery, row(photo(0), "P0"), row(photo(1), "P1"))
    with pytest.raises(GalleryEmpty):
        match(gallery, photo(2))
    assert gallery.stats().counts.undiagnosed == 2


def test_a_gallery_from_which_all_was_removed_is_empty_again(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    add(gallery, row(photo(0), "P0", "A"))
    assert gallery.remove(patients=["P0"]).photos == 1
    with pytest.raises(GalleryEmpty):
        match(gallery, photo(2))
    assert gallery.check_index()
    assert statuses(add(gallery, row(photo(0), "P0", "A"))) == ["added"]
    assert match(gallery, photo(2))[0].lines[0].id == "A"


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


def test_remove_takes_a_patient_out_of_matches(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    add(gallery, row(photo(0), "P0", "A"), row(photo(1), "P1", "B"))
    assert gallery.remove(patients=["P0"]).photos == 1
    assert [line.id for line in match(gallery, photo(9))[0].lines] == ["B"]
    assert gallery.stats().counts.disorders == 1


@pytest.mark.parametrize(
    ("aggregation", "place"),
    [
        *((aggregation, (probe_matches, "rank_probes")) for aggregation in EVERY_AGGREGATION[:-1]),
        ("nearest", (gallery_state, "count_totals")),
        ("nearest", (match_mixin, "open_view")),
    ],
)
def test_files_that_are_wiped_while_it_is_asked_give_no_wrong_line(
    aggregation: Aggregation,
    place: tuple[Any, str],
    gallery: Gallery,
    photo: Callable[[int], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The question comes after a removal was committed, and before its files are clean."""
    add(gallery, *(row(photo(n), f"P{n}", f"D{n % 3}") for n in range(6)))
    gallery.rebuild()
    question = Question(k=3, aggregation=aggregation)
    list(gallery.match([PhotoSource("9", photo(9))]))
    with gallery.database.writing() as session:
        removals.remove_patients(session, ["P5"])
    whole = getattr(*place)

    def cleaned_first(*asked: Any) -> Any:
        monkeypatch.setattr(*place, whole)
        gallery._keeper.purge()
        return whole(*asked)

    monkeypatch.setattr(*place, cleaned_first)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (during,) = gallery.match([PhotoSource("9", photo(9))], question)
    (after,) = gallery.match([PhotoSource("9", photo(9))], question)
    assert getattr(*place) is whole
    assert during.lines == after.lines
    assert len(after.lines) == 3


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


# Which encoder


def test_a_new_gallery_takes_the_best_encoder_and_keeps_it(
    home: Path, photo: Callable[[int], Path], other_store: ModelStore
) -> None:
    with open_gallery(home) as gallery:
        assert [gallery.space.chosen] == [True]
        add(gallery, row(photo(0), "P0", "A"))
        assert [gallery.space.chosen] == [False]
    make_home(home, other_store)
    with open_gallery(home) as gallery:
        best = gallery.models.best("encoder")
        assert best is not None
        assert best.name == "other"
        assert gallery.space.model.name == "tiny"
        assert not gallery.space.chosen
        assert match(gallery, photo(1))[0].lines


def test_of_several_encoders_a_new_gallery_takes_the_largest(
    home: Path, other_store: ModelStore
) -> None:
    make_home(home, other_store)
    with open_gallery(home) as gallery:
        assert gallery.space.model.name == "other"
        assert gallery.space.chosen
    with open_gallery(home, space="tiny") as gallery:
        assert gallery.space.model.name == "tiny"
        assert not gallery.space.chosen


def test_a_gallery_whose_encoder_is_gone_says_which_it_was(
    home: Path, photo: Callable[[int], Path], other_store: ModelStore
) -> None:
    with open_gallery(home) as gallery:
        add(gallery, row(photo(0), "P0", "A"))
    make_home(home, other_store)
    ModelStore(home / "models").remove("tiny")
    with open_gallery(home) as gallery:
        with pytest.raises(ModelNotInstalled) as caught:
            match(gallery, photo(1))
        assert "tiny" in caught.value.message
        with pytest.raises(ModelNotInstalled):
            add(gallery, row(photo(1), "P1", "A"))
        assert gallery.stats().counts.photos == 1
        assert gallery.patients()


def test_the_encoder_under_another_name_is_still_the_same_space(
    home: Path, photo: Callable[[int], Path], tiny_onnx: Path
) -> None:
    with open_gallery(home) as gallery:
        add(gallery, row(photo(0), "P0", "A"))
    store = ModelStore(home / "models")
    store.remove("tiny")
    store.add(tiny_onnx, name="renamed", license_name="made by the tests")
    with open_gallery(home) as gallery:
        assert gallery.space.model.name == "renamed"
        assert match(gallery, photo(1))[0].lines[0].id == "A"


def test_other_weights_under_the_same_name_are_never_mixed(
    home: Path, photo: Callable[[int], Path], tmp_path: Path
) -> None:
    with open_gallery(home) as gallery:
        add(gallery, row(photo(0), "P0", "A"))
    made.arcface_onnx(tmp_path / "tiny.onnx", dim=16, seed=99)
    store = ModelStore(home / "models")
    store.remove("tiny")
    store.add(tmp_path / "tiny.onnx", name="tiny", license_name="made by the tests")
    with open_gallery(home, space="tiny") as gallery:
        with pytest.raises(SpaceMismatch) as caught:
            add(gallery, row(photo(1), "P1", "A"))
        assert "tiny" in caught.value.message
        with pytest.raises(SpaceMismatch):
            match(gallery, photo(1))
        with pytest.raises(SpaceMismatch):
            gallery.fill()
    with open_gallery(home) as gallery, pytest.raises((ModelNotInstalled, SpaceMismatch)):
        match(gallery, photo(1))
    with open_gallery(home) as gallery:
        assert gallery.stats().counts.photos == 1


# Another space


def test_fill_gives_the_same_descriptors_as_adding_would(
    home: Path, photo: Callable[[int], Path], other_store: ModelStore, tmp_path: Path
) -> None:
    rows = [row(photo(n), f"P{n}", f"D{n}") for n in range(5)]
    with open_gallery(home) as gallery:
        add(gallery, *rows)
    make_home(home, other_store)
    with open_gallery(home, space="other") as gallery:
        with pytest.raises(GalleryEmpty) as caught:
            match(gallery, photo(9))
        assert "gestalt index fill --space other" in caught.value.hint
        filled = gallery.fill().faces
        assert [one.error for one in filled] == [None] * 5
        assert gallery.faces_to_fill() == 0
        by_fill = match(gallery, photo(9))
    afresh = make_home(tmp_path / "afresh", other_store)
    with open_gallery(afresh) as gallery:
        add(gallery, *rows)
        by_add = match(gallery, photo(9))
    assert [d.id for d in by_fill[0].lines] == [d.id for d in by_add[0].lines]
    assert [d.similarity for d in by_fill[0].lines] == pytest.approx(
        [d.similarity for d in by_add[0].lines], abs=1e-5
    )


def test_fill_can_be_interrupted_and_run_again(
    home: Path, photo: Callable[[int], Path], other_store: ModelStore
) -> None:
    with open_gallery(home) as gallery:
        add(gallery, *(row(photo(n), f"P{n}", "A") for n in range(WRITE_BATCH + 4)))
    make_home(home, other_store)
    with open_gallery(home, space="other") as gallery, pytest.raises(KeyboardInterrupt):
        gallery.fill(progress=interrupt)
    with open_gallery(home, space="other") as gallery:
        assert len(gallery.fill().faces) == 4
        assert gallery.fill().faces == ()
        assert {space.model: count for space, count in gallery.stats().spaces} == {
            "tiny": WRITE_BATCH + 4,
            "other": WRITE_BATCH + 4,
        }


def test_the_gallery_s_own_space_changes_only_when_asked(
    home: Path, photo: Callable[[int], Path], other_store: ModelStore
) -> None:
    with open_gallery(home) as gallery:
        add(gallery, row(photo(0), "P0", "A"))
    make_home(home, other_store)
    with open_gallery(home, space="other") as gallery:
        gallery.fill()
    with open_gallery(home) as gallery:
        assert gallery.space.model.name == "tiny"
    with open_gallery(home, space="other") as gallery:
        gallery.fill(make_default=True)
    with open_gallery(home) as gallery:
        assert gallery.space.model.name == "other"
        assert match(gallery, photo(1))[0].lines
    ModelStore(home / "models").remove("tiny")
    with open_gallery(home) as gallery:
        assert match(gallery, photo(1))[0].lines


def test_without_crops_a_photo_cannot_be_filled_and_says_so(
    home: Path, photo: Callable[[int], Path], other_store: ModelStore
) -> None:
    with open_gallery(home) as gallery:
        add(gallery, row(photo(0), "P0", "A"), keep_crops=False)
        add(gallery, row(photo(1), "P1", "A"))
        assert gallery.stats().counts.crops == 1
        assert not gallery.patient("P0").photos[0].crop_kept
    make_home(home, other_store)
    with open_gallery(home, space="other") as gallery:
        filled = {one.patient: one.error for one in gallery.fill().faces}
        assert filled["P1"] is None
        assert filled["P0"] is not None
        assert "No crop is stored" in filled["P0"].message
        assert filled["P0"].hint
        assert gallery.faces_to_fill() == 1


# What is kept, and what is not


def with_gps(path: Path, seed: int) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "TAKEN-AT-HOME"
    exif[ExifTags.Base.Artist] = "GREAT-UNCLE"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSAreaInformation] = b"GPS-OF-THE-HOUSE"
    Image.fromarray(made.crop(seed)).save(path, exif=exif)
    return path.read_bytes()


def test_neither_the_photo_nor_its_exif_is_kept(gallery: Gallery, tmp_path: Path) -> None:
    data = with_gps(tmp_path / "gps.png", 1)
    assert b"GPS-OF-THE-HOUSE" in data
    assert statuses(add(gallery, row(tmp_path / "gps.png", "P0", "A"))) == ["added"]
    match(gallery, tmp_path / "gps.png")
    home = gallery.settings.home
    gallery.close()
    for needle in (b"GPS-OF-THE-HOUSE", b"TAKEN-AT-HOME", b"GREAT-UNCLE", data[60:160], data):
        assert files_with(home, needle) == []
    assert files_with(home, b"gps.png"), "the name is kept, so that a search would find a trace"


def test_the_crop_that_is_kept_has_the_pixels_and_no_metadata(
    gallery: Gallery, tmp_path: Path
) -> None:
    with_gps(tmp_path / "gps.png", 1)
    add(gallery, row(tmp_path / "gps.png", "P0", "A"))
    with gallery.database.reading() as session:
        faces = reads.faces_without(session, space_id=-1)
        (png,) = reads.crops_of(session, [face for face, _, _ in faces]).values()
    assert np.array_equal(crop_from_png(png), made.crop(1))
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        assert image.info == {}
        assert not image.getexif()
    kinds = {png[start + 4 : start + 8] for start in chunk_starts(png)}
    assert kinds == {b"IHDR", b"IDAT", b"IEND"}


def chunk_starts(png: bytes) -> Iterator[int]:
    start = 8
    while start < len(png):
        yield start
        start += 12 + int.from_bytes(png[start : start + 4], "big")


def test_what_was_removed_is_in_no_file_of_the_home(
    home: Path, photo: Callable[[int], Path]
) -> None:
    with open_gallery(home) as gallery:
        add(gallery, *(row(photo(n), f"PATIENT-{n:04}", "A") for n in range(20)))
        encoder = open_encoder(gallery.space.model, device="cpu")
        vector = encoder.encode(made.crop(7)[None])[0, 0].astype("<f4").tobytes()
        with gallery.database.reading() as session:
            faces = {p: face for face, _, p in reads.faces_without(session, space_id=-1)}
            key = faces["PATIENT-0007"]
            png = reads.crops_of(session, [key])[key]
        match(gallery, photo(30))
        needles = (b"PATIENT-0007", vector[:32], png[40:140])
        assert [bool(files_with(home, needle)) for needle in needles] == [True] * 3
        gallery.remove(patients=["PATIENT-0007"])
        assert [files_with(home, needle) for needle in needles] == [[], [], []]
        match(gallery, photo(30))
    assert [files_with(home, needle) for needle in needles] == [[], [], []]
    assert files_with(home, b"PATIENT-0008")


def test_what_was_removed_under_a_reader_is_gone_once_the_reader_is(
    home: Path, photo: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The write-ahead log cannot be emptied while somebody reads an older state.
    monkeypatch.setenv("GESTALT_BUSY_TIMEOUT", "0.2")
    with open_gallery(home) as gallery, open_gallery(home) as reader:
        add(gallery, row(photo(0), "PATIENT-0000", "A"), row(photo(1), "P1", "A"))
        with reader.database.reading() as session:
            assert reads.counts(session).patients == 2
            with pytest.raises(DatabaseError, match="write-ahead log") as caught:
                gallery.remove(patients=["PATIENT-0000"])
            assert caught.value.message.startswith("1 photo and 1 patient removed permanently.")
            assert "when the gallery is next opened" in caught.value.hint
            assert gallery.stats().counts.patients == 1
        with open_gallery(home):
            pass
        assert files_with(home, b"PATIENT-0000") == []


# Several at once


ADD = """
import sys
from pathlib import Path
from typing import Any
from gestalt_space.home import Gallery
from tests.galleries import open_gallery, row
home, folder, first, last = sys.argv[1:]
with open_gallery(Path(home)) as gallery:
    for n in range(int(first), int(last)):
        added = gallery.add([row(Path(folder) / f"p{n}.png", f"P{n}", f"D{n % 5}")]).photos
        assert added[0].status in ("added", "already"), added[0].error
"""


def start_adding(home: Path, folder: Path, first: int, last: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", ADD, str(home), str(folder), str(first), str(last)],
        cwd=Path(__file__).parents[1],
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_add_at_once_while_a_third_matches(
    home: Path, photo: Callable[[int], Path]
) -> None:
    folder = photo(0).parent
    for n in range(60):
        photo(n)
    with open_gallery(home) as gallery:
        add(gallery, *(row(photo(n), f"P{n}", f"D{n % 5}") for n in range(5)))
    # The two have ten photos in common.
    adding = [start_adding(home, folder, 5, 40), start_adding(home, folder, 30, 60)]
    probe = made.photo_file(folder / "probe.png", 1000)
    seen = []
    with open_gallery(home) as gallery:
        while any(process.poll() is None for process in adding):
            (found,) = match(gallery, probe)
            assert found.error is None
            assert [line.rank for line in found.lines] == [1, 2, 3, 4, 5]
            seen.append(sum(line.photos for line in found.lines))
    for process in adding:
        _, told = process.communicate(timeout=60)
        assert process.returncode == 0, told
    assert seen == sorted(seen)
    with open_gallery(home) as gallery:
        assert gallery.stats().counts.photos == 60
        assert gallery.database.problems() == []
        assert "no problem found" in gallery.check_index()["tiny"]
        (found,) = match(gallery, probe)
        assert sum(line.photos for line in found.lines) == 60


def test_a_match_in_threads_gives_what_a_match_alone_gives(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    add(gallery, *(row(photo(n), f"P{n}", f"D{n}") for n in range(10)))
    probes = [photo(100 + n) for n in range(4)]
    alone = [match(gallery, probe)[0].lines for probe in probes]
    found: dict[int, object] = {}

    def ask(number: int) -> None:
        with open_gallery(gallery.settings.home) as own:
            found[number] = match(own, probes[number])[0].lines

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [found[n] for n in range(4)] == alone


def test_a_view_stays_as_it_was_until_somebody_is_removed(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    add(gallery, row(photo(0), "P0", "A"), row(photo(1), "P1", "B"))
    view = gallery.view()
    (probes,) = gallery.probes([PhotoSource("probe", photo(9))])
    add(gallery, row(photo(2), "P2", "C"))
    with gallery.database.reading() as session:
        (kept,) = match_probes(probes, view, session)
    assert {line.id for line in kept.lines} == {"A", "B"}
    gallery.remove(patients=["P0"])
    with gallery.database.reading() as session, pytest.raises(GalleryChanged):
        match_probes(probes, view, session)
    _, (now,) = gallery.answer(probes, view.question, view)
    assert {line.id for line in now.lines} == {"B", "C"}


def test_a_photo_that_is_added_while_it_is_asked_about_is_no_evidence_for_itself(
    gallery: Gallery, photo: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    add(gallery, row(photo(0), "P0", "A"))
    real, left = Pipeline.run, [row(photo(1), "P1", "B")]

    def run(self: Pipeline, *words: Any, **options: Any) -> Iterator[list[PhotoResult]]:
        for batch in real(self, *words, **options):
            if left:
                add(gallery, left.pop())
            yield batch

    monkeypatch.setattr(Pipeline, "run", run)
    (found,) = gallery.match([PhotoSource("1.png", photo(1))])
    assert found.left_out == "P1"
    assert [line.patient for line in found.lines] == ["P0"]


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


def test_a_device_that_is_not_there_is_told_and_no_model_is_blamed(
    home: Path, photo: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = devices.runtime()
    monkeypatch.setattr(runtime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with open_gallery(home, device="cuda") as gallery, pytest.raises(DeviceUnavailable):
        add(gallery, row(photo(0), "P0"))


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
