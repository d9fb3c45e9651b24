"""The index on disk may be missing, damaged, foreign or behind: a match never notices."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from gestalt_space.index.generation import newest_first

from gestalt_space.errors import IndexDamaged, OutputError
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.gallery.snapshot import (
    REWRITE_SHARE,
    check_generation,
    load_index,
    load_snapshot,
    refresh_generation,
)
from gestalt_space.home import Gallery
from gestalt_space.store import reads, removals, writes
from gestalt_space.store.engine import Database
from gestalt_space.store.reads import StoredSpace
from gestalt_space.types import Disorder
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import encoded_of, files_with, make_home, new_photo, open_gallery, row


class Kept:
    """A database with a space, and the folder of its index."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "index"
        self.database = Database(f"sqlite:///{home / 'gallery.sqlite3'}")
        with self.database.writing() as session:
            writes.add_space(
                session, model="tiny", fingerprint="f" * 64, specification="{}", dim=16
            )
        with self.database.reading() as session:
            self.space: StoredSpace = reads.spaces(session)[0]

    def add(self, *numbers: int) -> None:
        photos = [new_photo(f"P{n}", n, disorders=(Disorder(f"D{n % 3}"),)) for n in numbers]
        with self.database.writing() as session:
            stored = writes.add_photos(session, photos, space_id=self.space.id)
        assert all(one.error is None for one in stored)

    def remove(self, *numbers: int) -> None:
        with self.database.writing() as session:
            removals.remove_patients(session, [f"P{n}" for n in numbers])

    def refresh(self, *, rebuild: bool = False) -> bool:
        return refresh_generation(self.database, self.space, self.folder, rebuild=rebuild)

    def check(self) -> str:
        with self.database.reading() as session:
            return check_generation(session, self.space, self.folder)

    def vectors(self, *, from_database: bool = False) -> set[bytes]:
        with self.database.reading() as session:
            index = load_index(session, self.space, self.folder, from_database=from_database)
            return {bytes(v.tobytes()) for v in index.descriptors}

    def manifests(self) -> list[Path]:
        return newest_first(self.folder, self.space.fingerprint)

    def data(self, part: str) -> Path:
        return self.manifests()[0].with_suffix(f".{part}.npy")


def vectors_of(*numbers: int) -> set[bytes]:
    return {encoded_of(new_photo(f"P{n}", n)).descriptor.tobytes() for n in numbers}


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    opened = Kept(tmp_path / "home")
    yield opened
    opened.database.close()


def flip(path: Path, place: int = -5, *, keep_time: bool = False) -> None:
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[place] ^= 0x40
    path.write_bytes(data)
    if keep_time:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_without_a_generation_the_index_comes_from_the_database(kept: Kept) -> None:
    kept.add(0, 1, 2)
    assert kept.vectors() == vectors_of(0, 1, 2)
    assert not kept.folder.exists()
    assert "no generation" in kept.check()


def test_with_a_generation_the_index_is_the_same(kept: Kept) -> None:
    kept.add(0, 1, 2)
    assert kept.refresh()
    assert kept.vectors() == vectors_of(0, 1, 2)
    assert kept.check() == "generation 3, 3 descriptors, sound"


def test_a_generation_is_really_read(kept: Kept) -> None:
    """Else every test of damage would pass for nothing."""
    kept.add(0, 1, 2)
    kept.refresh()
    array = np.load(kept.data("descriptors"))
    with kept.data("descriptors").open("r+b") as stream:
        stream.seek(-array.nbytes, 2)
        stream.write(array[::-1].tobytes())
    manifest = json.loads(kept.manifests()[0].read_text(encoding="utf-8"))
    data = kept.data("descriptors").read_bytes()
    manifest["sha256"]["descriptors"] = hashlib.sha256(data).hexdigest()
    text = json.dumps(manifest).encode()
    kept.manifests()[0].write_bytes(text)
    with kept.database.writing() as session:
        digest = hashlib.sha256(text).hexdigest()
        writes.record_generation(session, kept.space.id, sequence=3, digest=digest)
    with kept.database.reading() as session:
        index = load_index(session, kept.space, kept.folder)
        true = load_index(session, kept.space, kept.folder, from_database=True)
        assert np.array_equal(index.descriptors, true.descriptors[::-1])
    with pytest.raises(IndexDamaged, match="not what the database says") as caught:
        kept.check()
    assert "gestalt index rebuild" in caught.value.hint
    kept.refresh(rebuild=True)
    assert "sound" in kept.check()


