"""What the contract of search engines promises, for every engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest

from gestalt_space.errors import EngineError, EngineUnsuitable
from gestalt_space.index.engines.contract import (
    NOTHING,
    EngineFilter,
    EnginePosition,
    EngineRows,
    VectorEngine,
)
from gestalt_space.types import Ids
from tests import made
from tests.index.engines.opened import (
    BENCHES,
    DIM,
    GALLERY,
    OTHER_GALLERY,
    OTHER_SPACE,
    SPACE,
    EngineBench,
)

Open = Callable[..., VectorEngine]


@pytest.fixture(params=BENCHES, scope="module")
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    with BENCHES[request.param](tmp_path_factory.mktemp(request.param)) as bench:
        yield bench


@pytest.fixture
def opened(bench: EngineBench) -> Iterator[Open]:
    """Opens the collection again; it is dropped at the end."""
    with ExitStack() as stack:

        def open_one(space: str = SPACE, dim: int = DIM, gallery: str = GALLERY) -> VectorEngine:
            if bench.close_each:
                stack.close()
            engine = bench.open(space, dim, gallery)
            stack.callback(engine.close)
            return engine

        yield open_one
        stack.close()
        last = bench.open(SPACE, DIM, GALLERY)
        last.drop(of_any=True)
        last.close()


@pytest.fixture
def rows(rng: np.random.Generator) -> EngineRows:
    return some_rows(rng, 200)


def some_rows(rng: np.random.Generator, count: int, first: int = 1, dim: int = DIM) -> EngineRows:
    known = rng.random(count) > 1 / 3
    return EngineRows(
        ids=np.arange(first, first + count, dtype=np.int64),
        patients=rng.integers(1, 40, count),
        ages=np.where(known, rng.uniform(0, 80, count), np.nan),
        sites=np.where(known, rng.choice([-(2**63), 7, 2**63 - 1], count), 0),
        vectors=made.unit(rng, count, dim),
    )


def filled(opened: Open, rows: EngineRows, sequence: int = 200, epoch: int = 0) -> VectorEngine:
    engine = opened()
    engine.create()
    engine.add(rows)
    engine.settle(sequence, epoch)
    return engine


def part(rows: EngineRows, which: np.ndarray) -> EngineRows:
    return EngineRows(
        rows.ids[which],
        rows.patients[which],
        rows.ages[which],
        rows.sites[which],
        rows.vectors[which],
    )


def truly_nearest(rows: EngineRows, probe: np.ndarray, count: int, fits: np.ndarray) -> set[int]:
    similarities = np.where(fits, rows.vectors @ probe, -np.inf)
    return set(rows.ids[np.argsort(-similarities)[: min(count, int(fits.sum()))]].tolist())


def found(engine: VectorEngine, probe: np.ndarray, count: int, among: EngineFilter) -> set[int]:
    hits = engine.nearest(probe, count, among)
    ids = hits.ids.tolist()
    assert len(ids) == len(set(ids)) == len(hits.similarities) <= count
    return set(ids)


def test_where_nothing_was_made_there_is_no_position(opened: Open):
    assert opened().position() is None


def test_a_new_collection_knows_nothing(opened: Open):
    engine = opened()
    engine.create()
    assert engine.position() == EnginePosition(SPACE, DIM, GALLERY, NOTHING, 0, 0)
    assert engine.ids().tolist() == []
    assert engine.nearest(np.eye(DIM, dtype=np.float32)[0], 5).ids.tolist() == []


def test_what_is_settled_is_known_to_whoever_opens_it_next(opened: Open, rows: EngineRows):
    filled(opened, rows, sequence=321, epoch=4)
    other = opened()
    assert other.position() == EnginePosition(SPACE, DIM, GALLERY, 321, 4, 200)
    assert other.ids().tolist() == rows.ids.tolist()


def test_to_make_it_again_changes_nothing(opened: Open, rows: EngineRows):
    filled(opened, rows)
    engine = opened()
    engine.create()
    assert engine.position() == EnginePosition(SPACE, DIM, GALLERY, 200, 0, 200)


def test_rows_may_be_found_before_it_is_settled_and_the_position_stays(
    opened: Open, rows: EngineRows
):
    engine = filled(opened, part(rows, np.arange(100)), sequence=100)
    engine.add(part(rows, np.arange(100, 200)))
    position = engine.position()
    assert position is not None
    assert (position.sequence, position.rows) == (100, 200)
    assert engine.nearest(rows.vectors[150], 1).ids.tolist() == [151]


def test_it_finds_the_nearest_with_about_their_similarities(
    opened: Open, rows: EngineRows, rng: np.random.Generator
):
    engine = filled(opened, rows)
    for probe in made.unit(rng, 5, DIM):
        hits = engine.nearest(probe, 20)
        true = rows.vectors[hits.ids - 1] @ probe
        told = ~np.isnan(hits.similarities)
        assert np.abs(hits.similarities - true)[told].max(initial=0) <= engine.tolerance
        # Of so few rows every engine finds nearly all that are near.
        assert len(truly_nearest(rows, probe, 10, rows.ids > 0) & set(hits.ids.tolist())) >= 9


def test_it_finds_all_rows_where_all_are_asked_for(opened: Open, rows: EngineRows):
    engine = filled(opened, rows)
    assert found(engine, rows.vectors[0], 500, EngineFilter()) == set(rows.ids.tolist())


FILTERS: dict[str, tuple[EngineFilter, Callable[[EngineRows], np.ndarray]]] = {
    "an age": (
        EngineFilter(ages=(10.0, 40.0)),
        lambda rows: (rows.ages >= 10) & (rows.ages <= 40),
    ),
    "an open age": (EngineFilter(ages=(50.0, np.inf)), lambda rows: rows.ages >= 50),
    "an age or none": (
        EngineFilter(ages=(10.0, 20.0), unknown_age=True),
        lambda rows: np.isnan(rows.ages) | ((rows.ages >= 10) & (rows.ages <= 20)),
    ),
    "no age": (EngineFilter(unknown_age=True), lambda rows: np.isnan(rows.ages)),
    "a site": (
        EngineFilter(sites=np.array([-(2**63), 2**63 - 1])),
        lambda rows: (rows.sites == -(2**63)) | (rows.sites == 2**63 - 1),
    ),
    "an unknown site": (EngineFilter(sites=np.array([0])), lambda rows: rows.sites == 0),
    "few patients": (
        EngineFilter(patients=np.array([3, 4, 5, 999])),
        lambda rows: np.isin(rows.patients, [3, 4, 5]),
    ),
    "nobody": (
        EngineFilter(patients=np.zeros(0, dtype=np.int64)),
        lambda rows: np.zeros(len(rows.ids), dtype=bool),
    ),
    "all but few": (
        EngineFilter(without=np.array([3, 4, 5, 999])),
        lambda rows: ~np.isin(rows.patients, [3, 4, 5]),
    ),
    "all at once": (
        EngineFilter((0.0, 60.0), True, np.array([7, 0]), None, np.array([1, 2])),
        lambda rows: (
            (np.isnan(rows.ages) | (rows.ages <= 60))
            & np.isin(rows.sites, [7, 0])
            & ~np.isin(rows.patients, [1, 2])
        ),
    ),
}


@pytest.mark.parametrize("case", FILTERS)
def test_filters_hold_for_all_that_it_finds(opened: Open, rows: EngineRows, case: str):
    among, fits = FILTERS[case]
    engine = filled(opened, rows)
    wanted = truly_nearest(rows, rows.vectors[0], 200, fits(rows))
    assert found(engine, rows.vectors[0], 200, among) == wanted


def test_a_row_that_is_added_again_is_replaced(opened: Open, rows: EngineRows):
    engine = filled(opened, rows)
    again = replace(part(rows, np.array([4, 5])), vectors=-rows.vectors[[4, 5]])
    engine.add(again)
    engine.add(again)
    engine.settle(202, 0)
    position = engine.position()
    assert position is not None
    assert position.rows == 200
    hits = engine.nearest(-rows.vectors[4], 200)
    assert hits.ids.tolist().count(5) == 1
    assert engine.nearest(-rows.vectors[4], 1).ids.tolist() == [5]


def test_what_is_removed_is_found_by_nobody(opened: Open, rows: EngineRows):
    engine = filled(opened, rows)
    gone: Ids = np.array([1, 17, 200, 4711])
    engine.remove(gone)
    assert not found(engine, rows.vectors[0], 500, EngineFilter()) & {1, 17, 200}
    engine.settle(203, 1)
    other = opened()
    assert not found(other, rows.vectors[16], 500, EngineFilter()) & {1, 17, 200}
    assert other.ids().tolist() == sorted({*range(1, 201)} - {1, 17, 200})
    assert other.position() == EnginePosition(SPACE, DIM, GALLERY, 203, 1, 197)


def test_what_is_removed_stays_removed_after_a_wipe_and_the_rest_is_found(
    opened: Open, rows: EngineRows
):
    engine = filled(opened, rows)
    engine.remove(np.arange(1, 101))
    engine.wipe()
    assert found(engine, rows.vectors[150], 500, EngineFilter()) == {*range(101, 201)}


def test_ages_and_sites_are_corrected_and_nothing_else(opened: Open, rows: EngineRows):
    engine = filled(opened, rows)
    engine.correct(np.array([1, 2, 4711]), np.array([99.0, np.nan, 1.0]), np.array([5, 5, 5]))
    assert found(engine, rows.vectors[0], 5, EngineFilter(sites=np.array([5]))) == {1, 2}
    assert found(engine, rows.vectors[0], 5, EngineFilter(ages=(90.0, 100.0))) == {1}
    assert engine.ids().tolist() == rows.ids.tolist()
    assert engine.nearest(rows.vectors[0], 1).ids.tolist() == [1]


def test_the_number_of_rows_is_that_of_the_identifiers(opened: Open, rows: EngineRows):
    engine = filled(opened, rows)
    engine.remove(np.array([1, 17]))
    engine.add(part(rows, np.array([0, 4])))
    engine.settle(203, 1, recount=True)
    position = engine.position()
    assert position is not None
    assert position.rows == len(engine.ids()) == 199


def test_rows_that_come_later_are_found_with_those_before(
    opened: Open, rows: EngineRows, rng: np.random.Generator
):
    engine = filled(opened, rows)
    more = some_rows(rng, 50, first=1000)
    engine.add(more)
    engine.settle(250, 0)
    assert found(engine, more.vectors[3], 1, EngineFilter()) == {1003}
    assert found(engine, more.vectors[3], 500, EngineFilter()) == {
        *rows.ids.tolist(),
        *more.ids.tolist(),
    }


def test_a_fill_that_was_stopped_is_resumed_by_what_is_there(opened: Open, rows: EngineRows):
    engine = opened()
    engine.create()
    engine.add(part(rows, np.arange(120)))
    engine = opened()
    position = engine.position()
    assert position is not None
    assert position.sequence == NOTHING
    have = engine.ids()
    engine.add(part(rows, np.flatnonzero(~np.isin(rows.ids, have))))
    engine.settle(200, 0)
    assert engine.position() == EnginePosition(SPACE, DIM, GALLERY, 200, 0, 200)


@pytest.mark.parametrize(("space", "dim"), [(OTHER_SPACE, DIM), (SPACE, 2 * DIM)])
def test_a_collection_of_another_space_or_dimension_is_not_used(
    opened: Open, rows: EngineRows, space: str, dim: int
):
    filled(opened, rows)
    other = opened(space, dim)
    position = other.position()
    if position is None:
        return  # it has a place of its own
    assert (position.space, position.dim) == (SPACE, DIM)
    for ask in (
        other.create,
        other.ids,
        lambda: other.nearest(np.eye(dim, dtype=np.float32)[0], 5),
        lambda: other.settle(1, 1),
        lambda: other.remove(np.array([1])),
    ):
        with pytest.raises(EngineUnsuitable) as error:
            ask()
        assert error.value.hint
    assert opened().ids().tolist() == rows.ids.tolist()


def test_a_collection_of_another_gallery_is_not_used_filled_or_deleted(
    opened: Open, rows: EngineRows
):
    filled(opened, rows)
    other = opened(gallery=OTHER_GALLERY)
    position = other.position()
    assert position == EnginePosition(SPACE, DIM, GALLERY, 200, 0, 200)
    for ask in (
        other.create,
        other.ids,
        lambda: other.add(rows),
        lambda: other.nearest(rows.vectors[0], 5),
        lambda: other.correct(np.array([1]), np.array([2.0]), np.array([0])),
        lambda: other.settle(1, 1),
        lambda: other.remove(np.array([1])),
        other.wipe,
        other.drop,
    ):
        with pytest.raises(EngineUnsuitable, match="another gallery") as error:
            ask()
        assert error.value.hint
    assert opened().ids().tolist() == rows.ids.tolist()
    other.drop(of_any=True)
    other.create()
    assert other.position() == EnginePosition(SPACE, DIM, OTHER_GALLERY, NOTHING, 0, 0)
    with pytest.raises(EngineUnsuitable, match="another gallery"):
        opened().nearest(rows.vectors[0], 5)


def test_without_a_collection_nothing_can_be_asked(opened: Open, rows: EngineRows):
    engine = opened()
    for ask in (
        lambda: engine.add(rows),
        engine.ids,
        lambda: engine.nearest(rows.vectors[0], 5),
        lambda: engine.settle(1, 1),
    ):
        with pytest.raises(EngineError) as error:
            ask()
        assert error.value.hint


def test_what_is_dropped_is_gone_and_may_be_made_anew(opened: Open, rows: EngineRows):
    engine = filled(opened, rows)
    engine.drop()
    assert engine.position() is None
    engine.drop()
    engine.create()
    assert engine.position() == EnginePosition(SPACE, DIM, GALLERY, NOTHING, 0, 0)


def test_threads_search_together(opened: Open, rows: EngineRows):
    from concurrent.futures import ThreadPoolExecutor

    engine = filled(opened, rows)
    with ThreadPoolExecutor(4) as threads:
        hits = list(threads.map(lambda one: engine.nearest(rows.vectors[one], 1), range(40)))
    assert [one.ids.tolist() for one in hits] == [[one + 1] for one in range(40)]


def test_to_close_it_twice_is_safe(opened: Open):
    engine = opened()
    engine.close()
    engine.close()
