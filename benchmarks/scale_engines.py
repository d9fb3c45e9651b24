"""What engines beyond one machine need for 10^5, 10^7 and 10^9 photos, on paper, and where each
choice ends. The parameters are the kept results of other benchmarks; `docs/scale.md` explains it.

python -m benchmarks.scale_engines [--core-hour PRICE] [--terabyte-month PRICE] [--gigabyte-hour …]

Run after `benchmarks.scale`, `benchmarks.engines`, `benchmarks.milvus`, `benchmarks.encoding_ray`
and `benchmarks.crops`, on the machine that ran them. The one thing that is measured here is the
room of a row in pgvector. Prices are those of whoever asks; without them, no cost is computed.
"""

from __future__ import annotations

import argparse
import math
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.million import DIM
from benchmarks.scale import CANDIDATES, ROW, _size, _time
from benchmarks.table import RESULTS, keep, processor
from gestalt_space.index.engines.contract import CollectionPlace, EngineRows
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
MONTH = 30 * 86_400.0


@dataclass(frozen=True)
class Parameters:
    """Sizes in bytes, times in seconds, rates in bytes or operations a second; `…_row` of a photo."""

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
