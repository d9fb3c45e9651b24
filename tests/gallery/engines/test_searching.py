"""Matches by an engine: those of the exact index, and what they say of themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import EngineAway, EngineUnsuitable, NotInGallery, UsageError
from gestalt_space.gallery.engines import measuring
from gestalt_space.gallery.inspecting.findings import CheckFinding
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.home import Gallery
from gestalt_space.index.engines.contract import EngineRows
from gestalt_space.machine import doctor
from gestalt_space.match import ranked, view
from gestalt_space.match.filters import parse_filter
from gestalt_space.match.question import Question
from tests import made
from tests.galleries import add, row
from tests.gallery.engines.conftest import MEASURED, PHOTOS, Searched

pytestmark = pytest.mark.lengthy


def sources(folder: Path) -> list[PhotoSource]:
    return [
        PhotoSource(str(seed), made.photo_file(folder / f"probe-{seed}.png", seed), largest=True)
        for seed in range(900, 903)
    ]


@pytest.fixture
def _all_by_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few rows a filter lets in."""
    monkeypatch.setattr(view, "FEW_ROWS", -1)


@pytest.mark.parametrize("by", ["disorder", "gene", "patient"])
def test_the_answer_is_that_of_the_exact_index(
    searched: Searched, gallery: Gallery, tmp_path: Path, by: str
):
    gallery.add_engine(searched.name)
    asked = {"by": by, "without": ("P000004",)}
    exact = [match.lines for match in gallery.match(sources(tmp_path), Question(**asked))]
    found = gallery.match(sources(tmp_path), searched.question(**asked))
    assert [match.lines for match in found] == exact
    assert all(len(lines) == 10 for lines in exact)
    own = gallery.match_patient("P000008", searched.question(by=by))
    assert own.lines == gallery.match_patient("P000008", Question(by=by)).lines
    assert own.left_out == "P000008"


FILTERS = ["age=0-20y", "age=0-20y;unknown", "site=Clinic B", "site=unknown", "sex=female"]


@pytest.mark.usefixtures("_all_by_the_engine")
@pytest.mark.parametrize("among", FILTERS)
def test_filters_reach_the_engine(searched: Searched, gallery: Gallery, tmp_path: Path, among: str):
    photos = [made.photo_file(tmp_path / f"f{n}.png", 500 + n) for n in range(12)]
    facts = [
        {"age": 3.0 * n if n % 3 else None, "site": [None, "clinic b", "A"][n % 3]}
        for n in range(12)
    ]
    add(
        gallery,
        *(
            row(photo, f"F{n}", f"D0000{n % 5 + 1}", sex=["female", "male"][n % 2], **facts[n])
            for n, photo in enumerate(photos)
        ),
    )
    gallery.add_engine(searched.name)
    asked = parse_filter([among])
    exact = [match.lines for match in gallery.match(sources(tmp_path), Question(among=asked))]
    found = gallery.match(sources(tmp_path), searched.question(among=asked))
    assert [match.lines for match in found] == exact
    assert exact[0]


def test_few_photos_behind_a_filter_are_searched_exactly(
    searched: Searched, gallery: Gallery, tmp_path: Path
):
    add(gallery, row(made.photo_file(tmp_path / "n.png", 77), "N", "D00001", sex="female"))
    gallery.add_engine(searched.name)
    del searched.switch.calls[:]
    asked = searched.question(among=parse_filter(["sex=female"]))
    (match, *_) = gallery.match(sources(tmp_path), asked)
    assert [line.patient for line in match.lines] == ["N"]
    assert "nearest" not in searched.switch.calls


def test_it_says_what_was_measured(searched: Searched, gallery: Gallery):
    state = gallery.add_engine(searched.name)
    recall = state.record.recall
    assert recall is not None
    # Of so few photos both engines find all.
    assert (recall.photos, recall.disorders) == (1.0, 1.0)
    assert (recall.measured, recall.rows) == (MEASURED, PHOTOS)
    view = gallery.view(searched.question())
    told = f"{searched.name}: recall@10 1.00 measured on {MEASURED} photos"
    assert (view.told, view.searched_on) == (told, searched.name)
    assert gallery.view().told is None
    filtered = gallery.view(searched.question(among=parse_filter(["sex=unknown"])))
    assert filtered.told == f"{told} (the recall was measured without a filter)"


