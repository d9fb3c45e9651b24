from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gestalt_space.errors import (
    ArchiveDamaged,
    ArchiveUnsuitable,
    ConsentWithdrawn,
    GalleryChanged,
    GalleryEmpty,
    GalleryExists,
    ImportConflict,
    NotInGallery,
    OutputError,
    UsageError,
)
from gestalt_space.faces.crops import crop_to_png
from gestalt_space.gallery.archives.conflicts import conflicts_csv, refusal
from gestalt_space.gallery.archives.exporting import ExportOptions, export_gallery
from gestalt_space.gallery.archives.importing import import_export
from gestalt_space.gallery.archives.parquet import new_table, read_batches
from gestalt_space.settings import load_settings
from gestalt_space.store import correcting, removals
from gestalt_space.store import tables as t
from gestalt_space.store.engine import Database
from gestalt_space.store.imported import Conflict, ConflictKind
from gestalt_space.types import Disorder, PhotoRecord
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.documents.validation import assert_valid
from tests.galleries import add, encoded_of, make_home, new_photo, open_gallery, row
from tests.gallery.archives import homes
from tests.made import photo_file

pytestmark = pytest.mark.sqlite_only("its homes have files; test_servers has the others")

ALL = ExportOptions()
CROP = crop_to_png(made.crop(1))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home, an export of it, and an empty database, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("template")
    with closing(homes.open_database(folder / "home")) as opened:
        shutil.copytree(folder / "home", folder / "empty")
        homes.fill(opened, *homes.some_photos())
        export_gallery(opened, load_settings(folder / "home"), folder / "export", ALL)
    return folder


@pytest.fixture
def database(tmp_path: Path, template: Path) -> Any:
    """The database that was exported."""
    shutil.copytree(template / "home", tmp_path / "home")
    with closing(homes.open_database(tmp_path / "home")) as opened:
        yield opened


@pytest.fixture
def empty(tmp_path: Path, template: Path) -> Any:
    shutil.copytree(template / "empty", tmp_path / "new")
    with closing(homes.open_database(tmp_path / "new")) as opened:
        yield opened


@pytest.fixture
def export(tmp_path: Path, template: Path) -> Path:
    shutil.copytree(template / "export", tmp_path / "export")
    return tmp_path / "export"


def png(pixels: Any) -> bytes:
    return bytes(cv2.imencode(".png", pixels)[1])


def exported(database: Database, home: Path, folder: Path, options: ExportOptions = ALL) -> Path:
    export_gallery(database, load_settings(home), folder, options)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in homes.files_of(folder / "tables")}


def names_in(folder: Path, table: str, column: str = "patient") -> list[Any]:
    values: list[Any] = pq.read_table(folder / "tables" / f"{table}.parquet")[column].to_pylist()
    return values


def test_a_round_trip_is_exact(tmp_path: Path, export: Path, empty: Database):
    assert_valid(json.loads((export / "manifest.json").read_text()), "export-manifest")
    done = import_export(empty, export)
    assert (done.new_patients, done.new_photos, done.new_descriptors) == (3, 5, 5)
    again = exported(empty, tmp_path / "new", tmp_path / "again")
    assert contents(again) == contents(export)
    assert len(contents(export)) == 12
    assert homes.actions(empty)[-2:] == ["import", "export"]


def test_matches_are_the_same_after_a_round_trip(tmp_path: Path, tiny_store: ModelStore):
    photos = [photo_file(tmp_path / f"{seed}.png", seed) for seed in range(6)]
    one = make_home(tmp_path / "one", tiny_store)
    two = make_home(tmp_path / "two", tiny_store)
    with open_gallery(one) as first, open_gallery(two) as second:
        add(first, *(row(photo, f"P{n}", f"OMIM:{n % 3}00000") for n, photo in enumerate(photos)))
        first.export(tmp_path / "export")
        second.import_export(tmp_path / "export")
        assert second.match_patient("P1").lines
        for patient in ("P1", "P5"):
            assert second.match_patient(patient) == first.match_patient(patient)
        assert second.space.fingerprint == first.space.fingerprint