Damage = Callable[[Kept], object]
DAMAGES: dict[str, Damage] = {
    "truncated descriptors": lambda k: os.truncate(k.data("descriptors"), 100),
    "truncated ids": lambda k: os.truncate(k.data("ids"), 140),
    "empty descriptors": lambda k: os.truncate(k.data("descriptors"), 0),
    "longer descriptors": lambda k: os.truncate(k.data("descriptors"), 10_000),
    "flipped byte of descriptors": lambda k: flip(k.data("descriptors")),
    "flipped byte of ids": lambda k: flip(k.data("ids")),
    "flipped byte of the header": lambda k: flip(k.data("descriptors"), 20),
    "no descriptors": lambda k: k.data("descriptors").unlink(),
    "no ids": lambda k: k.data("ids").unlink(),
    "no manifest": lambda k: k.manifests()[0].unlink(),
    "truncated manifest": lambda k: os.truncate(k.manifests()[0], 50),
    "empty manifest": lambda k: os.truncate(k.manifests()[0], 0),
    "manifest of nulls": lambda k: k.manifests()[0].write_bytes(bytes(400)),
    "manifest that is a list": lambda k: k.manifests()[0].write_text("[]"),
    "manifest of another format": lambda k: rewrite(k, format=99),
    "manifest with more": lambda k: rewrite(k, more=1),
    "manifest with a wrong count": lambda k: rewrite(k, count=2),
    "folder that is a file": lambda k: to_a_file(k.folder),
}


def to_a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("no folder", encoding="utf-8")


def rewrite(kept: Kept, **changed: object) -> None:
    path = kept.manifests()[0]
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**record, **changed}), encoding="utf-8")


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_damage_costs_time_and_nothing_else(damage: str, kept: Kept) -> None:
    kept.add(0, 1, 2)
    kept.refresh()
    DAMAGES[damage](kept)
    assert kept.vectors() == vectors_of(0, 1, 2)
    if damage == "folder that is a file":
        return
    kept.add(3)
    kept.refresh(rebuild=True)
    assert kept.vectors() == vectors_of(0, 1, 2, 3)
    assert "generation 4, 4 descriptors, sound" in kept.check()
    assert len(kept.manifests()) == 1


def test_a_flipped_byte_that_keeps_time_and_size_is_found_by_the_check(kept: Kept) -> None:
    kept.add(0, 1, 2)
    kept.refresh()
    flip(kept.data("descriptors"), keep_time=True)
    with pytest.raises(IndexDamaged) as caught:
        kept.check()
    assert "gestalt index rebuild" in caught.value.hint


def test_a_copy_of_the_home_is_as_sound_as_the_home(kept: Kept, tmp_path: Path) -> None:
    kept.add(0, 1, 2)
    kept.refresh()
    kept.database.close()
    shutil.copytree(kept.home, tmp_path / "copy")  # files get new times
    copy = Kept(tmp_path / "copy")
    assert copy.vectors() == vectors_of(0, 1, 2)
    assert "sound" in copy.check()
    copy.database.close()


def test_a_generation_of_another_gallery_is_never_taken(tmp_path: Path) -> None:
    first = Kept(tmp_path / "home")
    first.add(0, 1, 2)
    first.refresh()
    first.database.close()
    for path in (tmp_path / "home").glob("gallery.sqlite3*"):
        path.unlink()
    second = Kept(tmp_path / "home")
    assert second.manifests()
    assert second.vectors() == set()
    second.add(7, 8, 9)
    assert second.vectors() == vectors_of(7, 8, 9)
    assert second.refresh()
    assert "3 descriptors, sound" in second.check()
    assert len(second.manifests()) == 1
    second.database.close()


