"""Whatever is broken is found and named, the command that is hinted at mends it, and then all is
sound again."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gestalt_space.errors import IndexDamaged
from gestalt_space.faces.crops import crop_to_png
from gestalt_space.gallery.inspecting import index
from gestalt_space.gallery.inspecting.findings import CheckFinding, guarded
from gestalt_space.gallery.inspecting.history import inspect_trail
from gestalt_space.gallery.inspecting.spaces import inspect_spaces
from gestalt_space.gallery.inspecting.whole import inspect_gallery
from gestalt_space.gallery.listing import ListingMixin
from gestalt_space.home import Gallery
from gestalt_space.settings import load_settings
from gestalt_space.store import reads
from gestalt_space.store.engine import Database
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import add, files_with, make_home, open_gallery, row
from tests.object_stores import KEY
from tests.prepared import Prepared

PHOTOS = 6
BY_SQL = pytest.mark.sqlite_only("rows are broken in its file, past foreign keys")
NO_FACE = """INSERT INTO photo (patient_id, sha256, name, sequence, width, height, added_at)
SELECT 1, 'ffff', 'empty.png', 1, 1, 1, '2026-01-01'"""
ZERO = bytes(64)
NOT_A_NUMBER = np.full(16, np.nan, "<f4").tobytes()


@pytest.fixture
def home(tmp_path: Path, tiny_store: ModelStore, prepared: Prepared) -> Path:
    """A gallery of six patients that nothing is wrong with."""
    folder = tmp_path / "made"

    def make() -> None:
        with open_gallery(make_home(folder / "home", tiny_store)) as gallery:
            photos = [made.photo_file(folder / f"p{n}.png", n) for n in range(PHOTOS)]
            add(gallery, *(row(photo, f"P{n}", f"D{n % 2}") for n, photo in enumerate(photos)))

    return prepared("sound", folder, make) / "home"


def look(home: Path, sample: int = 0) -> list[CheckFinding]:
    return list(inspect_gallery(load_settings(home), sample=sample))


def wrong(home: Path, sample: int = 0) -> dict[str, CheckFinding]:
    return {one.subject: one for one in look(home, sample) if one.state != "ok"}


def test_a_wrong_place_of_crops_is_one_finding_and_all_else_is_looked_at(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [one.subject for one in look(home)]
    monkeypatch.setenv("GESTALT_CROPS", "ftp://server/crops")
    found = look(home)
    assert {one.subject: one.state for one in found if one.state != "ok"} == {"crops": "fail"}
    assert [one.subject for one in found if one.subject != "crops"] == before
    (crops,) = (one for one in found if one.subject == "crops")
    assert "only in file:// and s3://" in crops.detail
    assert "s3://BUCKET" in crops.hint


@pytest.mark.skipif(os.name != "posix", reason="rights are others on Windows")
@pytest.mark.parametrize(("mode", "is_told"), [(0o600, False), (0o440, True), (0o604, True)])
def test_keys_of_crops_that_others_may_read_are_told(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, is_told: bool
) -> None:
    file = tmp_path / "keys"
    file.write_text(KEY)
    file.chmod(mode)
    monkeypatch.setenv("GESTALT_CROPS_KEY_FILE", str(file))
    crops = [one for one in look(home) if one.subject == "crops"]
    assert [one.state for one in crops] == ["fail"] * is_told
    for one in crops:
        assert str(file) in one.detail
        assert "chmod 600" in one.hint


def sql(home: Path, *commands: str, values: tuple[object, ...] = ()) -> None:
    """Change the database behind the gallery's back, without foreign keys."""
    connection = sqlite3.connect(home / "gallery.sqlite3")
    with connection:
        for command in commands:
            connection.execute(command, values)
    connection.close()


def array(home: Path, part: str) -> Path:
    return next((home / "index").glob(f"*.{part}.npy"))


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)


def open_to_all(home: Path) -> None:
    home.chmod(0o755)
    (home / "gallery.sqlite3").chmod(0o644)


def rebuild(home: Path) -> None:
    with open_gallery(home) as gallery:
        gallery.rebuild()


def fill_again(home: Path) -> None:
    with open_gallery(home) as gallery:
        gallery.fill(again=True)


def rebuild_and_fill(home: Path) -> None:
    with open_gallery(home) as gallery:
        gallery.rebuild()
        gallery.fill()