def test_a_recall_that_is_less_is_said(searched: Searched, gallery: Gallery):
    searched.switch.misses = True
    recall = gallery.add_engine(searched.name).record.recall
    assert recall is not None
    assert recall.photos == pytest.approx(0.5, abs=0.15)
    # A patient has two photos, and one of them is found.
    assert 0.3 < recall.disorders < 1
    told = gallery.view(searched.question()).told
    assert told is not None
    assert f"recall@10 {recall.photos:.2f}" in told


def test_it_is_measured_with_as_many_candidates_as_a_match_asks_for():
    assert measuring.CANDIDATES == ranked.FIRST + 10 * ranked.EACH_LINE


def test_photos_that_an_engine_does_not_know_yet_are_found_and_counted(
    searched: Searched, gallery: Gallery, tmp_path: Path
):
    gallery.add_engine(searched.name)
    searched.switch.is_on = False
    photos = [made.photo_file(tmp_path / f"n{n}.png", 50 + n) for n in range(3)]
    added = add(gallery, *(row(photo, f"N{n}", "D00001") for n, photo in enumerate(photos)))
    assert [one.status for one in added] == ["added"] * 3
    searched.switch.is_on = True
    view = gallery.view(searched.question())
    assert view.told is not None
    assert view.told.endswith("; 3 newer photos were searched exactly")
    assert len(searched.ids(gallery)) == PHOTOS
    asked = {"by": "patient", "k": 200}
    exact = [match.lines for match in gallery.match(sources(tmp_path), Question(**asked))]
    found = gallery.match(sources(tmp_path), searched.question(**asked))
    assert [match.lines for match in found] == exact
    assert {"N0", "N1", "N2"} <= {line.patient for line in exact[0]}


def test_without_an_engine_the_match_says_how_to_add_it(searched: Searched, gallery: Gallery):
    with pytest.raises(UsageError, match="does not use") as error:
        gallery.view(searched.question())
    assert f"gestalt index engine add {searched.name}" in error.value.hint


def test_an_engine_that_is_away_is_a_clear_error(
    searched: Searched, gallery: Gallery, tmp_path: Path
):
    gallery.add_engine(searched.name)
    view = gallery.view(searched.question())
    (batch,) = gallery.probes(sources(tmp_path))
    searched.switch.is_on = False
    with pytest.raises(EngineAway):
        gallery.view(searched.question())
    with pytest.raises(EngineAway):
        gallery.answer(batch, searched.question(), view)
    # The index on disk is there as ever.
    assert all(match.lines for match in gallery.match(sources(tmp_path), Question()))


def test_one_that_knows_later_changes_than_the_database_is_not_used(
    searched: Searched, gallery: Gallery, tmp_path: Path
):
    """A backup of the database was restored beside it."""
    gallery.add_engine(searched.name)
    with searched.collection(gallery) as engine:
        engine.settle(10**6, 0)
    with pytest.raises(EngineUnsuitable, match="later changes") as error:
        gallery.view(searched.question())
    assert "engine sync" in error.value.hint
    gallery.sync_engine(searched.name)
    exact = [match.lines for match in gallery.match(sources(tmp_path), Question())]
    assert [m.lines for m in gallery.match(sources(tmp_path), searched.question())] == exact


def test_one_with_the_descriptors_of_another_gallery_is_not_used(
    searched: Searched, gallery: Gallery, tmp_path: Path, rng: np.random.Generator
):
    """It has the same identifiers, and says that it follows."""
    gallery.add_engine(searched.name)
    with searched.collection(gallery) as engine:
        keys = engine.ids()
        zeros = np.zeros(len(keys), dtype=np.int64)
        others = made.unit(rng, len(keys), 16)
        engine.add(EngineRows(keys, zeros + 1, zeros * np.nan, zeros, others))
    with pytest.raises(EngineUnsuitable, match="other descriptors") as error:
        list(gallery.match(sources(tmp_path), searched.question()))
    assert "--anew" in error.value.hint
    gallery.sync_engine(searched.name, anew=True)
    exact = [match.lines for match in gallery.match(sources(tmp_path), Question())]
    assert [m.lines for m in gallery.match(sources(tmp_path), searched.question())] == exact


