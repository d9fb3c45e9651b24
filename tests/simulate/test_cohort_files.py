from __future__ import annotations

import csv
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gestalt_space import __version__
from gestalt_space.errors import OutputError, UsageError
from gestalt_space.gallery.intake.tables import read_table
from gestalt_space.simulate.canvas import SIZE
from gestalt_space.simulate.cohort import FREQUENT, Cohort, CohortPlan, draw_cohort
from gestalt_space.simulate.cohort_files import SPLITS, write_cohort
from gestalt_space.simulate.persons import Persons
from gestalt_space.simulate.study import StudyPlan
from gestalt_space.simulate.subjects import SampledSubjects
from tests.documents.validation import assert_valid
from tests.simulate.faces import GreySubjects

PLAN = CohortPlan(disorders=6, patients=24, controls=3, photos_per_patient=1.5, seed=11)
LARGE = CohortPlan(disorders=12, patients=150, controls=5, photos_per_patient=1.5, seed=1)
PERSONAL = {"author", "authors", "email", "name", "first_name", "last_name", "birth", "address"}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream, delimiter="\t" if path.suffix == ".tsv" else ","))


def all_bytes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def subjects(table: list[dict[str, str]]) -> set[str]:
    return {row["subject"] for row in table}


def by_label(table: list[dict[str, str]]) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for row in table:
        found[row["label"]].add(row["subject"])
    return found


@pytest.fixture(scope="module")
def cohort(builtin: Persons) -> Cohort:
    return draw_cohort(PLAN, SampledSubjects(builtin))


@pytest.fixture(scope="module")
def written(cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort of sampled persons: not to be changed by a test."""
    folder = tmp_path_factory.mktemp("written") / "sub" / "cohort"
    write_cohort(cohort, folder)
    return folder


@pytest.fixture
def grey() -> Cohort:
    return draw_cohort(PLAN, GreySubjects())


@pytest.fixture(scope="module")
def gmdb(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[dict[str, str]]]:
    """Reads a table of a larger cohort by the middle of its name."""
    folder = tmp_path_factory.mktemp("large") / "cohort"
    write_cohort(draw_cohort(LARGE, GreySubjects()), folder)

    def table(name: str) -> list[dict[str, str]]:
        (path,) = (folder / "gmdb").glob(f"*{name}_sim1.*")
        return rows(path)

    return table


@pytest.fixture(scope="module")
def sizes(gmdb: Callable[[str], list[dict[str, str]]]) -> Mapping[str, int]:
    """Patients by label, as the syndromes' table has it; some of each kind."""
    found = {
        str(int(row["syndrome_id"]) - 1): int(row["num_of_subjects"])
        for row in gmdb("gmdb_syndromes")
    }
    assert max(found.values()) >= 20
    assert {FREQUENT - 1, FREQUENT} <= set(found.values())
    return found


def test_all_files_are_there_and_no_others(written: Path, cohort: Cohort):
    photos = {f"photos/{number:06d}.jpg" for number in range(1, cohort.photo_count + 1)}
    tables = {
        "image_metadata_sim11.tsv",
        "gmdb_syndromes_sim11.tsv",
        *(
            f"gmdb_{name}_images_sim11.csv"
            for name in (
                "train", "val", "test", "frequent_gallery", "frequent_test",
                "rare_gallery", "rare_test",
            )
        ),
    }  # fmt: skip
    assert set(all_bytes(written)) == photos | {"patients.csv", "truth.json"} | {
        f"gmdb/{name}" for name in tables
    }
    assert [path.name for path in written.parent.iterdir()] == ["cohort"]


def test_the_folder_can_be_read_by_others(written: Path):
    assert written.stat().st_mode & 0o755 == 0o755


def test_photos_are_what_was_taken(written: Path, cohort: Cohort):
    for photo in list(cohort.photos())[::7]:
        with Image.open(written / f"photos/{photo.id:06d}.jpg") as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (SIZE, SIZE))
            assert not image.getexif()
            stored = np.asarray(image).astype(int)
        assert np.abs(stored - photo.portrait.pixels).mean() < 4


def test_the_table_is_read_by_gestalt_without_an_error(written: Path, cohort: Cohort):
    table = read_table(written / "patients.csv")
    assert table.unread == ()
    assert [row.error for row in table.rows] == [None] * cohort.photo_count
    assert all(row.path.is_file() for row in table.rows)


