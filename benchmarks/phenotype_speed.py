"""How fast disorders and genes are ranked from HPO terms.

python -m benchmarks.phenotype_speed SHARED

Every tenth of the published patients of phenopacket-store. `first`: terms that were not asked about
before; `warm`: the same patients again. On one core. The rival is pyhpo's own similarity of a
patient and a disorder (`HPOSet.similarity`, Resnik, best-match average), for a few of the
disorders, and counted as if for all.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.table import keep
from gestalt_space.interop.phenopackets import read_phenopackets
from gestalt_space.phenotype.query import Query, make_query
from gestalt_space.phenotype.ranking import Method, Ranker
from gestalt_space.phenotype.release import Release, open_release

EVERY = 10
METHODS: tuple[Method, ...] = ("likelihood", "resnik", "lin", "jiang-conrath")
RIVAL_PATIENTS, RIVAL_DISORDERS = 5, 100


def seconds_of(ranker: Ranker, queries: Sequence[Query]) -> list[float]:
    """How long each patient took."""
    taken = []
    for query in queries:
        start = time.perf_counter()
        ranker.rank(query, top=50)
        taken.append(time.perf_counter() - start)
    return taken


def rival_seconds(release: Release, queries: Sequence[Query], disorders: int) -> list[float]:
    """How long pyhpo would take for each of a few patients, by some of the disorders."""
    from pyhpo import HPOSet, Ontology
    from pyhpo.annotations import Omim

    Ontology()
    some = sorted(Omim, key=lambda one: one.id)[:RIVAL_DISORDERS]
    sets = [HPOSet.from_serialized("+".join(str(int(term)) for term in one.hpo)) for one in some]
    taken = []
    for query in queries[:RIVAL_PATIENTS]:
        numbers = [str(release.ontology.numbers[term]) for term in query.present]
        patient = HPOSet.from_serialized("+".join(numbers))
        start = time.perf_counter()
        for one in sets:
            patient.similarity(one, kind="omim", method="resnik", combine="funSimAvg")
        taken.append((time.perf_counter() - start) * disorders / len(sets))
    return taken


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table and keep it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    told = parser.parse_args(arguments)
    start = time.perf_counter()
    release = open_release()
    rows: list[list[object]] = [
        ["open the release", "", f"{time.perf_counter() - start:.2f} s", ""]
    ]
    files = list(read_phenopackets(told.shared / "genomics" / "phenopackets.zip"))[::EVERY]
    packets = [file.packet for file in files if file.packet is not None]
    made = (make_query(release.ontology, one.present, one.excluded) for one in packets)
    queries = [query for query in made if query.present]
    disorders = int(release.is_omim.sum())
    for method in METHODS:
        ranker = Ranker(release, method=method)
        for part in ("first", "warm"):
            taken = seconds_of(ranker, queries)
            each = statistics.median(taken)
            cells = [f"{1000 * each:.1f} ms", f"{len(taken) / sum(taken):,.0f}"]
            rows.append([f"{method}, {part}", f"{len(taken):,}", *cells])
            print(rows[-1], flush=True)
    rival = statistics.mean(rival_seconds(release, queries, disorders))
    own = statistics.mean(seconds_of(Ranker(release, method="resnik"), queries[:RIVAL_PATIENTS]))
    rows.append(["pyhpo, Resnik", RIVAL_PATIENTS, f"{rival:.1f} s", f"{1 / rival:.2g}"])
    rows.append(
        ["resnik against pyhpo, the same patients", RIVAL_PATIENTS, f"{rival / own:,.0f} ×", ""]
    )
    keep(
        "phenotype-speed",
        f"python -m benchmarks.phenotype_speed SHARED ({disorders:,} disorders)",
        ("ranked by", "patients", "median per patient", "patients per second"),
        rows,
    )


if __name__ == "__main__":
    main()