_texts = st.text(
    st.characters(categories=("L", "N"), include_characters="-=+'; "), min_size=1, max_size=8
).map(lambda text: f"x{text.strip()}")
_photos = st.tuples(
    st.integers(0, 3),
    st.sampled_from([(), ("A",), ("A", "B")]),
    st.none() | st.sampled_from(["female", "male", "other"]),
    st.none() | _texts,
    st.none() | st.floats(0, 130, allow_nan=False),
    st.booleans(),
)


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(_photos, min_size=1, max_size=6))
def test_any_gallery_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, template: Path, drawn: list[Any]
):
    folder = tmp_path_factory.mktemp("drawn")
    shutil.copytree(template / "empty", folder / "one")
    shutil.copytree(template / "empty", folder / "two")
    with (
        closing(homes.open_database(folder / "one")) as one,
        closing(homes.open_database(folder / "two")) as two,
    ):
        told: dict[int, Any] = {}
        for seed, (number, codes, sex, family, age, crop) in enumerate(drawn):
            codes, sex, family = told.setdefault(number, (codes, sex, family))
            disorders = tuple(Disorder(code) for code in codes)
            facts = {"sex": sex, "family": family, "age": age, "genes": ("NIPBL",) * (age is None)}
            photo = new_photo(f"P{number}", seed, disorders=disorders, crop=crop, **facts)
            homes.fill(one, photo, runs=crop)
        first = exported(one, folder / "one", folder / "first")
        import_export(two, first)
        second = exported(two, folder / "two", folder / "second")
        assert contents(second) == contents(first)


