"""How an engine follows what is done to a gallery, and what happens where it cannot."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import (
    DatabaseError,
    EngineAway,
    EngineFull,
    ErasureUnfinished,
    OutputError,
    UsageError,
)
from gestalt_space.gallery.engines import following
from gestalt_space.home import Gallery
from gestalt_space.index.engines.contract import NOTHING
from gestalt_space.match import view
from gestalt_space.match.filters import parse_filter
from gestalt_space.match.question import Question
from gestalt_space.store import tail
from gestalt_space.types import PhotoRecord
from tests import made
from tests.galleries import add, row
from tests.gallery.engines.conftest import PHOTOS, Searched
from tests.gallery.engines.test_searching import sources

pytestmark = pytest.mark.lengthy


@pytest.fixture
def filled(searched: Searched, gallery: Gallery) -> Gallery:
    gallery.add_engine(searched.name)
    return gallery


def check_follows(searched: Searched, gallery: Gallery, folder: Path) -> None:
    """The engine has the descriptors of the database, with their patients, ages and sites, and
    answers as the exact index."""
    space = gallery.space.stored
    assert space is not None
    with gallery.database.reading() as session:
        rows = tail.rows_after(session, space, NOTHING)
    with searched.collection(gallery) as engine:
        position = engine.position()
        assert position is not None
        assert engine.ids().tolist() == rows.ids.tolist()
        assert position.rows == len(rows.ids)
    state = next(one for one in gallery.engines() if one.model == "tiny")
    assert (state.newer, state.error) == (0, None)
    for asked in ({"by": "patient", "k": 500}, {"among": parse_filter(["age=2-9y"])}, {}):
        try:
            exact = [match.lines for match in gallery.match(sources(folder), Question(**asked))]
        except Exception as error:  # noqa: BLE001 - nobody fits
            with pytest.raises(type(error)):
                list(gallery.match(sources(folder), searched.question(**asked)))
            continue
        found = gallery.match(sources(folder), searched.question(**asked))
        assert [match.lines for match in found] == exact


@pytest.fixture(autouse=True)
def _all_by_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "FEW_ROWS", -1)


def photos(folder: Path, first: int, count: int) -> list[Path]:
    return [made.photo_file(folder / f"n{n}.png", n) for n in range(first, first + count)]


def added(gallery: Gallery, folder: Path, names: Sequence[str], first: int, **facts: object):
    pictures = photos(folder, first, len(names))
    results = add(
        gallery,
        *(row(photo, name, "D00001", **facts) for photo, name in zip(pictures, names, strict=True)),
    )
    assert [one.status for one in results] == ["added"] * len(names)


def test_what_is_added_is_known_at_once(searched: Searched, filled: Gallery, tmp_path: Path):
    added(filled, tmp_path, ["N0", "N1"], 50, age=3.0, site="A")
    assert len(searched.ids(filled)) == PHOTOS + 2
    assert filled.engines()[0].newer == 0
    check_follows(searched, filled, tmp_path)


def test_what_is_corrected_is_corrected_there(searched: Searched, filled: Gallery, tmp_path: Path):
    added(filled, tmp_path, ["N0", "N1"], 50, age=3.0, site="A")
    names = ["n50.png", "n51.png"]
    for name, age in zip(names, (40.0, 5.0), strict=True):
        pictures = tmp_path / name
        patient = f"N{names.index(name)}"
        add(filled, row(pictures, patient, "D00001", age=age, site="B"), update=True)
    check_follows(searched, filled, tmp_path)
    asked = searched.question(by="patient", among=parse_filter(["age=4-6y"]))
    lines = next(iter(filled.match(sources(tmp_path), asked))).lines
    assert [line.patient for line in lines] == ["N1"]


def test_what_is_removed_is_gone_there(searched: Searched, filled: Gallery, tmp_path: Path):
    before = set(searched.ids(filled))
    filled.remove(patients=["P000003", "P000100"])
    assert len(before - set(searched.ids(filled))) == 4
    check_follows(searched, filled, tmp_path)


def test_photos_that_change_their_patient_follow(
    searched: Searched, filled: Gallery, tmp_path: Path
):
    added(filled, tmp_path, ["N0", "N1"], 50)
    filled.merge("N0", "N1")
    check_follows(searched, filled, tmp_path)
    filled.undo()
    check_follows(searched, filled, tmp_path)


def test_who_withdraws_is_taken_out(searched: Searched, filled: Gallery, tmp_path: Path):
    added(filled, tmp_path, ["N0"], 50)
    filled.set_facts(PhotoRecord("-", "N0", consent="withdrawn"))
    assert len(searched.ids(filled)) == PHOTOS
    check_follows(searched, filled, tmp_path)


def test_a_rebuild_leaves_it_as_it_is(searched: Searched, filled: Gallery, tmp_path: Path):
    filled.rebuild()
    check_follows(searched, filled, tmp_path)


def test_a_removal_while_it_is_away_is_done_and_remembered(
    searched: Searched, filled: Gallery, tmp_path: Path
):
    searched.switch.is_on = False
    with pytest.raises(EngineAway, match="removed permanently") as error:
        filled.remove(patients=["P000003"])
    assert error.value.hint
    assert len(searched.ids(filled)) == PHOTOS
    exact = [match.lines for match in filled.match(sources(tmp_path), Question(k=200))]
    searched.switch.is_on = True
    # It still has the photos, and none of them is in an answer.
    view = filled.view(searched.question(by="patient", k=500))
    (batch,) = filled.probes(sources(tmp_path))
    _, found = filled.answer(batch, view.question, view)
    assert "P000003" not in {line.id for match in found for line in match.lines}
    assert [m.lines for m in filled.match(sources(tmp_path), searched.question(k=200))] == exact
    # Whoever opens the home next cleans it.
    other = searched.gallery()
    assert len(searched.ids(other)) == PHOTOS - 2
    check_follows(searched, other, tmp_path)


def test_an_erasure_waits_for_an_engine_that_is_away(
    searched: Searched, filled: Gallery, tmp_path: Path
):
    added(filled, tmp_path, ["N0", "N1"], 50)
    receipt = tmp_path / "receipt.json"
    searched.switch.is_on = False
    with pytest.raises(ErasureUnfinished, match="search engine may still have them") as error:
        filled.erase(["N0"], receipt)
    assert "Start it. Then run `gestalt index erase --resume`" in error.value.hint
    assert not receipt.exists()
    with pytest.raises(ErasureUnfinished):
        filled.resume_erasures()
    searched.switch.is_on = True
    del searched.switch.calls[:]
    assert len(filled.resume_erasures()) == 1
    assert json.loads(receipt.read_text("utf-8"))
    # Not only out of its answers: out of its files.
    assert "wipe" in searched.switch.calls
    assert len(searched.ids(filled)) == PHOTOS + 1
    check_follows(searched, filled, tmp_path)


def test_an_erasure_reaches_an_engine_before_it_is_reported(
    searched: Searched, filled: Gallery, tmp_path: Path
):
    added(filled, tmp_path, ["N0", "N1"], 50)
    filled.erase(["N0"], tmp_path / "receipt.json")
    assert "wipe" in searched.switch.calls
    assert len(searched.ids(filled)) == PHOTOS + 1
    check_follows(searched, filled, tmp_path)


def test_a_removal_alone_wipes_no_files(searched: Searched, filled: Gallery):
    filled.remove(patients=["P000003"])
    assert "wipe" not in searched.switch.calls


def test_a_full_engine_stops_the_fill_and_a_sync_goes_on(
    searched: Searched, gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(following, "BLOCK", 100)
    searched.switch.fails["add"] = EngineFull("No room.", "Make room.")
    with pytest.raises(EngineFull):
        gallery.add_engine(searched.name)
    searched.switch.fails.clear()
    with pytest.raises(UsageError, match="already uses"):
        gallery.add_engine(searched.name)
    # Nobody fills it but who asks for it.
    added(gallery, tmp_path, ["N0"], 50)
    assert searched.ids(gallery) == []
    gallery.sync_engine(searched.name)
    check_follows(searched, gallery, tmp_path)


def test_a_fill_that_was_stopped_goes_on_where_it_was(
    searched: Searched, gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(following, "BLOCK", 100)
    original = following.EngineFollower._add

    def stopped(self, session, sequence, have, whole, progress):
        def once(done, whole):
            if done >= 200:
                raise KeyboardInterrupt

        original(self, session, sequence, have, whole, once)

    with monkeypatch.context() as patched:
        patched.setattr(following.EngineFollower, "_add", stopped)
        with pytest.raises(KeyboardInterrupt):
            gallery.add_engine(searched.name)
    assert len(searched.ids(gallery)) == 200
    # Of a half-filled one a removal is taken, too.
    gallery.remove(patients=["P000003"])
    assert len(searched.ids(gallery)) == 198
    del searched.switch.calls[:]
    gallery.sync_engine(searched.name)
    # Of three blocks, the first one is there.
    assert searched.switch.calls.count("add") == 2
    check_follows(searched, gallery, tmp_path)


def test_rows_that_were_lost_are_put_in_again(searched: Searched, filled: Gallery, tmp_path: Path):
    """Its position says nothing of them: their number does."""
    with searched.collection(filled) as engine:
        engine.remove(np.array([5, 6, 7]))
    filled.sync_engine(searched.name)
    check_follows(searched, filled, tmp_path)


def test_of_two_writers_one_waits_for_the_other(
    searched: Searched, filled: Gallery, tmp_path: Path
):
    other = searched.gallery()
    failed: list[BaseException] = []

    def write(gallery: Gallery, first: int, name: str) -> None:
        folder = tmp_path / name
        folder.mkdir()
        try:
            for step in range(3):
                added(gallery, folder, [f"{name}{step}"], first + step, age=5.0)
            gallery.remove(patients=[f"{name}0"])
        except BaseException as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [
        threading.Thread(target=write, args=(filled, 50, "A")),
        threading.Thread(target=write, args=(other, 60, "B")),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    # What one of them could not do, since the other was at it, is done after the next change.
    added(filled, tmp_path, ["LAST"], 70)
    check_follows(searched, filled, tmp_path)


def test_who_waits_for_too_long_is_told(searched: Searched, filled: Gallery, tmp_path: Path):
    space = filled.space.stored
    assert space is not None
    follower = filled.search_engines.follower(filled.search_engines.records[0], space, wait=False)
    with (
        follower.alone(),
        pytest.raises((OutputError, DatabaseError), match="bringing a search engine"),
    ):
        filled.search_engines.follower(filled.search_engines.records[0], space, wait=False).fill()


def test_two_homes_fill_one_collection(
    searched: Searched, filled: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """As on two machines, with one database."""
    if filled.database.is_sqlite:
        pytest.skip("a SQLite file is for one machine")
    import shutil

    from tests.galleries import open_gallery

    shutil.copytree(searched.home / "models", tmp_path / "other" / "models")
    address = filled.database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("GESTALT_DATABASE_URL", address)
    with open_gallery(tmp_path / "other") as other:
        state = other.add_engine(searched.name)
        assert state.newer == 0
        added(other, tmp_path, ["N0"], 50)
        other.remove(patients=["P000003"])
        # The first home has not cleaned its own yet; the rows are one collection's.
        assert len(searched.ids(other)) == PHOTOS - 1
        check_follows(searched, other, tmp_path)
        check_follows(searched, filled, tmp_path)


def test_a_space_that_is_dropped_takes_its_collection_with_it(
    searched: Searched, filled: Gallery, tmp_path: Path, tiny_onnx: Path
):
    from gestalt_space.weights.store import ModelStore

    other_file = tmp_path / "second.onnx"
    made.arcface_onnx(other_file, dim=16, seed=2)
    ModelStore(searched.home / "models").add(
        other_file, name="second", license_name="made by the tests"
    )
    added(filled, tmp_path, ["N0"], 50)
    second = searched.gallery(space="second")
    second.fill()
    second.add_engine(searched.name)
    assert len(second.engines()) == 2
    assert len(searched.ids(second)) == 1
    with searched.collection(second) as engine:
        filled.drop_space("second")
        assert engine.position() is None
    assert [one.model for one in filled.engines()] == ["tiny"]
    check_follows(searched, filled, tmp_path)


def test_a_file_that_cannot_be_read_is_told_and_stops_no_write(
    searched: Searched, filled: Gallery, tmp_path: Path
):
    (searched.home / "engines.json").write_text("{", encoding="utf-8")
    added(filled, tmp_path, ["N0"], 50)
    with pytest.raises(UsageError, match=r"engines\.json") as error:
        filled.engines()
    assert "engine add" in error.value.hint


def test_the_file_has_no_password(searched: Searched, filled: Gallery):
    read = json.loads((searched.home / "engines.json").read_text("utf-8"))
    (engine,) = read["engines"]
    assert (engine["name"], engine["address"]) == (searched.name, None)