def rebuild_without_p1(home: Path) -> None:
    rebuild(home)
    assert "P1" in wrong(home)["patients"].detail
    with open_gallery(home) as gallery:
        gallery.remove(patients=["P1"])


def remove_empty(home: Path) -> None:
    with open_gallery(home) as gallery:
        gallery.remove(photos=["empty.png"])


def use_tiny(home: Path) -> None:
    with open_gallery(home) as gallery:
        gallery.use_space("tiny")


def stranger(home: Path) -> None:
    (home / "index" / f"{'0' * 16}-abcdef.vectors.npy").write_bytes(b"vectors of a lost space")
    (home / "index" / f".{'0' * 16}-abcdef.json.0123").write_bytes(b"half of a manifest")


@dataclass(frozen=True)
class Case:
    """How something is broken; what names it, and says so; and what mends it."""

    damage: Callable[[Path], object]
    subject: str
    told: str
    mend: Callable[[Path], None] = rebuild


def by_sql(*commands: str, values: tuple[object, ...] = ()) -> Callable[[Path], None]:
    return lambda home: sql(home, *commands, values=values)


GONE_SPACE = 77
CASES = {
    "vectors of the index": Case(lambda h: flip(array(h, "vectors")), "index tiny", "has changed"),
    "codes of the index": Case(lambda h: flip(array(h, "columns")), "index tiny", "columns"),
    "people of the index": Case(lambda h: flip(array(h, "people")), "index tiny", "people"),
    "means of the index": Case(lambda h: flip(array(h, "means")), "index tiny", "means"),
    "a file of the index is gone": Case(
        lambda h: array(h, "people").unlink(), "index tiny", "cannot be read"
    ),
    "a file of the index is cut": Case(
        lambda h: os.truncate(array(h, "columns"), 100), "index tiny", "100 bytes"
    ),
    "a manifest is another": Case(
        lambda h: next((h / "index").glob("*.json")).write_text("{}"),
        "index tiny",
        "another gallery",
    ),
    "files of a space that is lost": Case(stranger, "index files", "000-abcdef"),
    "an index that is not the database's": Case(
        by_sql("UPDATE photo SET age = 3.5 WHERE id = 2"), "index tiny", "not match the database"
    ),
    "a face without its photo": Case(
        by_sql("DELETE FROM photo WHERE id = 2"),
        "rows of face",
        "1 row of face without its photo",
        rebuild_without_p1,
    ),
    "a crop without its face": Case(
        by_sql("INSERT INTO crop (face_id, png) VALUES (99, x'00')"), "rows of crop", "its face"
    ),
    "a photo without its patient": Case(
        by_sql("UPDATE photo SET patient_id = 99 WHERE id = 2"),
        "rows of photo",
        "its patient",
        rebuild_without_p1,
    ),
    "a descriptor without its space": Case(
        by_sql(f"UPDATE descriptor SET space_id = {GONE_SPACE} WHERE id = 1"),
        "rows of descriptor",
        "its space",
        rebuild_and_fill,
    ),
    "a descriptor without its run": Case(
        by_sql("UPDATE descriptor SET run_id = 99 WHERE id = 1"), "rows of descriptor", "its encod"
    ),
    "a calibration without its space": Case(
        by_sql(
            "INSERT INTO calibration (space_id, sequence, descriptors, diagnoses, document) "
            f"VALUES ({GONE_SPACE}, 1, 1, 1, '')"
        ),
        "rows of calibration",
        "its space",
    ),
    "a generation without its space": Case(
        by_sql(
            "INSERT INTO generation (home_id, space_id, sequence, digest) "
            f"SELECT id, {GONE_SPACE}, 1, '' FROM home"
        ),
        "rows of generation",
        "its space",
    ),
    "a removal without its space": Case(
        by_sql(f"INSERT INTO removal VALUES (99, {GONE_SPACE}, 1)"), "rows of removal", "its space"
    ),
    "a disorder nobody has": Case(
        by_sql("INSERT INTO disorder (code, name) VALUES ('OMIM:1', '')"), "disorders", "OMIM:1"
    ),
    "a gene nobody has": Case(
        by_sql("INSERT INTO gene (symbol) VALUES ('NIPBL')"), "genes", "NIPBL"
    ),
    "a photo without a face": Case(
        by_sql(NO_FACE),
        "photos",
        "empty.png",
        remove_empty,
    ),
    "a number that was not given": Case(
        by_sql("UPDATE change SET sequence = 2"), "numbers of changes", "last change was 2"
    ),
    "a number that was given twice": Case(
        by_sql("UPDATE descriptor SET sequence = 1"), "numbers of changes", "5 descriptors"
    ),
    "a descriptor of zeros": Case(
        by_sql("UPDATE descriptor SET vector = ? WHERE id = 2", values=(ZERO,)),
        "vectors tiny",
        "p1.png (P1)",
        fill_again,
    ),
    "a descriptor that is no number": Case(
        by_sql("UPDATE descriptor SET vector = ? WHERE id = 2", values=(NOT_A_NUMBER,)),
        "vectors tiny",
        "not finite",
        fill_again,
    ),
    "a descriptor of a wrong length": Case(
        by_sql("UPDATE descriptor SET vector = ? WHERE id = 2", values=(ZERO[:20],)),
        "vectors tiny",
        "of a wrong length: p1.png (P1)",
        fill_again,
    ),
    "no default space": Case(by_sql("UPDATE space SET is_default = 0"), "space", "none", use_tiny),
    "what was removed a week ago": Case(
        by_sql(
            "INSERT INTO purge (sequence, at, home_id) VALUES (1, ?, NULL)",
            values=((datetime.now(UTC) - timedelta(days=7)).strftime("%Y-%m-%d %H:%M:%S.%f"),),
        ),
        "removals",
        "may still be in this home's files",
    ),
    "rights": Case(
        open_to_all,
        "rights",
        "everybody",
        lambda h: h.chmod(0o700),
    ),
}


