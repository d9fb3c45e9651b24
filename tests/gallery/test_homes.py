"""Several homes, as on several machines, that work with one database."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import OutputError
from gestalt_space.gallery import identity
from gestalt_space.gallery.identity import home_of, was_forgotten, write_new_home
from gestalt_space.gallery.inspecting.history import inspect_left
from gestalt_space.gallery.lock import locked
from gestalt_space.gallery.reader import Reader
from gestalt_space.gallery.repairs import CAME_BACK, COPIED
from gestalt_space.home import Gallery
from gestalt_space.match.question import Question
from gestalt_space.store import audit, homes, reads, tail
from gestalt_space.store.purges import pending_purges
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.databases import address_of
from tests.galleries import add, files_with, make_home, open_gallery, row
from tests.gallery.kept import Kept, vector_of, vectors_of


@pytest.fixture
def other(kept: Kept, tmp_path: Path) -> Iterator[Kept]:
    """A second home of the same database."""
    opened = Kept(tmp_path / "other", address=address_of(kept.home))
    yield opened
    opened.close()


def pending(kept: Kept) -> tuple[int, ...]:
    """The notes for a home alone."""
    with kept.database.reading() as session:
        of_database = pending_purges(session)
        here = pending_purges(session, home_of(session, kept.folder))
    return tuple(sorted({*here} - {*of_database}))


@pytest.mark.usefixtures("_soon")
def test_what_one_adds_the_other_sees_and_each_index_follows(kept: Kept, other: Kept) -> None:
    kept.add(*range(6))
    assert kept.seal()
    assert other.vectors() == vectors_of(*range(6)), "without an index of its own"
    assert other.digest() is None
    assert other.seal()
    other.add(*range(6, 12))
    other.seal()
    first = kept.digest()
    assert kept.vectors() == other.vectors() == vectors_of(*range(12))
    assert kept.state().mark.indexed == 6, "its index is as it was"
    assert kept.digest() == first
    kept.seal()
    for one in (kept, other):
        assert one.check() == "12 descriptors in 1 segment, up to change 12, no problem found"
    ours = other.digest()
    kept.seal(rebuild=True)
    assert other.digest() == ours
    assert "no problem found" in other.check()


@pytest.mark.usefixtures("_soon")
def test_who_is_removed_in_one_is_in_no_answer_and_soon_in_no_file_of_the_other(
    kept: Kept, other: Kept
) -> None:
    kept.add(*range(6))
    kept.seal()
    other.seal()
    reader = Reader(other.database, other.folder)
    held = reader.current(other.space)
    kept.remove(3)
    kept.keeper().purge()
    assert files_with(kept.home, vector_of(3)) == []
    assert not reader.is_current(held)
    state = reader.current(other.space)
    rows = np.flatnonzero(state.patients >= 0)
    assert {one.tobytes() for one in state.vectors_at(rows)} == vectors_of(0, 1, 2, 4, 5)
    assert files_with(other.folder, vector_of(3)), "nobody has been there yet"
    other.keeper().purge(wait=False)  # what an open does
    assert files_with(other.home, vector_of(3)) == []
    assert "no problem found" in other.check()


def test_what_a_home_has_still_to_clean_is_remembered_for_it_alone(kept: Kept, other: Kept) -> None:
    kept.add(*range(6))
    kept.seal()
    other.seal()
    kept.remove(3)
    assert pending(kept)
    assert pending(other)
    kept.keeper().purge()
    assert pending(kept) == ()
    left = pending(other)
    assert left
    kept.keeper().purge()
    kept.seal(rebuild=True)
    assert pending(other) == left
    with (
        locked(other.folder, 1),
        pytest.raises(OutputError, match="Another process"),
    ):
        other.keeper(timeout=0.05).purge()
    assert pending(other) == left, "it was at work there"
    assert files_with(other.folder, vector_of(3))
    other.keeper().purge()
    assert pending(other) == ()
    assert files_with(other.folder, vector_of(3)) == []


@pytest.mark.usefixtures("_soon")
def test_a_home_that_was_forgotten_and_comes_back_has_nobody_who_went_meanwhile(
    kept: Kept, other: Kept
) -> None:
    kept.add(*range(6))
    kept.seal()
    other.seal()
    reader = Reader(other.database, other.folder)
    held = reader.current(other.space)
    with kept.database.writing() as session:
        known = homes.known_homes(session)
        gone = next(one for one in known if one.id == home_of(session, other.folder))
        homes.forget_home(session, gone)
        assert len(homes.known_homes(session)) == 1
    kept.remove(3)
    kept.keeper().purge()
    assert pending(other) == (), "nobody waits for it"
    assert files_with(other.folder, vector_of(3))
    assert reader.current(other.space).mark != held.mark
    assert other.vectors() == vectors_of(0, 1, 2, 4, 5), "before anything is cleaned"
    with kept.database.reading() as session:
        assert [one["place"] for one in homes.forgotten_homes(session).values()] == [gone.place]
    (found,) = (one for one in inspect_left(other.database, other.folder))
    assert (found.state, "forgotten this home" in found.detail) == ("fail", True)
    with locked(other.folder, 1), pytest.raises(OutputError, match="Another process"):
        other.keeper().finish_left()
    keeper = other.keeper()
    keeper.finish_left()
    assert [one.found for one in keeper.repairs] == [CAME_BACK.found]
    assert files_with(other.home, vector_of(3)) == []
    assert other.vectors() == vectors_of(0, 1, 2, 4, 5)
    assert "no problem found" in other.check()
    with kept.database.reading() as session:
        assert homes.forgotten_homes(session) == {}
        assert len(homes.known_homes(session)) == 2
        assert list(audit.trail_problems(session)) == []
    again = other.keeper()
    again.finish_left()
    assert again.repairs == []


@pytest.mark.usefixtures("_soon")
def test_a_home_that_was_moved_is_known_where_it_is_and_a_copy_is_one_of_its_own(
    kept: Kept, other: Kept, tmp_path: Path
) -> None:
    other.add(*range(6))
    other.seal()
    address = address_of(kept.home)
    shutil.copytree(other.home, tmp_path / "copy")
    other.home.rename(tmp_path / "moved")
    for name, repairs in (("moved", []), ("copy", [COPIED])):
        opened = Kept(tmp_path / name, address=address)
        try:
            keeper = opened.keeper()
            keeper.finish_left()
            assert keeper.repairs == repairs
            opened.seal()
            assert opened.vectors() == vectors_of(*range(6))
        finally:
            opened.close()
    with kept.database.reading() as session:
        known = homes.known_homes(session)
        assert {Path(one.place).name for one in known} == {"moved", "copy"}
        assert homes.forgotten_homes(session) == {}


def test_a_home_whose_place_another_one_has_is_forgotten(
    kept: Kept, other: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two machines of one name, with a disk each."""
    monkeypatch.setattr(identity, "place_of", lambda _folder: "ward:/data")
    kept.add(*range(6))
    kept.seal()
    other.folder.mkdir(mode=0o700, parents=True)
    write_new_home(other.folder)
    other.seal()
    with kept.database.reading() as session:
        assert list(homes.forgotten_homes(session)) == [home_of(session, kept.folder)]
        assert was_forgotten(session, kept.folder)