def backup(kept: Kept, place: Path) -> None:
    kept.database.truncate_log()
    kept.database.close()
    shutil.copy(kept.home / "gallery.sqlite3", place)


def restore(kept: Kept, place: Path) -> Kept:
    kept.database.close()
    for path in kept.home.glob("gallery.sqlite3*"):
        path.unlink()
    shutil.copy(place, kept.home / "gallery.sqlite3")
    return Kept(kept.home)


def test_a_generation_newer_than_the_database_is_not_taken(kept: Kept, tmp_path: Path) -> None:
    kept.add(0, 1)
    backup(kept, tmp_path / "backup")
    kept.add(2, 3)
    kept.refresh()
    older = restore(kept, tmp_path / "backup")
    assert older.vectors() == vectors_of(0, 1)
    older.refresh()
    assert older.vectors() == vectors_of(0, 1)
    assert "2 descriptors, sound" in older.check()
    older.database.close()


def test_a_generation_of_a_history_that_was_undone_is_not_taken(kept: Kept, tmp_path: Path) -> None:
    """The database came back from a backup and has gone another way for as many changes."""
    kept.add(*range(20))
    backup(kept, tmp_path / "backup")
    kept.add(20, 21)
    kept.refresh()
    older = restore(kept, tmp_path / "backup")
    older.add(30, 31, 32)
    assert older.vectors() == vectors_of(*range(20), 30, 31, 32)
    older.refresh()
    assert older.vectors() == vectors_of(*range(20), 30, 31, 32)
    older.database.close()


def test_changes_after_a_generation_are_applied(kept: Kept) -> None:
    kept.add(*range(20))
    kept.refresh()
    kept.add(20)
    assert not kept.refresh()
    kept.remove(3)
    assert kept.vectors() == vectors_of(*range(3), *range(4, 21))
    assert kept.check() == "generation 20, 20 descriptors, sound"


def test_what_was_removed_leaves_the_disk_at_once(kept: Kept) -> None:
    kept.add(*range(20))
    kept.refresh()
    kept.remove(3)
    assert kept.refresh(), "however few there are"
    assert kept.check() == "generation 21, 19 descriptors, sound"
    assert files_with(kept.folder, encoded_of(new_photo("P3", 3)).descriptor.tobytes()) == []


def test_a_photo_that_came_and_went_after_a_generation_is_not_there(kept: Kept) -> None:
    kept.add(*range(20))
    kept.refresh()
    kept.add(20)
    kept.remove(20, 4)
    kept.add(4)
    assert kept.vectors() == vectors_of(*range(20))
    assert "sound" in kept.check()


def test_a_generation_is_rewritten_when_it_lacks_much(kept: Kept) -> None:
    count = 2 * REWRITE_SHARE
    kept.add(*range(count))
    assert kept.refresh()
    assert not kept.refresh()
    kept.add(count)
    kept.add(count + 1)
    assert not kept.refresh(), "two of sixteen: one in eight, not more"
    kept.add(count + 2)
    assert kept.refresh()
    assert len(kept.manifests()) == 1
    assert kept.check() == f"generation {count + 3}, {count + 3} descriptors, sound"


def test_an_empty_space_can_be_written_and_read(kept: Kept) -> None:
    assert kept.refresh(rebuild=True)
    assert kept.vectors() == set()
    assert kept.check() == "generation 0, 0 descriptors, sound"
    kept.add(0)
    assert kept.vectors() == vectors_of(0)


def test_no_file_is_left_beside_the_generation(kept: Kept) -> None:
    for n in range(5):
        kept.add(n)
        kept.refresh()
    assert len(list(kept.folder.iterdir())) == 3


