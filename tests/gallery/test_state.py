"""A state of some segments, a tail and corrections is what one of the database alone is."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from gestalt_space.gallery.state import GalleryState, count_photos
from gestalt_space.index import search
from gestalt_space.index.exact import exact_similarities
from gestalt_space.index.hashing import hash64
from gestalt_space.store import reads
from tests import made
from tests.gallery.kept import Kept

pytestmark = pytest.mark.usefixtures("_soon")


@pytest.fixture
def grown(kept: Kept) -> Kept:
    """Two segments; P20 and P21 in the tail; P2 and P21 gone; P5 corrected; P6 has another face."""
    kept.add(*range(12), age=4.0, site="Bonn")
    kept.seal()
    kept.add(*range(12, 18))
    kept.seal()
    kept.add(20, 21)
    kept.remove(2, 21)
    kept.add(5, update=True, age=7.0, site="Taipei")
    kept.add(6, update=True, place=1)
    return kept


def keys(kept: Kept) -> dict[int, int]:
    """The keys of patients by their numbers."""
    with kept.database.reading() as session:
        return {int(name[1:]): key for key, name in reads.patient_names(session).items()}


def rows_there(state: GalleryState) -> np.ndarray:
    return np.flatnonzero(state.patients >= 0)


def test_it_has_what_is_there_and_nothing_else(grown: Kept) -> None:
    state, known = grown.state(), keys(grown)
    assert len(state.searcher.parts) == 3
    rows = rows_there(state)
    there = {*range(18), 20} - {2}
    assert sorted(state.patients[rows].tolist()) == sorted(known[n] for n in there)
    assert len(state) == 12 + 6 + 2
    assert state.photos == len(there)
    assert len(set(state.ids[rows].tolist())) == len(there)
    assert set(state.gone.tolist()) == set(np.flatnonzero(state.patients < 0).tolist())
    ages = dict(zip(state.patients[rows].tolist(), state.ages[rows].tolist(), strict=True))
    sites = dict(zip(state.patients[rows].tolist(), state.sites[rows].tolist(), strict=True))
    assert ages[known[5]] == 7.0
    assert sites[known[5]] == hash64("taipei")
    assert ages[known[4]] == 4.0
    assert sites[known[4]] == hash64("bonn")
    assert np.isnan(ages[known[13]])
    assert sites[known[13]] == 0
    counts = state.photo_counts
    assert len(counts) == state.people.last_key + 1
    assert {int(key) for key in np.flatnonzero(counts)} == {known[n] for n in there}


def test_totals_count_who_has_a_photo(grown: Kept) -> None:
    state = grown.state()
    by_disorder, by_patient = state.totals("disorder"), state.totals("patient")
    assert (by_disorder.lines, by_disorder.patients, by_disorder.photos) == (3, 18, 18)
    assert (by_patient.lines, by_patient.patients, by_patient.photos) == (18, 18, 18)
    assert state.totals("gene").lines == 0
    grown.remove(*range(0, 18, 3))
    assert grown.state().totals("disorder").lines == 2


def test_rows_are_found_by_patients_and_by_ids(grown: Kept) -> None:
    state, known = grown.state(), keys(grown)
    for some in ([5], [5, 20, 6], list(range(3, 18))):
        wanted = np.array([known[n] for n in some])
        rows = state.rows_of(wanted)
        assert rows.tolist() == sorted(rows.tolist())
        assert sorted(state.patients[rows].tolist()) == sorted(wanted.tolist())
        ids = state.column_at("ids", rows)
        assert state.rows_with(ids).tolist() == rows.tolist()
    assert state.rows_of(np.array([-1, 10_000])).tolist() == []
    assert state.rows_with(np.array([10_000])).tolist() == []


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("count", [1, 5, 100])
def test_the_nearest_are_the_nearest_of_those_that_are_there(
    plain: bool, count: int, grown: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "PLAIN_NUMBERS", 10**9 if plain else 0)
    monkeypatch.setattr(search, "FEW_ROWS", 0.0)
    state = grown.state()
    among = np.ones(len(state), dtype=bool)
    among[::5] = False
    gone = state.vectors_at(state.gone)
    probes = np.concatenate([made.unit(np.random.default_rng(1), 6, 16), gone[:1]])
    for eligible in (None, among):
        there = rows_there(state)
        if eligible is not None:
            there = there[eligible[there]]
        many = state.nearest_of(probes, count, eligible)
        for probe, of_many in zip(probes, many, strict=True):
            true = exact_similarities(probe, state.vectors_at(there))
            for found in (*state.nearest_of(probe[None], count, eligible), of_many):
                assert set(found.rows.tolist()) <= set(there.tolist())
                assert found.patients.tolist() == state.patients[found.rows].tolist()
                places = np.searchsorted(there, found.rows)
                assert np.abs(found.similarities - true[places]).max(initial=0) <= found.tolerance
                others = np.setdiff1d(np.arange(len(there)), places)
                assert (true[others] <= found.bound).all()
                if count == 100:
                    assert set(found.rows.tolist()) == set(there.tolist())
                    assert found.bound == -np.inf


def test_a_state_never_changes(grown: Kept) -> None:
    state = grown.state()
    before = state.ids.copy(), state.patients.copy(), state.photos, state.totals("disorder")
    grown.add(*range(30, 40))
    grown.seal()
    assert np.array_equal(state.ids, before[0])
    assert np.array_equal(state.patients, before[1])
    assert (state.photos, state.totals("disorder")) == before[2:]


def test_threads_that_ask_at_once_see_one_thing(grown: Kept) -> None:
    state = grown.state()
    found: list[tuple[int, ...]] = []
    start = threading.Barrier(6)

    def ask() -> None:
        start.wait(20)
        found.append((id(state.patients), id(state.photo_counts), state.totals("disorder").lines))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 6
    assert len(set(found)) == 1


def test_photos_are_counted_by_keys() -> None:
    assert count_photos(np.array([3, -1, 3, 0]), 4).tolist() == [1, 0, 0, 2, 0]
    assert count_photos(np.zeros(0, np.int64), -1).tolist() == []