def test_tables_are_written_and_read_in_several_row_groups(
    tmp_path: Path, database: Database, empty: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gestalt_space.gallery.archives.parquet.GROUP", 2)
    monkeypatch.setattr("gestalt_space.gallery.archives.parquet.READ", 1)
    monkeypatch.setattr("gestalt_space.gallery.archives.reading.AT_ONCE", 2)
    monkeypatch.setattr("gestalt_space.store.chunks.AT_ONCE", 2)
    folder = exported(database, tmp_path / "home", tmp_path / "export")
    assert pq.ParquetFile(folder / "tables" / "photos.parquet").num_row_groups == 3
    import_export(empty, folder)
    assert contents(exported(empty, tmp_path / "new", tmp_path / "again")) == contents(folder)


def test_the_withdrawn_and_those_not_chosen_are_not_exported(tmp_path: Path, database: Database):
    home = tmp_path / "home"
    by_cohort = exported(database, home, tmp_path / "a", ExportOptions(cohorts=("A",)))
    assert set(names_in(by_cohort, "photos")) == {"P2"}
    by_name = exported(database, home, tmp_path / "b", ExportOptions(patients=("P1",)))
    assert names_in(by_name, "disorders", "disorder") == ["OMIM:122470"]
    with database.writing() as session:
        session.execute(sa.update(t.Patient).values(consent="withdrawn").where(t.Patient.id == 2))
        face = session.scalar(sa.select(t.Face.id).join(t.Photo).where(t.Photo.patient_id == 3))
        session.add(t.Withheld(face_id=face, space_id=1, vector=b""))
    rest = exported(database, home, tmp_path / "c")
    for table in ("patients", "photos", "faces", "crops", "diagnoses", "terms"):
        assert set(names_in(rest, table)) <= {"P1"}, table
    assert b"P2" not in (rest / "tables" / "people.csv").read_bytes()
    with pytest.raises(ConsentWithdrawn, match="consent of patient 'P2' is withdrawn"):
        exported(database, home, tmp_path / "d", ExportOptions(patients=("P2",)))
    with pytest.raises(GalleryEmpty, match="consent of all of them is withdrawn"):
        exported(database, home, tmp_path / "d", ExportOptions(cohorts=("A",)))
    with pytest.raises(NotInGallery, match="cohort 'B'"):
        exported(database, home, tmp_path / "d", ExportOptions(cohorts=("B",)))


def test_the_withdrawn_are_counted_among_those_who_were_chosen(tmp_path: Path, database: Database):
    with database.writing() as session:
        session.execute(sa.update(t.Patient).values(consent="withdrawn").where(t.Patient.id == 2))
        session.execute(sa.update(t.Patient).values(cohort="B").where(t.Patient.id == 3))
    own = load_settings(tmp_path / "home")
    counts = [
        export_gallery(database, own, tmp_path / str(n), ExportOptions(**chosen)).withdrawn
        for n, chosen in enumerate(
            ({}, {"cohorts": ("A", "B")}, {"cohorts": ("B",)}, {"patients": ("P1",)})
        )
    ]
    assert counts == [1, 1, 0, 0]


@pytest.mark.parametrize("what", ["withdrawn", "removed"])
def test_who_leaves_while_an_export_is_written_is_in_none(
    tmp_path: Path, database: Database, what: str
):
    def leave(done: int, whole: int) -> None:
        assert done == whole == 3
        with closing(homes.open_database(tmp_path / "home")) as other, other.writing() as session:
            if what == "removed":
                removals.remove_patients(session, ["P2"])
            else:
                withdrawn = PhotoRecord("", "P2", consent="withdrawn")
                correcting.set_facts(session, "P2", withdrawn)

    own = load_settings(tmp_path / "home")
    with pytest.raises(GalleryChanged, match=r"(?s)1 patient .* nothing was written"):
        export_gallery(database, own, tmp_path / "export", ALL, progress=leave)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert homes.actions(database).count("export") == 1
    rest = ExportOptions(patients=("P1",))
    with_others = exported(database, tmp_path / "home", tmp_path / "export", rest)
    assert set(names_in(with_others, "patients")) == {"P1"}


def test_an_export_without_crops_and_descriptors(
    tmp_path: Path, database: Database, empty: Database
):
    options = ExportOptions(crops=False, descriptors=False)
    folder = exported(database, tmp_path / "home", tmp_path / "export", options)
    import_export(empty, folder)
    rows = homes.dump(empty)
    assert (len(rows["photo"]), rows["crop"], rows["descriptor"], rows["space"]) == (5, [], [], [])


def test_the_table_for_people_has_no_formula(export: Path):
    with (export / "tables" / "people.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["patient"] for row in rows] == ["P1", "P1", "P2", "P2", "Übung"]
    assert rows[4]["ancestry"] == "'=HYPERLINK()"
    assert rows[2]["disorder"] == "OMIM:122470;free name"


def test_a_second_import_changes_nothing(export: Path, empty: Database):
    import_export(empty, export)
    before = homes.dump(empty, without=set())
    done = import_export(empty, export, into=True)
    assert (done.new_patients, done.new_photos, done.changed, done.known_photos) == (0, 0, 0, 5)
    assert homes.dump(empty, without=set()) == before


def test_a_gallery_with_patients_is_merged_with_only_when_asked(export: Path, database: Database):
    with pytest.raises(GalleryExists, match="already has patients"):
        import_export(database, export)


def test_photos_of_a_patient_with_the_same_facts_are_united(export: Path, empty: Database):
    known = new_photo("P1", 77, sex="female", genes=("NIPBL",))
    homes.fill(empty, known, new_photo("P0", 78))
    done = import_export(empty, export, into=True)
    assert (done.new_patients, done.new_photos, done.changed) == (2, 5, 1)
    with empty.reading() as session:
        patient = session.scalars(sa.select(t.Patient).filter_by(external_id="P1")).one()
        assert len(patient.photos) == 3
        assert [one.disorder.code for one in patient.diagnoses] == ["OMIM:122470"]
        assert patient.sequence > 0


def test_a_prefix_keeps_patients_and_families_apart(export: Path, database: Database):
    before = homes.dump(database)
    with pytest.raises(UsageError):
        import_export(database, export, into=True, prefix="a\nb")
    # The same photos for two patients: their faces are the same.
    with pytest.raises(ImportConflict, match="same face"):
        import_export(database, export, into=True, prefix="LAB-")
    assert homes.dump(database) == before
    with database.writing() as session:
        session.execute(
            sa.update(t.Photo).values(
                sha256=sa.func.substr("f" * 64, 1, 62) + sa.cast(t.Photo.id + 10, sa.String)
            )
        )
    done = import_export(database, export, into=True, prefix="LAB-")
    assert (done.new_patients, done.new_photos) == (3, 5)
    with database.reading() as session:
        families = set(session.scalars(sa.select(t.Patient.family)))
    assert families == {None, "F1", "LAB-F1"}


def test_all_conflicts_are_named_in_one_list_and_nothing_is_taken(
    tmp_path: Path, export: Path, empty: Database
):
    mine = homes.some_photos()
    homes.fill(
        empty,
        new_photo("P1", 90, disorders=(Disorder("OMIM:122470", "Another name"),), sex="male"),
        new_photo(
            "P1", 2, sha256=mine[1].sha256, age=7.0, descriptor=-encoded_of(mine[1]).descriptor
        ),
        new_photo("P7", 1, sha256=mine[0].sha256),
        new_photo("P7", 5, sha256=mine[4].sha256),
        new_photo("P2", 3, sha256=mine[2].sha256, age=99.0, site="x", place=1),
        new_photo("P2", 4, sha256=mine[3].sha256, descriptor=-encoded_of(mine[3]).descriptor),
    )
    with empty.writing() as session:
        session.execute(
            sa.update(t.Space).values(fingerprint="e" * 64).where(t.Space.model == "other")
        )
    before = homes.dump(empty, without=set())
    with pytest.raises(ImportConflict) as caught:
        import_export(empty, export, into=True)
    reasons = [f"{one.kind} {one.patient}: {one.reason}" for one in caught.value.conflicts]
    for part in (
        "disorder : name of OMIM:122470",
        "patient P1: sex: male → female",
        "owner P1: You gave it for patient 'P1'",
        "photo P1: age: ",
        "descriptor P1: another one",
        "photo P2: face:",
        "descriptor P2: another one",
        "owner Übung: You gave it for patient 'Übung'",
    ):
        assert any(part in reason for reason in reasons), (part, reasons)
    assert homes.dump(empty, without=set()) == before
    table = conflicts_csv(caught.value.conflicts).decode().splitlines()
    assert len(table) == 1 + len(reasons)
    assert len(caught.value.as_dict()["conflicts"]) == len(reasons)


def test_a_space_of_the_same_name_and_another_fingerprint_is_a_conflict(
    export: Path, empty: Database
):
    homes.fill(empty, new_photo("P0", 78))
    with empty.writing() as session:
        session.execute(sa.update(t.Space).values(fingerprint="e" * 64))
    with pytest.raises(ImportConflict, match="eeeeeeeeeeee"):
        import_export(empty, export, into=True)


def test_the_withdrawn_get_nothing_by_an_import(export: Path, empty: Database):
    mine = homes.some_photos()
    homes.fill(empty, new_photo("P1", 91), new_photo("P7", 1, sha256=mine[0].sha256))
    with empty.writing() as session:
        session.execute(
            sa.update(t.Patient).values(consent="withdrawn").filter_by(external_id="P1")
        )
    with pytest.raises(ImportConflict, match="withdrawn") as caught:
        import_export(empty, export, into=True)
    assert [one.kind for one in caught.value.conflicts] == ["consent", "owner"]


def test_what_a_hint_recommends_helps_with_what_contradicts():
    def hint(*kinds: ConflictKind, prefix: str = "") -> str:
        return refusal([Conflict(kind, "P1", "p.png", "so.") for kind in kinds], prefix).hint

    assert "a --prefix" in hint("photo", "patient")
    assert "another --prefix" in hint("patient", prefix="LAB-")
    for kind in get_args(ConflictKind):
        assert ("--prefix" in hint(kind)) == (kind == "patient"), kind
    assert "leave out --prefix" in hint("owner", prefix="LAB-")


def test_times_later_than_now_are_now(export: Path, empty: Database):
    before = datetime.now(UTC)
    ahead = with_values("added_at", before + timedelta(hours=3))
    changed(export, "patients", ahead)
    changed(export, "photos", ahead)
    assert import_export(empty, export).from_future == 2
    with empty.reading() as session:
        for table in (t.Patient, t.Photo):
            newest = session.scalar(sa.select(sa.func.max(table.added_at)))
            assert before <= newest <= datetime.now(UTC)
    assert import_export(empty, export, into=True).from_future == 0


def test_a_refused_import_leaves_no_gallery_where_there_was_none(tmp_path: Path, export: Path):
    changed(export, "terms", with_values("term", "AP:1"))
    killed = tmp_path / "kept" / ".gallery.sqlite3-unfinished-0123abcd"
    killed.mkdir(parents=True)
    for home, left in (tmp_path / "new", []), (tmp_path / "kept", [tmp_path / "kept"]):
        with open_gallery(home) as gallery, pytest.raises(ArchiveDamaged):
            gallery.import_export(export)
        assert [home, *home.rglob("*")][not left :] == left


def test_a_gallery_that_was_made_while_an_export_was_imported_stays(
    tmp_path: Path, template: Path, export: Path
):
    home = tmp_path / "raced"

    def make_gallery(_done: int, _whole: int) -> None:
        shutil.copy(template / "home" / "gallery.sqlite3", home / "gallery.sqlite3")

    with open_gallery(home) as gallery:
        with pytest.raises(GalleryExists, match="Meanwhile"):
            gallery.import_export(export, progress=make_gallery)
        assert len(homes.dump(gallery.database)["photo"]) == 5
    assert [path.name for path in homes.files_of(home) if path.name.startswith(".")] == []


def test_memory_does_not_grow_with_the_rows_of_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gestalt_space.gallery.archives.parquet.GROUP", 8)
    schema = pa.schema([pa.field("png", pa.binary(), nullable=False)])
    with new_table(tmp_path / "t.parquet", schema) as table:
        for seed in range(80):
            table.write([np.random.default_rng(seed).bytes(100_000)])
    before = pa.total_allocated_bytes()
    most = 0
    for _ in read_batches(tmp_path / "t.parquet", schema, 80):
        most = max(most, pa.total_allocated_bytes() - before)
    assert 800_000 <= most < 4_000_000


def changed(folder: Path, table: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Put another table into an export, and seal it again."""
    path = next((folder / "tables").glob(f"{table}*.parquet"))
    new = change(pq.read_table(path))
    pq.write_table(new, path)
    homes.seal_again(folder, "export", lambda told: told["rows"].update({path.stem: new.num_rows}))


def with_values(column: str, *values: Any) -> Callable[[pa.Table], pa.Table]:
    """The first values of a column are others."""

    def change(table: pa.Table) -> pa.Table:
        place = table.schema.get_field_index(column)
        field = table.schema.field(place)
        old = table[column].to_pylist()
        new = pa.array([*values, *old[len(values) :]], type=field.type)
        return table.set_column(place, field, new)

    return change


def vector(*values: float) -> Callable[[pa.Table], pa.Table]:
    return with_values("vector", [*values, *[0.0] * (16 - len(values))])


@pytest.mark.parametrize(
    ("table", "change", "message"),
    [
        ("descriptors", vector(0.0), "unit length"),
        ("descriptors", vector(float("nan")), "unit length"),
        ("descriptors", vector(float("inf")), "unit length"),
        ("descriptors", vector(2.0), "unit length"),
        ("descriptors", with_values("sha256", "0" * 64), "missing|order"),
        ("patients", with_values("sex", "x"), "not a valid patient"),
        ("patients", with_values("consent", "Consent Withdrawn"), "withdrawn"),
        ("faces", with_values("score", 1e300), "no place"),
        ("spaces", with_values("model", "../../x"), "name of a model"),
        ("patients", with_values("family", "a\nb"), "not a valid name"),
        ("patients", with_values("patient", "unknown"), "order|missing"),
        ("patients", with_values("added_at", 2**62), "out of its range"),
        ("patients", lambda table: pa.concat_tables([table, table]), "twice"),
        ("patients", lambda table: table.slice(0, 2), "missing"),
        ("photos", lambda table: table.slice(0, 2), "not match|missing"),
        ("photos", with_values("age", -1.0), "not an age"),
        ("photos", with_values("width", 0), "not the size"),
        ("photos", with_values("sha256", "x" * 64), "not a sha256|not match|order"),
        ("crops", with_values("png", b"GIF89a"), "not a PNG"),
        ("crops", with_values("png", CROP[:-40]), r"'P1-\d.png' of patient 'P1' is damaged"),
        ("crops", with_values("png", CROP[:500] + bytes(1) + CROP[501:]), "is damaged"),
        ("crops", with_values("png", png(made.crop(1)[:, :, 0])), "not a PNG"),
        ("crops", with_values("png", png(made.crop(1, 111))), "not a PNG"),
        ("faces", with_values("yaw", float("nan")), "no place"),
        ("terms", with_values("term", "AP:1"), "not an HPO term"),
        ("diagnoses", with_values("disorder", "AAA"), "not among"),
        ("spaces", with_values("specification", "{}"), "does not match its fingerprint"),
        ("spaces", lambda table: table.slice(0, 0), "spaces that it does not list"),
        ("patients", lambda table: table.drop_columns("sex"), "not those of this version"),
        (
            "photos",
            lambda table: table.set_column(5, "width", pa.array([2**63] * 5, pa.uint64())),
            "not those of this version",
        ),
    ],
)
def test_an_export_that_is_not_as_the_format_says_is_refused(
    export: Path, empty: Database, table: str, change: Any, message: str
):
    before = homes.dump(empty, without=set())
    changed(export, table, change)
    with pytest.raises(ArchiveDamaged, match=message):
        import_export(empty, export)
    assert homes.dump(empty, without=set()) == before


def test_a_descriptor_of_another_length_is_refused(export: Path, empty: Database):
    def shorten(table: pa.Table) -> pa.Table:
        values = np.ones((table.num_rows, 8), np.float32) / np.float32(np.sqrt(8))
        column = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), 8)
        return table.set_column(2, pa.field("vector", column.type, nullable=False), column)

    changed(export, "descriptors", shorten)
    with pytest.raises(ArchiveDamaged, match="not those of this version"):
        import_export(empty, export)


def test_a_manifest_that_claims_other_rows_is_refused(export: Path, empty: Database):
    homes.seal_again(export, "export", lambda told: told["rows"].update(photos=2**39))
    with pytest.raises(ArchiveDamaged, match="rows instead"):
        import_export(empty, export)
    homes.seal_again(export, "export", lambda told: told["rows"].pop("photos"))
    with pytest.raises(ArchiveDamaged, match="list all tables"):
        import_export(empty, export)


def test_a_flipped_byte_or_a_cut_in_any_file_of_an_export_is_refused(export: Path, empty: Database):
    before = homes.dump(empty, without=set())
    files = homes.files_of(export)
    assert len(files) == 13
    for path in files:
        whole = path.read_bytes()
        for other in (
            whole[: len(whole) // 2],
            whole[: len(whole) // 2]
            + bytes([whole[len(whole) // 2] ^ 1])
            + whole[len(whole) // 2 + 1 :],
        ):
            path.write_bytes(other)
            with pytest.raises((ArchiveDamaged, ArchiveUnsuitable)):
                import_export(empty, export)
        path.write_bytes(whole)
    assert homes.dump(empty, without=set()) == before


def test_a_full_disk_leaves_no_export(tmp_path: Path, database: Database):
    resource = pytest.importorskip("resource", reason="limits of file sizes are POSIX")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, before[1]))
    try:
        with pytest.raises(OutputError):
            exported(database, tmp_path / "home", tmp_path / "export")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