def test_a_snapshot_joins_rows_to_patients_and_disorders(kept: Kept) -> None:
    kept.add(0, 1, 2, 3)
    kept.refresh()
    kept.add(4)
    kept.remove(1)
    with kept.database.writing() as session:
        writes.add_photos(
            session,
            [new_photo("P0", 100), new_photo("U", 101)],
            space_id=kept.space.id,
        )
    with kept.database.reading() as session:
        snapshot = load_snapshot(session, kept.space, kept.folder)
    owner = {encoded_of(new_photo(f"P{n}", n)).descriptor.tobytes(): f"P{n}" for n in (0, 2, 3, 4)}
    owner |= {
        encoded_of(new_photo("P0", 100)).descriptor.tobytes(): "P0",
        encoded_of(new_photo("U", 101)).descriptor.tobytes(): "U",
    }
    found = [owner[row.tobytes()] for row in snapshot.index.descriptors]
    assert [snapshot.patients[int(key)] for key in snapshot.patient_of_row] == found
    assert snapshot.patients == ("P0", "P2", "P3", "P4", "U")
    assert [id_ for id_, _ in snapshot.lines.titles] == ["D0", "D1", "D2"]
    groups = [
        sorted(found[row] for row in snapshot.lines.grouping.rows_of_group(group))
        for group in range(len(snapshot.lines.titles))
    ]
    assert groups == [["P0", "P0", "P3"], ["P4"], ["P2"]]
    assert [snapshot.patient(name) for name in ("P2", "U", "P1", "Z")] == [1, 4, None, None]


# Killed at any point


@pytest.fixture
def home(tmp_path: Path, tiny_store: ModelStore) -> Path:
    return make_home(tmp_path / "home", tiny_store)


KILLED = """
import os, signal
from contextlib import contextmanager
from gestalt_cli import main
from gestalt_space.store import reads
from gestalt_space.store.engine import Database

whole = Database.writing

@contextmanager
def writing(self):
    with whole(self) as session:
        yield session
        session.flush()
        if reads.counts(session).photos > 40:
            os.kill(os.getpid(), signal.SIGKILL)

Database.writing = writing
main()
"""
"""`gestalt`, killed just before it commits its second batch."""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
def test_a_gallery_survives_the_kill_of_an_add(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for n in range(150):
        made.photo_file(folder / f"p{n:03}.png", n)
    words = ["index", "add", str(folder), "--disorder", "A", "--detector", "aligned", "--json"]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *words], capture_output=True, timeout=120, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    command = [sys.executable, "-c", "from gestalt_cli import main; main()"]
    with open_gallery(home) as gallery:
        held = gallery.stats().counts.photos
        assert 0 < held < 150
        assert gallery.database.problems() == []
        assert gallery.check_index()
        (found,) = gallery.match([PhotoSource("probe", made.photo_file(tmp_path / "p.png", 999))])
        assert found.lines[0].photos == held
    again = subprocess.run([*command, *words], capture_output=True, timeout=60, check=False)
    assert again.returncode == 0, again.stderr
    counts = json.loads(again.stdout)["counts"]
    assert counts == {"added": 150 - held, "already": held, "updated": 0, "failed": 0}
    with open_gallery(home) as gallery:
        assert "sound" in gallery.check_index()["tiny"]
        assert gallery.stats().counts.photos == 150
    assert not [path for path in (home / "index").iterdir() if path.name.startswith(".")]


STEPS = ("gestalt_space.index.generation._write_array", "gestalt_space.index.generation._sha256")


@pytest.mark.parametrize("step", STEPS)
def test_a_generation_that_could_not_be_written_is_written_the_next_time(
    step: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    photos = [made.photo_file(tmp_path / f"p{n}.png", n) for n in range(4)]
    with open_gallery(home) as gallery:
        with monkeypatch.context() as patch:
            patch.setattr(step, full)
            (added,) = gallery.add([row(photos[0], "P0", "A")]).photos
            assert added.status == "added"
            with pytest.raises(OutputError, match="No space left"):
                gallery.rebuild()
        assert gallery.stats().counts.photos == 1
        assert matched(gallery, photos[3]) == 1
        gallery.add([row(photos[1], "P1", "A")])
        assert matched(gallery, photos[3]) == 2
        assert "sound" in gallery.check_index()["tiny"]


def matched(gallery: Gallery, photo: Path) -> int:
    (found,) = gallery.match([PhotoSource("probe", photo)])
    return found.lines[0].photos