def test_a_sound_gallery_is_sound(home: Path) -> None:
    before = {path: path.read_bytes() for path in (home / "index").iterdir()}
    found = look(home, sample=3)
    assert {one.state for one in found} == {"ok"}
    assert {one.subject for one in found} == {
        *("database", "space", "descriptors", "rows", "numbers of changes", "vectors tiny"),
        *("index tiny", "removals", "audit trail", "calibration tiny", "encoder tiny", "rights"),
    }
    assert {path: path.read_bytes() for path in (home / "index").iterdir()} == before


TOGETHER = (
    *("a crop without its face", "a descriptor without its run", "files of a space that is lost"),
    *("a generation without its space", "a removal without its space", "a disorder nobody has"),
    *("a gene nobody has", "a number that was given twice", "what was removed a week ago"),
    *("a file of the index is gone", "a calibration without its space"),
)


@BY_SQL
def test_much_that_is_broken_at_once_is_named_and_rebuild_mends_it(home: Path) -> None:
    for name in TOGETHER:
        CASES[name].damage(home)
    found = wrong(home)
    for name in TOGETHER:
        assert CASES[name].told in found[CASES[name].subject].detail
        assert "gestalt index rebuild" in found[CASES[name].subject].hint
    rebuild(home)
    assert wrong(home) == {}


@BY_SQL
def test_damaged_descriptors_are_named_and_fill_mends_them(home: Path) -> None:
    for key, vector in enumerate((ZERO, NOT_A_NUMBER, ZERO[:20]), start=2):
        sql(home, "UPDATE descriptor SET vector = ? WHERE id = ?", values=(vector, key))
    found = [one for one in look(home) if one.subject == "vectors tiny"]
    assert sorted(one.detail for one in found) == [
        "1 descriptor, of a wrong length: p3.png (P3)",
        "2 descriptors, not finite or not of unit length: p1.png (P1), p2.png (P2)",
    ]
    with open_gallery(home) as gallery:
        assert gallery.faces_to_fill(again=True) == 3
        assert len(gallery.fill(again=True).faces) == 3
    assert wrong(home, sample=PHOTOS) == {}


@BY_SQL
@pytest.mark.slow
@pytest.mark.parametrize("name", list(CASES))
def test_what_is_broken_is_named_and_mended(name: str, home: Path) -> None:
    case = CASES[name]
    case.damage(home)
    found = wrong(home)
    assert case.subject in found
    assert case.told in found[case.subject].detail
    assert found[case.subject].hint
    case.mend(home)
    assert wrong(home) == {}