def test_the_table_says_what_the_photos_show(written: Path, cohort: Cohort):
    records = [row.record for row in read_table(written / "patients.csv").rows]
    for photo, record in zip(cohort.photos(), records, strict=True):
        patient = photo.patient
        assert (record.patient, record.sex) == (patient.id, patient.subject.sex)
        assert record.age == pytest.approx(photo.age_years)
        assert record.ancestry == patient.subject.ancestry
        assert [one.id for one in record.disorders] == (
            [patient.disorder.id] if patient.disorder else []
        )
        assert record.genes == ((patient.gene,) if patient.gene else ())
        assert set(record.hpo) == set(patient.strengths)
        assert (record.face, record.cohort, record.consent) == (1, "simulated", "simulated")


def test_the_truth_is_what_was_planted(written: Path, cohort: Cohort):
    truth = json.loads((written / "truth.json").read_text(encoding="utf-8"))
    assert_valid(truth, "truth")
    assert truth["format"] == "gestalt-space cohort 1"
    assert truth["gestalt_space"] == __version__
    assert (truth["plan"]["seed"], truth["plan"]["disorders"]) == (11, 6)
    for told, patient in zip(truth["patients"], cohort.patients, strict=True):
        assert told["patient"] == patient.id
        assert told["strengths"] == dict(patient.strengths)
        assert told["disorder"] == (patient.disorder.id if patient.disorder else None)
        assert told["gene"] == patient.gene
    for told, disorder in zip(truth["disorders"], cohort.disorders, strict=True):
        assert told["id"] == disorder.id
        assert {one["term"]: one["severity"] for one in told["features"]} == {
            one.term: one.severity for one in disorder.features
        }
    for told, photo in zip(truth["photos"], cohort.photos(), strict=True):
        assert (told["photo"], told["patient"]) == (photo.id, photo.patient.id)
        assert np.abs(np.array(told["landmarks"]) - photo.portrait.landmarks).max() < 0.01
        assert told["capture"]["roll"] == photo.capture.roll


def test_the_same_plan_gives_the_same_bytes(written: Path, builtin: Persons, tmp_path: Path):
    write_cohort(draw_cohort(PLAN, SampledSubjects(builtin)), tmp_path / "again")
    assert all_bytes(tmp_path / "again") == all_bytes(written)


def test_another_seed_gives_other_photos(tmp_path: Path):
    digests = []
    for seed in (11, 12):
        plan = CohortPlan(disorders=2, patients=4, seed=seed)
        write_cohort(draw_cohort(plan, GreySubjects()), tmp_path / str(seed))
        digests.append(all_bytes(tmp_path / str(seed)))
    photos = [{d for name, d in one.items() if name.startswith("photos/")} for one in digests]
    assert all(photos)
    assert not photos[0] & photos[1]
    assert digests[0]["patients.csv"] != digests[1]["patients.csv"]


def test_progress_is_told_for_every_photo(grey: Cohort, tmp_path: Path):
    told: list[tuple[int, int]] = []
    write_cohort(grey, tmp_path / "cohort", progress=lambda *now: told.append(now))
    count = grey.photo_count
    assert told == [(done, count) for done in range(1, count + 1)]


def test_metadata_are_those_of_the_photos(written: Path, cohort: Cohort):
    table = rows(written / "gmdb" / "image_metadata_sim11.tsv")
    assert not PERSONAL & {name.lower() for name in table[0]}
    for row, photo in zip(table, cohort.photos(), strict=True):
        patient = photo.patient
        assert (row["image_id"], row["patient_id"]) == (str(photo.id), patient.id)
        assert (written / "photos" / row["filename"]).is_file()
        assert json.loads(row["present_features"]) == list(patient.strengths)
        assert json.loads(row["gene_names"]) == ([patient.gene] if patient.gene else [])
        years = int(row["age_year"]) + int(row["age_month"]) / 12
        assert 0 <= photo.age_years - years < 1 / 12 + 1e-6
        assert row["person_type"] == ("patient" if patient.disorder else "control")
        assert bool(row["internal_syndrome_id"]) is bool(patient.disorder)


def test_no_table_has_a_personal_column(written: Path):
    tables = [path for path in written.rglob("*") if path.suffix in (".csv", ".tsv")]
    assert len(tables) == 10
    for path in tables:
        with path.open(encoding="utf-8", newline="") as stream:
            header = next(csv.reader(stream, delimiter="\t" if path.suffix == ".tsv" else ","))
        assert not PERSONAL & {name.lower() for name in header}