def test_an_index_of_a_home_that_was_forgotten_meanwhile_is_not_believed(kept: Kept) -> None:
    kept.add(1)
    kept.seal()
    with kept.database.writing() as session:
        (mine,) = homes.known_homes(session)
        homes.forget_home(session, mine)
        taken = homes.record_generation(session, mine.id, kept.space.id, sequence=9, digest="d")
    assert not taken


@pytest.mark.usefixtures("_soon")
def test_two_open_galleries_of_one_database(
    tmp_path: Path, tiny_store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = [made.photo_file(tmp_path / f"{n}.png", n) for n in range(8)]
    homes = [make_home(tmp_path / name, tiny_store) for name in ("one", "two")]
    monkeypatch.setenv("GESTALT_DATABASE_URL", _as_address(address_of(homes[0])))

    def seen(gallery: Gallery) -> set[str]:
        return {line.id for line in gallery.match_patient("P0", Question(by="patient")).lines}

    one, two = (open_gallery(home) for home in homes)
    add(one, *(row(photo, f"P{n}", f"D{n % 2}") for n, photo in enumerate(photos[:4])))
    add(two, *(row(photo, f"P{n}", f"D{n % 2}") for n, photo in enumerate(photos[4:], 4)))
    assert seen(one) == seen(two) == {f"P{n}" for n in range(1, 8)}
    one.rebuild()
    two.rebuild()
    with one.database.reading() as session:
        space = reads.spaces(session)[0]
        vector = tail.rows_after(session, space, -1).vectors[2].tobytes()
    one.remove(patients=["P2"])
    assert files_with(homes[0], vector) == []
    assert seen(one) == seen(two) == {"P1", *(f"P{n}" for n in range(3, 8))}
    assert files_with(homes[1] / "index", vector)
    for gallery in (one, two):
        gallery.close()
    with open_gallery(homes[1]) as two:
        assert files_with(homes[1], vector) == []
        assert "P2" not in seen(two)


def _as_address(database: str | Path) -> str:
    return database if isinstance(database, str) else f"sqlite:///{database}"
