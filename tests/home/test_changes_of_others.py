"""A gallery that stays open in one process while another one changes it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest

from gestalt_space.errors import DatabaseError, GalleryChanged
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.home import Gallery
from gestalt_space.match.probe_matches import match_probes
from gestalt_space.match.question import Question
from gestalt_space.store.engine import Database
from gestalt_space.store.purges import pending_purges
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import add, files_with, make_home, open_gallery, row
from tests.processes import Process

READ = """
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.match import probe_matches
from tests.galleries import open_gallery

whole = probe_matches.rank_probes

def stopped(*words, **more):
    found = whole(*words, **more)
    if stops:
        stops.clear()
        stop("between search and answer")
    return found

probe_matches.rank_probes = stopped
stops = []
with open_gallery(Path(sys.argv[1])) as gallery:
    say("open")
    while True:
        photo, to_stop = hear()
        stops[:] = [1] if to_stop else []
        (match,) = gallery.match([PhotoSource("probe", Path(photo))])
        lines = [[line.id, line.patient, round(line.similarity, 5)] for line in match.lines]
        say([gallery.space.model.name, match.left_out, lines])
"""


@pytest.fixture
def home(tmp_path: Path, tiny_store: ModelStore) -> Path:
    return make_home(tmp_path / "home", tiny_store)


@pytest.fixture
def photo(tmp_path: Path) -> Callable[[int], Path]:
    (tmp_path / "photos").mkdir()
    return lambda seed: made.photo_file(tmp_path / "photos" / f"{seed}.png", seed)


@pytest.fixture
def gallery(
    home: Path, photo: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Gallery]:
    """P0 to P5, each of their own disorder."""
    monkeypatch.setenv("GESTALT_BUSY_TIMEOUT", "0.3")  # for who is stopped while it reads
    with open_gallery(home) as opened:
        add(opened, *(row(photo(n), f"P{n}", f"D{n}") for n in range(6)))
        yield opened


def by_alone(gallery: Gallery, photo: Path) -> list[list[object]]:
    (match,) = gallery.match([PhotoSource("probe", photo)])
    return [[line.id, line.patient, round(line.similarity, 5)] for line in match.lines]


def test_a_reader_that_stays_open_sees_what_another_process_changes(
    gallery: Gallery, home: Path, photo: Callable[[int], Path], tmp_path: Path
) -> None:
    probe = str(photo(100))
    with Process(READ, home) as reader:
        assert reader.heard() == "open"
        before = reader.ask([probe, False])
        assert before == ["tiny", None, by_alone(gallery, photo(100))]
        add(gallery, row(photo(6), "P6", "D6"))
        assert len(reader.ask([probe, False])[2]) == 7
        add(gallery, row(photo(6), "P6", "D9"), update=True)
        assert "D6" not in {line[0] for line in reader.ask([probe, False])[2]}
        nearest = before[2][0][1]
        gallery.remove(patients=[nearest])
        after = reader.ask([probe, False])[2]
        assert nearest not in {line[1] for line in after}
        assert after == by_alone(gallery, photo(100))
        # The index is whole, though the reader has it open, and nothing of the removed is there.
        assert gallery.state().damage is None
        assert "no problem found" in gallery.check_index()["tiny"]
        made.arcface_onnx(tmp_path / "other.onnx", dim=32, seed=5)
        gallery.models.add(tmp_path / "other.onnx", name="other", license_name="made by the tests")
        with open_gallery(home, space="other") as other:
            other.fill(make_default=True)
            expected = by_alone(other, photo(100))
        assert reader.ask([probe, False]) == ["other", None, expected]


def test_a_removal_while_a_match_runs_is_seen_before_the_answer_leaves(
    gallery: Gallery, home: Path, photo: Callable[[int], Path]
) -> None:
    probe = str(photo(100))
    with Process(READ, home) as reader:
        assert reader.heard() == "open"
        nearest = reader.ask([probe, False])[2][0][1]
        assert reader.ask([probe, True]) == "between search and answer"
        # It reads an older state: the log is emptied once it has ended.
        with pytest.raises(DatabaseError, match="write-ahead log"):
            gallery.remove(patients=[nearest])
        found = reader.ask("go on")
        assert nearest not in {line[1] for line in found[2]}
        assert found[2] == by_alone(gallery, photo(100))


def test_a_photo_that_is_removed_in_between_does_not_rank_itself(
    gallery: Gallery, home: Path, photo: Callable[[int], Path]
) -> None:
    """The probe is a stored photo, and is removed when the search has found it."""
    probe = str(photo(3))
    with Process(READ, home) as reader:
        assert reader.heard() == "open"
        assert reader.ask([probe, False])[1] == "P3"
        assert reader.ask([probe, True]) == "between search and answer"
        with pytest.raises(DatabaseError, match="write-ahead log"):
            gallery.remove(photos=["3.png"])
        found = reader.ask("go on")
        assert "P3" not in {line[1] for line in found[2]}
        assert max(line[2] for line in found[2]) < 0.999
        # And one that is removed before it is asked about.
        gallery.remove(patients=["P4"])
        _, left_out, lines = reader.ask([str(photo(4)), False])
        assert left_out is None
        assert "P4" not in {line[1] for line in lines}


KILLED = """
import os, signal
from gestalt_space.gallery.keeper import Keeper
from gestalt_space.store.engine import Database
from tests.galleries import open_gallery