def test_one_that_lacks_photos_and_says_that_it_follows_is_not_used(
    searched: Searched, gallery: Gallery
):
    """Another gallery that uses the same collection has taken them out."""
    gallery.add_engine(searched.name)
    with searched.collection(gallery) as engine:
        position = engine.position()
        assert position is not None
        engine.remove(engine.ids()[3:5])
        engine.settle(position.sequence, position.epoch)
    with pytest.raises(EngineUnsuitable, match="other descriptors") as error:
        gallery.view(searched.question())
    assert "--anew" in error.value.hint


def test_one_that_was_emptied_is_not_used(searched: Searched, gallery: Gallery):
    gallery.add_engine(searched.name)
    with searched.collection(gallery) as engine:
        engine.drop()
        with pytest.raises(EngineUnsuitable, match="another home of this gallery removed") as error:
            gallery.view(searched.question())
        assert f"engine sync {searched.name}" in error.value.hint
        assert f"engine remove {searched.name}" in error.value.hint
        (listed,) = gallery.engines()
        assert listed.error is not None
        assert listed.error.message == error.value.message
        assert (listed.position, listed.newer) == (None, PHOTOS)
        engine.create()
        with pytest.raises(EngineUnsuitable, match=r"not filled .* to the end"):
            gallery.view(searched.question())


def test_it_cannot_rank_by_all_photos(searched: Searched):
    with pytest.raises(UsageError, match="needs all photos of a disorder"):
        searched.question(aggregation="vote")


def test_an_engine_is_listed_and_removed(searched: Searched, gallery: Gallery):
    assert gallery.engines() == []
    made_one = gallery.add_engine(searched.name)
    (listed,) = gallery.engines()
    assert listed == made_one
    assert (listed.model, listed.newer, listed.error) == ("tiny", 0, None)
    with pytest.raises(UsageError, match="already uses"):
        gallery.add_engine(searched.name)
    gallery.remove_engine(searched.name)
    assert gallery.engines() == []
    with searched.collection(gallery) as engine:
        assert engine.position() is None
    with pytest.raises(NotInGallery, match="does not use"):
        gallery.remove_engine(searched.name)


def test_one_that_is_away_is_listed_with_its_error_and_can_be_forgotten(
    searched: Searched, gallery: Gallery
):
    gallery.add_engine(searched.name)
    searched.switch.is_on = False
    (listed,) = gallery.engines()
    assert isinstance(listed.error, EngineAway)
    with pytest.raises(EngineAway) as error:
        gallery.remove_engine(searched.name)
    assert "--forget" in error.value.hint
    gallery.remove_engine(searched.name, forget=True)
    assert gallery.engines() == []


def test_doctor_says_how_far_an_engine_is(searched: Searched, gallery: Gallery, tmp_path: Path):
    subject = f"engine {searched.name} tiny"

    def found() -> dict[str, CheckFinding]:
        return {one.subject: one for one in doctor._engines(gallery.settings)}

    assert found() == {}
    gallery.add_engine(searched.name)
    assert (found()[subject].state, found()[subject].hint) == ("ok", "")
    assert f"{PHOTOS} photos; recall@10 1.00" in found()[subject].detail
    searched.switch.is_on = False
    add(gallery, row(made.photo_file(tmp_path / "n.png", 50), "N", "D00001"))
    assert (found()[subject].state, found()[subject].hint) == ("fail", "Start it.")
    searched.switch.is_on = True
    assert found()[subject].state == "note"
    assert "lacks 1 newer photo" in found()[subject].detail
    with searched.collection(gallery) as engine:
        engine.drop()
        assert "another home of this gallery removed them" in found()[subject].detail
        engine.create()
    assert (found()[subject].state, found()[subject].detail) == ("fail", "not filled to the end")