def test_syndromes_are_counted(gmdb: Callable[[str], list[dict[str, str]]]):
    by_id: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in gmdb("image_metadata"):
        by_id[row["internal_syndrome_id"]].append(row)
    syndromes = gmdb("gmdb_syndromes")
    assert len(syndromes) == 12
    for row in syndromes:
        photos = by_id[row["syndrome_id"]]
        assert json.loads(row["image_ids"]) == [int(photo["image_id"]) for photo in photos]
        assert int(row["num_of_images"]) == len(photos)
        assert set(json.loads(row["subject_ids"])) == {photo["patient_id"] for photo in photos}
        assert int(row["num_of_subjects"]) == len(json.loads(row["subject_ids"]))
        assert row["train"] == str(int(row["num_of_subjects"]) > 6)


def test_frequent_and_rare_disorders_are_parted_at_seven_patients(
    gmdb: Callable[[str], list[dict[str, str]]], sizes: Mapping[str, int]
):
    frequent = {label for label, size in sizes.items() if size > 6}
    for name in ("frequent_gallery", "frequent_test", "train", "test"):
        assert set(by_label(gmdb(f"gmdb_{name}_images"))) == frequent
    for name in ("rare_gallery", "rare_test"):
        assert set(by_label(gmdb(f"gmdb_{name}_images"))) == set(sizes) - frequent