home, patient, where = sys.argv[1:]
gallery = open_gallery(Path(home))

def kill(*words, **more):
    os.kill(os.getpid(), signal.SIGKILL)

if where == "after the commit":
    gallery._keeper.purge = kill
else:
    Database.truncate_log = kill
gallery.remove(patients=[patient])
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
@pytest.mark.parametrize("where", ["after the commit", "before the log is emptied"])
def test_what_a_killed_removal_left_is_cleaned_away_by_the_next_opening(
    where: str, gallery: Gallery, home: Path, photo: Callable[[int], Path]
) -> None:
    needle = gallery.snapshot().descriptors[3].tobytes()
    with Process(KILLED, home, "P3", where) as killed:
        assert killed.ended() == -9
    assert files_with(home, needle), "in the log at least"
    with gallery.database.reading() as session:
        assert pending_purges(session), "word of it is left"
    # Nobody else has it open, so that the log could go by itself: this gallery has.
    with open_gallery(home) as opened:
        for trace in (needle, b"3.png"):
            assert files_with(home, trace) == []
        with opened.database.reading() as session:
            assert pending_purges(session) == ()
        assert "no problem found" in opened.check_index()["tiny"]
        assert len(by_alone(opened, photo(100))) == 5


HOLD = """
from gestalt_space.gallery.lock import locked

with locked(Path(sys.argv[1]), 5):
    stop("held")
"""


def test_an_opening_waits_for_nobody_and_changes_nothing_that_may_not_be_written(
    gallery: Gallery, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery._keeper, "purge", lambda: None)
    gallery.remove(patients=["P3"])
    monkeypatch.setenv("GESTALT_BUSY_TIMEOUT", "300")

    def pending() -> bool:
        with gallery.database.reading() as session:
            return bool(pending_purges(session))

    with Process(HOLD, gallery.settings.index_dir) as other:
        assert other.heard() == "held"
        began = monotonic()
        open_gallery(home).close()
        assert monotonic() - began < 200
        assert pending()
        other.tell()
        assert other.ended() == 0
    with monkeypatch.context() as patch:
        patch.setattr(Database, "is_writable", False)
        open_gallery(home).close()
        assert pending()
    open_gallery(home).close()
    assert not pending()


def test_an_opening_does_not_wait_for_who_reads_the_log(
    gallery: Gallery, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery._keeper, "purge", lambda: None)
    monkeypatch.setenv("GESTALT_BUSY_TIMEOUT", "300")
    with open_gallery(home) as other, other.database.reading() as session:
        assert pending_purges(session) == ()
        gallery.remove(patients=["P3"])
        began = monotonic()
        open_gallery(home).close()
        assert monotonic() - began < 200
    with gallery.database.reading() as session:
        assert pending_purges(session)
    open_gallery(home).close()
    with gallery.database.reading() as session:
        assert pending_purges(session) == ()


def test_an_answer_of_a_held_view_is_as_before_or_refused(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    """Through additions, a rebuild and a removal by others."""
    (probes,) = gallery.probes([PhotoSource("probe", photo(100))])
    view = gallery.view(Question(k=100))
    with gallery.database.reading() as session:
        (before,) = match_probes(probes, view, session)
    with open_gallery(gallery.settings.home) as other:
        add(other, *(row(photo(n), f"P{n}", f"D{n}") for n in range(6, 12)))
        other.rebuild()
    with gallery.database.reading() as session:
        (again,) = match_probes(probes, view, session)
    assert again.lines == before.lines
    _, (now,) = gallery.answer(probes, view.question, view)
    assert {line.id for line in now.lines} > {line.id for line in before.lines}
    with open_gallery(gallery.settings.home) as other:
        other.remove(patients=["P0"])
    with gallery.database.reading() as session, pytest.raises(GalleryChanged):
        match_probes(probes, view, session)
    _, (now,) = gallery.answer(probes, view.question, view)
    assert "P0" not in {line.patient for line in now.lines}