@BY_SQL
def test_what_the_encoder_does_not_give_is_found(home: Path) -> None:
    """Two descriptors that were exchanged are both sound, and so is another's crop."""
    with open_gallery(home) as gallery:
        first, second = gallery.snapshot().descriptors[:2]
    exchange = "UPDATE descriptor SET vector = ? WHERE id = ?"
    sql(home, exchange, values=(second.tobytes(), 1))
    sql(home, exchange, values=(first.tobytes(), 2))
    crop = "UPDATE crop SET png = ? WHERE face_id = ?"
    sql(home, crop, values=(crop_to_png(made.crop(99)), 3))
    sql(home, crop, values=(b"\0", 4))
    rebuild(home)
    found = wrong(home, sample=PHOTOS)
    assert sorted(found) == ["crops tiny", "encoder tiny"]
    assert "3 of 5 crops" in found["encoder tiny"].detail
    assert "p0.png (P0), p1.png (P1), p2.png (P2)" in found["encoder tiny"].detail
    assert "1 crop cannot be read: p3.png (P3)" in found["crops tiny"].detail
    with open_gallery(home) as gallery:
        gallery.remove(photos=[f"p{n}.png" for n in range(4)])
        photos = [made.photo_file(home.parent / f"p{n}.png", n) for n in range(4)]
        add(gallery, *(row(photo, f"P{n}", f"D{n % 2}") for n, photo in enumerate(photos)))
    assert wrong(home, sample=PHOTOS) == {}


def test_a_model_that_is_not_installed_is_told_once_with_what_installs_it(home: Path) -> None:
    ModelStore(home / "models").remove("tiny")
    found = wrong(home, sample=2)
    assert list(found) == ["space"]
    assert found["space"].state == "fail"
    assert "`gestalt models add FILE --name tiny`" in found["space"].hint


@BY_SQL
@pytest.mark.parametrize(
    "command",
    [
        "UPDATE audit_event SET actor = 'nobody' WHERE id = 1",
        "UPDATE audit_event SET detail = '{}' WHERE id = 1",
        "DELETE FROM audit_event",
    ],
)
def test_a_trail_that_was_changed_or_cut_is_found(home: Path, command: str) -> None:
    sql(home, command)
    with closing(Database(home / "gallery.sqlite3")) as database:
        assert {one.state for one in inspect_trail(database)} == {"fail"}


@BY_SQL
@pytest.mark.parametrize(
    "command",
    [
        "UPDATE space SET fingerprint = 'f' || substr(fingerprint, 2)",
        "UPDATE space SET dim = 15",
        "UPDATE space SET specification = 'nothing'",
        "UPDATE space SET specification = replace(specification, 'RGB', 'BGR')",
    ],
)
def test_a_space_that_is_not_what_it_says_is_found(home: Path, command: str) -> None:
    sql(home, command)
    with ListingMixin(load_settings(home)) as gallery, gallery.database.reading() as session:
        look = inspect_spaces(gallery, reads.spaces(session))
        found = {one.subject: one for one in guarded("space", look)}
    assert found["specification tiny"].state == "fail"


@BY_SQL
def test_what_was_removed_lately_is_a_note(home: Path) -> None:
    with open_gallery(home) as reader:
        with reader.database.reading() as session:
            session.connection()
            sql(home, "INSERT INTO purge (sequence, at, home_id) SELECT 1, datetime('now'), NULL")
        assert wrong(home)["removals"].state == "note"


def test_files_of_a_lost_space_are_wiped_and_not_only_deleted(home: Path) -> None:
    stranger(home)
    copy = home / "kept"
    os.link(next((home / "index").glob("0*.npy")), copy)
    rebuild(home)
    assert files_with(home, b"vectors of a lost") == []
    assert set(copy.read_bytes()) == {0}


@BY_SQL
def test_rebuild_takes_no_patient_and_no_photo(home: Path) -> None:
    sql(home, "UPDATE descriptor SET sequence = 1", "UPDATE change SET sequence = 1", NO_FACE)
    rebuild(home)
    with Gallery.open(home) as gallery:
        counts = gallery.stats().counts
        assert (counts.patients, counts.photos, counts.crops) == (PHOTOS, PHOTOS + 1, PHOTOS)
        assert len(gallery.snapshot().descriptors) == PHOTOS


def test_an_index_that_is_changed_meanwhile_is_looked_at_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A monitoring job looks while others remove."""
    whole, looks = index._verified, 0

    def meanwhile(*words: Any) -> str:
        nonlocal looks
        looks += 1
        if looks == 1:
            with open_gallery(home) as other:
                other.remove(patients=["P0"])
            raise IndexDamaged("It is just being scrubbed.", "")
        return whole(*words)

    monkeypatch.setattr(index, "_verified", meanwhile)
    assert wrong(home) == {}
    assert looks == 2