def test_a_tenth_of_a_frequent_disorders_patients_are_tested(
    gmdb: Callable[[str], list[dict[str, str]]], sizes: Mapping[str, int]
):
    gallery, test = (by_label(gmdb(f"gmdb_frequent_{name}_images")) for name in ("gallery", "test"))
    for label in test:
        assert len(test[label]) == max(1, sizes[label] // 10)
        assert len(gallery[label] | test[label]) == sizes[label]
        assert not gallery[label] & test[label]
    assert any(len(tested) > 1 for tested in test.values())


def test_training_validation_and_test_share_no_patient(gmdb: Callable[[str], list[dict[str, str]]]):
    train, validation, test = (
        subjects(gmdb(f"gmdb_{name}_images")) for name in ("train", "val", "test")
    )
    assert len(train | validation | test) == len(train) + len(validation) + len(test)
    assert validation
    assert test == subjects(gmdb("gmdb_frequent_test_images"))
    assert train | validation == subjects(gmdb("gmdb_frequent_gallery_images"))


def test_rare_disorders_are_tested_with_one_patient_in_each_of_ten_splits(
    gmdb: Callable[[str], list[dict[str, str]]], sizes: Mapping[str, int]
):
    gallery, test = (gmdb(f"gmdb_rare_{name}_images") for name in ("gallery", "test"))
    tested: dict[str, list[str]] = defaultdict(list)
    assert {row["split"] for row in test} == {str(split) for split in range(SPLITS)}
    assert SPLITS == 10
    for split in range(SPLITS):
        galleries, tests = (
            by_label([row for row in table if row["split"] == str(split)])
            for table in (gallery, test)
        )
        assert set(galleries) == set(tests)
        for label in tests:
            assert len(tests[label]) == 1
            assert not galleries[label] & tests[label]
            assert len(galleries[label] | tests[label]) == sizes[label]
            tested[label] += tests[label]
    # Each patient in turn.
    assert all(len(set(names)) == sizes[label] for label, names in tested.items())


def test_controls_are_in_no_split(gmdb: Callable[[str], list[dict[str, str]]]):
    controls = {r["patient_id"] for r in gmdb("image_metadata") if r["person_type"] == "control"}
    assert len(controls) == 5
    names = (
        "train",
        "val",
        "test",
        "frequent_gallery",
        "frequent_test",
        "rare_gallery",
        "rare_test",
    )
    for name in names:
        assert not controls & subjects(gmdb(f"gmdb_{name}_images"))


def test_a_split_has_all_photos_of_its_patients(gmdb: Callable[[str], list[dict[str, str]]]):
    metadata = gmdb("image_metadata")
    for name in ("train", "test", "frequent_gallery"):
        table = gmdb(f"gmdb_{name}_images")
        theirs = [row["image_id"] for row in metadata if row["patient_id"] in subjects(table)]
        assert [row["image_id"] for row in table] == theirs


@pytest.mark.parametrize("patients", [12, 42])
def test_a_cohort_of_rare_or_of_frequent_disorders_alone_is_written(patients: int, tmp_path: Path):
    """Two patients a disorder, or some with seven: the tables of the others are empty."""
    plan = CohortPlan(disorders=1 if patients == 42 else 6, patients=patients, seed=1)
    write_cohort(draw_cohort(plan, GreySubjects()), tmp_path / "cohort")
    empty, full = ("rare", "frequent") if patients == 42 else ("frequent", "rare")
    assert rows(tmp_path / f"cohort/gmdb/gmdb_{empty}_gallery_images_sim1.csv") == []
    assert rows(tmp_path / f"cohort/gmdb/gmdb_{full}_gallery_images_sim1.csv")


def full_disk_after(count: int, whole: Callable[..., object]) -> Callable[..., object]:
    calls = 0

    def call(*arguments: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        if calls > count:
            raise OSError(28, "No space left on device")
        return whole(*arguments, **options)

    return call


@pytest.mark.parametrize(
    ("name", "after"), [("write_bytes", 5), ("open", 0), ("open", 4), ("write_text", 0)]
)
def test_a_full_disk_leaves_nothing(
    name: str, after: int, grey: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    place = tmp_path / "place"
    place.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(Path, name, full_disk_after(after, getattr(Path, name)))
        with pytest.raises(OutputError, match="No space left on device"):
            write_cohort(grey, place / "cohort")
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(("name", "after"), [("write_bytes", 5), ("rename", 0), ("rename", 1)])
def test_a_full_disk_leaves_the_earlier_cohort(
    name: str, after: int, grey: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "place" / "cohort"
    write_cohort(grey, folder)
    before = all_bytes(folder)
    other = draw_cohort(CohortPlan(disorders=2, patients=8, seed=5), GreySubjects())
    whole = getattr(Path, name)
    calls: list[object] = []

    def call(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == after + 1:
            raise OSError(28, "No space left on device")
        return whole(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Path, name, call)
        with pytest.raises(OutputError, match="No space left on device"):
            write_cohort(other, folder, overwrite=True)
    assert all_bytes(folder) == before
    assert list(folder.parent.iterdir()) == [folder]


def test_an_interruption_leaves_nothing(grey: Cohort, tmp_path: Path):
    def stop(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_cohort(grey, tmp_path / "place" / "cohort", progress=stop)
    assert list((tmp_path / "place").iterdir()) == []


def test_an_empty_folder_is_filled(grey: Cohort, tmp_path: Path):
    (tmp_path / "cohort").mkdir()
    write_cohort(grey, tmp_path / "cohort")
    assert (tmp_path / "cohort" / "truth.json").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["cohort"]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["thesis.docx", "truth.json", "patients.csv"])
def test_a_folder_that_is_no_cohort_is_refused(
    overwrite: bool, name: str, grey: Cohort, tmp_path: Path
):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / name).write_text('{"mine": 1}')
    with pytest.raises(OutputError, match="is not a cohort"):
        write_cohort(grey, tmp_path / "work", overwrite=overwrite)
    assert (tmp_path / "work" / name).read_text() == '{"mine": 1}'
    assert [path.name for path in tmp_path.iterdir()] == ["work"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_in_the_way_is_refused(overwrite: bool, grey: Cohort, tmp_path: Path):
    (tmp_path / "cohort").write_text("mine")
    with pytest.raises(OutputError):
        write_cohort(grey, tmp_path / "cohort", overwrite=overwrite)
    assert (tmp_path / "cohort").read_text() == "mine"


def test_a_cohort_is_not_replaced_unless_asked_for(grey: Cohort, tmp_path: Path):
    folder = tmp_path / "cohort"
    write_cohort(grey, folder)
    before = all_bytes(folder)
    other = draw_cohort(CohortPlan(disorders=2, patients=8, seed=5), GreySubjects())
    with pytest.raises(OutputError, match="already") as caught:
        write_cohort(other, folder)
    assert "--overwrite" in caught.value.hint
    assert all_bytes(folder) == before

    write_cohort(other, folder, overwrite=True)
    write_cohort(other, tmp_path / "fresh")
    assert all_bytes(folder) == all_bytes(tmp_path / "fresh")
    assert {path.name for path in tmp_path.iterdir()} == {"cohort", "fresh"}


@pytest.mark.parametrize("name", ["notes.txt", "photos/mine.png", "gmdb/mine.csv", "deep/er/x"])
def test_what_is_not_of_the_cohort_is_not_overwritten(name: str, grey: Cohort, tmp_path: Path):
    folder = tmp_path / "cohort"
    write_cohort(grey, folder)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("mine")
    before = all_bytes(folder)
    with pytest.raises(OutputError, match="not from the cohort") as caught:
        write_cohort(grey, folder, overwrite=True)
    assert name.split("/")[0] in caught.value.message
    assert "Move it elsewhere" in caught.value.hint
    assert all_bytes(folder) == before


def test_a_cohort_of_more_than_a_million_photos_would_be_its_own(grey: Cohort, tmp_path: Path):
    folder = tmp_path / "cohort"
    write_cohort(grey, folder)
    (folder / "photos" / "1234567.jpg").write_bytes(b"")
    write_cohort(grey, folder, overwrite=True)
    assert not (folder / "photos" / "1234567.jpg").exists()


@pytest.mark.parametrize("place", [".", "..", "empty"])
def test_the_folder_that_one_is_in_is_refused(
    place: str, grey: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    here = tmp_path / "empty" / "here"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    target = tmp_path / "empty" if place == "empty" else Path(place)
    with pytest.raises(UsageError, match="the current folder"):
        write_cohort(grey, target, overwrite=True)
    assert here.is_dir()


STUDY = StudyPlan(sites=("Bonn", "Taipei"), families=0.6, wrong=0.3)


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Cohort, Path]:
    """A cohort with families, sites and wrong diagnoses: not to be changed by a test."""
    folder = tmp_path_factory.mktemp("studied") / "cohort"
    cohort = draw_cohort(replace(PLAN, patients=60, study=STUDY), GreySubjects())
    write_cohort(cohort, folder)
    return cohort, folder


def test_a_plain_cohort_is_what_it_was_before_there_were_sites(written: Path):
    """Its table is that of the release before, but for the ends of lines, and nothing new is in the
    truth."""
    table = (written / "patients.csv").read_bytes().replace(b"\n", b"\r\n")
    digest = hashlib.sha256(table).hexdigest()
    assert digest == "b541ab51580ce6314685a949459f7a5546f8ce15c03e213cdab4b9990459be86"
    truth = json.loads((written / "truth.json").read_text(encoding="utf-8"))
    assert list(truth) == [
        "format", "gestalt_space", "plan", "disorders", "patients", "photos"
    ]  # fmt: skip
    assert "study" not in truth["plan"]
    assert list(truth["patients"][0]) == ["patient", "disorder", "gene", "strengths"]


def test_tables_have_families_and_sites_where_there_are_any(studied: tuple[Cohort, Path]):
    cohort, folder = studied
    assert_valid(json.loads((folder / "truth.json").read_text(encoding="utf-8")), "truth")
    table = rows(folder / "patients.csv")
    for row, photo in zip(table, cohort.photos(), strict=True):
        assert row["family"] == photo.patient.family
        assert row["site"] == photo.patient.site.name
    assert {row["site"] for row in table} == {"Bonn", "Taipei"}
    assert len({row["family"] for row in table}) > 10


def test_tables_have_the_diagnosis_and_the_truth_the_disorder(studied: tuple[Cohort, Path]):
    cohort, folder = studied
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    told = {row["patient"]: row["disorder"] for row in rows(folder / "patients.csv")}
    labels = {
        row["patient_id"]: row["internal_syndrome_id"]
        for row in rows(folder / "gmdb" / "image_metadata_sim11.tsv")
    }
    wrong = 0
    for record, patient in zip(truth["patients"], cohort.patients, strict=True):
        diagnosis = patient.diagnosis.id if patient.diagnosis else ""
        assert told[patient.id] == diagnosis == (record["diagnosis"] or "")
        assert labels[patient.id] == diagnosis.removeprefix("SIM:")
        assert record["disorder"] == (patient.disorder.id if patient.disorder else None)
        assert (record["family"] or "") == patient.family
        assert (record["relation"] or "") == patient.relation
        assert record["site"] == patient.site.name
        wrong += record["disorder"] != record["diagnosis"]
    assert 5 <= wrong <= 40
    assert [site["name"] for site in truth["sites"]] == ["Bonn", "Taipei"]
    assert truth["plan"]["study"]["families"] == 0.6


def test_every_disorder_of_the_tables_has_the_patients_of_the_plan(studied: tuple[Cohort, Path]):
    """Wrong diagnoses change who has what, not how many are told to have it."""
    folder = studied[1]
    sizes = {int(row["syndrome_id"]): row for row in rows(next(folder.glob("gmdb/*syndromes*")))}
    assert sorted(sizes) == list(range(1, 7))
    assert min(int(row["num_of_subjects"]) for row in sizes.values()) >= 2
    assert sum(int(row["num_of_subjects"]) for row in sizes.values()) == 60
