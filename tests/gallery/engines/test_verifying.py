"""`gestalt index verify` compares the photos of an engine with those of the database."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gestalt_space.gallery.inspecting import engines
from gestalt_space.gallery.inspecting.engines import inspect_engines
from gestalt_space.gallery.inspecting.findings import CheckFinding
from gestalt_space.gallery.inspecting.whole import inspect_gallery
from gestalt_space.home import Gallery
from gestalt_space.index.engines.contract import EngineRows
from gestalt_space.machine import doctor
from gestalt_space.store import tail
from tests import made
from tests.galleries import add, row
from tests.gallery.engines.conftest import PHOTOS, Searched

pytestmark = pytest.mark.lengthy


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "BREATH", 0.0)


@pytest.fixture
def filled(searched: Searched, gallery: Gallery) -> Gallery:
    gallery.add_engine(searched.name)
    return gallery


def found(gallery: Gallery) -> list[CheckFinding]:
    return list(inspect_engines(gallery.search_engines))


def wrong(gallery: Gallery) -> list[tuple[str, str]]:
    looked = found(gallery)
    assert {one.subject for one in looked} == {f"engine {gallery.engines()[0].record.name} tiny"}
    assert {one.state for one in looked} == ({"ok"} if not looked[0].hint else {"fail"})
    return [(one.detail, one.hint) for one in looked if one.state != "ok"]


def swap(searched: Searched, gallery: Gallery, gone: list[int], others: list[int]) -> None:
    """Take rows out of the engine behind the gallery's back, and put others in their place."""
    with searched.collection(gallery) as engine:
        engine.remove(np.array(gone, dtype=np.int64))
        ids = np.array(others, dtype=np.int64)
        vectors = made.unit(np.random.default_rng(5), len(ids), 16)
        engine.add(EngineRows(ids, ids, np.full(len(ids), np.nan), 0 * ids, vectors))


def test_a_home_without_an_engine_has_no_line(gallery: Gallery):
    assert found(gallery) == []


def test_a_sound_engine_has_a_line_among_the_others(searched: Searched, filled: Gallery):
    (line,) = found(filled)
    assert (line.subject, line.state, line.hint) == (f"engine {searched.name} tiny", "ok", "")
    assert line.detail.startswith(f"{PHOTOS} photos, up to change ")
    assert line in list(inspect_gallery(filled.settings, sample=0))


def test_rows_that_it_lost_and_rows_that_nobody_has_fail_though_the_number_is_right(
    searched: Searched, filled: Gallery
):
    sync = f"gestalt index engine sync {searched.name}"
    swap(searched, filled, [5, 6, 7], [900_001, 900_002, 900_003])
    assert wrong(filled) == [
        ("3 photos of the gallery missing in the engine", f"Run `{sync}`."),
        ("3 removed photos still in the engine", f"Run `{sync} --anew`."),
    ]
    filled.sync_engine(searched.name)
    assert wrong(filled) == []
    assert len(searched.ids(filled)) == filled.engines()[0].position.rows == PHOTOS  # type: ignore[union-attr]


@pytest.mark.parametrize("anew", [False, True])
def test_what_is_hinted_at_mends_it(searched: Searched, filled: Gallery, *, anew: bool):
    swap(searched, filled, [5] if not anew else [], [900_001] if anew else [])
    assert len(wrong(filled)) == 1
    filled.sync_engine(searched.name, anew=anew)
    assert wrong(filled) == []


def test_who_was_removed_while_it_was_away_fails(searched: Searched, filled: Gallery):
    searched.switch.is_on = False
    with pytest.raises(Exception, match="removed permanently"):
        filled.remove(patients=["P000003"])
    ((told, hint),) = wrong(filled)
    assert told == "could not be checked: The engine does not answer."
    assert hint == "Start it."
    searched.switch.is_on = True
    ((told, _),) = wrong(filled)
    assert told == "2 removed photos still in the engine"


def test_photos_that_it_does_not_know_yet_are_no_fault(
    searched: Searched, filled: Gallery, tmp_path: Path
):
    searched.switch.is_on = False
    photos = [made.photo_file(tmp_path / f"{n}.png", n) for n in (50, 51)]
    add(filled, *(row(photo, photo.stem, "D00001") for photo in photos))
    searched.switch.is_on = True
    (line,) = found(filled)
    assert (line.state, line.detail.split("; ")[-1]) == ("ok", "2 newer photos not in it yet")
    # Nor where a fill that was stopped has put one of them in.
    space = filled.space.stored
    assert space is not None
    position = filled.engines()[0].position
    assert position is not None
    with filled.database.reading() as session:
        new = tail.ids_after(session, space, position.sequence).tolist()
    swap(searched, filled, [], new[:1])
    (line,) = found(filled)
    assert (line.state, line.detail.split("; ")[-1]) == ("ok", "1 newer photo not in it yet")


def test_what_changes_while_it_is_looked_at_is_looked_at_again(
    searched: Searched, filled: Gallery, monkeypatch: pytest.MonkeyPatch
):
    """Another process has removed a patient from the database, and comes to the engine later."""
    searched.switch.is_on = False
    with pytest.raises(Exception, match="removed permanently"):
        filled.remove(patients=["P000003"])
    searched.switch.is_on = True
    rested: list[float] = []

    def rest(seconds: float) -> None:
        rested.append(seconds)
        filled.search_engines.take_out()

    monkeypatch.setattr(engines.time, "sleep", rest)
    assert wrong(filled) == []
    assert rested == [engines.BREATH]


def test_one_that_cannot_be_used_says_why(searched: Searched, filled: Gallery):
    with searched.collection(filled) as engine:
        engine.drop()
    ((told, hint),) = wrong(filled)
    assert "has no descriptors of this space any more" in told
    assert f"engine sync {searched.name}" in hint
    with searched.collection(filled) as engine:
        engine.create()
    ((told, _),) = wrong(filled)
    assert "not filled with the descriptors of this space to the end" in told


def test_doctor_counts_and_names_the_check_that_compares(searched: Searched, filled: Gallery):
    swap(searched, filled, [5], [900_001])
    del searched.switch.calls[:]
    (line,) = doctor._engines(filled.settings)
    assert (line.state, line.subject) == ("ok", f"engine {searched.name} tiny")
    assert "counted only, `gestalt index verify` compares them one by one" in line.detail
    looked = inspect_gallery(filled.settings, sample=0, engines=False)
    assert not [one for one in looked if one.subject.startswith("engine")]
    assert "ids" not in searched.switch.calls
