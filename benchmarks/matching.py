"""What a gallery of a million photos costs beside a small one: a cold and a warm match, many probes
at once, adding, removing, opening, and memory.

python -m benchmarks.matching [--photos 1000000] [--homes FOLDER] [--only warm,add …]

The galleries are made up (`benchmarks.million`) in `--homes`, where they stay for the next run; a
temporary folder without it. Each row is a ratio of two medians that were measured in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.million import PROBES, SEED, fill_gallery, make_population
from benchmarks.table import keep, seconds
from benchmarks.threads import lines_of, measure
from gestalt_space import Disorder, Gallery, Intake, PhotoRecord, PhotoSource, Probe, Question
from gestalt_space.match.probe import ProbeFace
from gestalt_space.types import Descriptors
from tests.made import photo_file

SMALL = 1_000
MANY_PROBES, MANY_PHOTOS = 1_000, 200_000
ADDED = 20
ADDED_LONG = 10_000
PAUSE = 0.1
"""Seconds after products by BLAS: its threads turn on the spot for that long, and would take a core
from whatever is measured next. Not after each: a processor that has rested is slower at first."""
HEADER = ("what", "here", "beside", "measured", "asked")
Row = tuple[str, str, str, str, str]


@dataclass(frozen=True)
class Homes:
    """Where galleries of some sizes are."""

    folder: Path

    def of(self, photos: int) -> Path:
        """The home of a made-up gallery, filled and indexed where it is new."""
        home = self.folder / f"photos-{photos}"
        if not (home / "filled").exists():
            fill_gallery(home, photos)
            with Gallery.open(home) as gallery:
                gallery.rebuild()
            (home / "filled").touch()
        return home


def cold(homes: Homes, photos: int) -> Iterator[Row]:
    """`gestalt match`, one photo, from nothing: a process each."""
    for detector in ("aligned", "builtin"):
        runs: dict[int, list[dict[str, float]]] = {photos: [], SMALL: []}
        for _ in range(7):
            for size, found in runs.items():
                home = homes.of(size)
                photo = home / "probe-000.png"
                found.append(
                    _child("cold", home, _face(homes) if detector == "builtin" else photo, detector)
                )
        big, small = (
            {key: statistics.median(run[key] for run in found) for key in ("seconds", "megabytes")}
            for found in runs.values()
        )
        ratio = big["seconds"] / small["seconds"]
        more = big["megabytes"] - small["megabytes"]
        yield (
            f"cold `gestalt match`, detector {detector}, {photos:,} photos",
            f"{big['seconds']:.2f} s",
            f"{SMALL:,} photos: {small['seconds']:.2f} s",
            f"{ratio:.2f} ×, {more:+.0f} MB of its own",
            "at most 1.5 ×, + 400 MB",
        )


def warm(homes: Homes, photos: int) -> Iterator[Row]:
    """One probe besides detection and encoding, beside NumPy's product with the rows alone."""
    home = homes.of(photos)
    probes = _probes(photos)
    with Gallery.open(home, detector="aligned") as gallery:
        state = gallery.state()
        rows = state.vectors_at(np.flatnonzero(state.patients >= 0))
        for aggregation in ("nearest", "vote", "patient-mean", "centroid", "blend"):
            question = Question(aggregation=aggregation)
            view = gallery.view(question)
            gallery.answer(probes[:1], question, view)
            ours, numpy = [], []
            for start in range(1, 33, 8):
                time.sleep(PAUSE)
                for probe in probes[start : start + 8]:
                    ours += seconds(partial(gallery.answer, [probe], question, view))
                for probe in probes[start : start + 8]:
                    numpy += seconds(partial(np.matmul, rows, probe.descriptor))
            yield _ratio(
                f"warm match, one probe, {aggregation}, {photos:,} photos",
                ours,
                "NumPy's product over the rows",
                numpy,
                "at most 0.4 ×" if aggregation == "nearest" else "",
            )


def many(homes: Homes, photos: int) -> Iterator[Row]:
    """A thousand probes, rankings included, beside plain FAISS."""
    import faiss

    photos = min(photos, MANY_PHOTOS)
    with Gallery.open(homes.of(photos), detector="aligned") as gallery:
        view = gallery.view()
        state = view.state
        rows = state.vectors_at(np.flatnonzero(state.patients >= 0))
        flat = faiss.IndexFlatIP(rows.shape[1])
        flat.add(rows)
        people = make_population(photos)
        vectors, _ = people.held_out(min(MANY_PROBES, len(people.disorder_of_patient)))
        probes = [_probe(f"{n}", vector) for n, vector in enumerate(vectors)]
        ours, plain = [], []
        gallery.answer(probes[:8], view.question, view)
        for _ in range(5):
            ours += seconds(lambda: gallery.answer(probes, view.question, view))
            plain += seconds(lambda: flat.search(vectors, 10))
    ratio = statistics.median(b / a for a, b in zip(ours, plain, strict=True))
    yield (
        f"{len(probes):,} probes, {photos:,} photos, rankings and names included",
        f"{statistics.median(ours):.2f} s",
        f"`IndexFlatIP.search`, 10: {statistics.median(plain):.2f} s",
        f"{ratio:.2f} × its speed",
        "at least 0.8 ×",
    )


def slots(_homes: Homes, photos: int) -> Iterator[Row]:
    """Twelve slots, one probe, beside twelve cosine matrices of scikit-learn, averaged."""
    from sklearn.metrics.pairwise import cosine_similarity

    from gestalt_space.index.search import Searcher
    from gestalt_space.index.segment import open_segment
    from gestalt_space.index.writing import write_segment
    from gestalt_space.match.ranked import EACH_LINE, FIRST

    photos = min(photos, 20_000)
    people = make_population(photos, slots=12)
    vectors = people.vectors()
    probes, _ = people.held_out(9)
    step = 2**25 // vectors.shape[1]
    with tempfile.TemporaryDirectory() as folder:
        segments = [
            open_segment(
                Path(folder),
                write_segment(
                    Path(folder),
                    "0" * 64,
                    np.arange(start, min(start + step, photos)),
                    people.patient_of_row[start : start + step],
                    np.full(len(vectors[start : start + step]), np.nan),
                    np.zeros(len(vectors[start : start + step]), np.int64),
                    vectors[start : start + step],
                ),
            )
            for start in range(0, photos, step)
        ]
        searcher = Searcher(vectors.shape[1], segments)
        parts = np.ascontiguousarray(vectors.reshape(photos, 12, -1).swapaxes(0, 1))

        def twelve(probe: Descriptors) -> Descriptors:
            slots_of = probe.reshape(12, -1)
            found = [cosine_similarity(slots_of[n][None], part) for n, part in enumerate(parts)]
            return np.mean(found, axis=0)

        def ours_of(probe: Descriptors) -> Descriptors:
            """The ten nearest, certain and exact, as a ranking looks for them."""
            (found,) = searcher.candidates_of(probe[None], FIRST + 10 * EACH_LINE)
            tenth = np.partition(found.similarities, -10)[-10]
            near = found.rows[found.similarities >= tenth - 2 * found.tolerance]
            exact = np.sort(searcher.exact(probe, near))[-10:]
            assert exact[0] > found.bound
            return exact

        ours, theirs = [], []
        ours_of(probes[0])
        for _ in range(3):
            time.sleep(PAUSE)
            for probe in probes[1:]:
                ours += seconds(lambda probe=probe: ours_of(probe))
            for probe in probes[1:]:
                theirs += seconds(lambda probe=probe: twelve(probe))
    ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
    yield (
        f"12 slots (6,144 numbers), {photos:,} photos, one probe",
        _ms(ours),
        f"twelve scikit-learn matrices: {_ms(theirs)}",
        f"{ratio:.0f} × faster",
        "30 ×",
    )


def writes(homes: Homes, photos: int) -> Iterator[Row]:
    """Adding some photos, and removing one patient, in galleries that are open."""
    with tempfile.TemporaryDirectory() as folder:
        empty = _copied_models(homes.of(SMALL), Path(folder) / "home")
        small = homes.of(SMALL)
        taken: dict[tuple[str, Path], list[float]] = {}
        with _opened(homes.of(photos), empty, small) as galleries:
            for turn in range(9):
                for home, gallery in galleries.items():
                    rows = _new_rows(Path(folder), turn)
                    added = seconds(lambda gallery=gallery, rows=rows: gallery.add(rows))
                    who = rows[0].record.patient if rows[0].record else ""
                    removed = seconds(
                        lambda gallery=gallery, who=who: gallery.remove(patients=[who])
                    )
                    if turn:
                        taken.setdefault(("add", home), []).extend(added)
                        taken.setdefault(("remove", home), []).extend(removed)
            for gallery in galleries.values():
                left = [one.patient for one in gallery.patients(disorder="NEW")]
                gallery.remove(patients=left)
    big = homes.of(photos)
    yield _ratio(
        f"add {ADDED} photos durably, {photos:,} photos",
        taken["add", big],
        "to an empty gallery",
        taken["add", empty],
        "at most 1.5 ×",
    )
    yield _ratio(
        f"remove one patient, {photos:,} photos",
        taken["remove", big],
        f"{SMALL:,} photos",
        taken["remove", small],
        "at most 2 ×",
    )


def threads(homes: Homes, photos: int) -> Iterator[Row]:
    """Warm matches through a pool of threads."""
    home = homes.of(photos)
    sources = [
        PhotoSource(path.name, path, largest=True) for path in sorted(home.glob("probe-*.png"))[:32]
    ]
    with Gallery.open(home, detector="aligned") as gallery:
        found = measure("", lambda probe: lines_of(gallery, probe), sources)
    _, one, several, ratio, _ = found
    yield (
        f"warm match by 8 threads, {photos:,} photos, detector aligned",
        f"{several} a second",
        f"one thread: {one} a second",
        ratio,
        "1.6 × on two cores",
    )


def opening(homes: Homes, photos: int) -> Iterator[Row]:
    """Opening after many small adds, and after none."""
    home = homes.of(photos)
    with tempfile.TemporaryDirectory() as folder:
        before = _openings(home)
        with Gallery.open(home, detector="aligned") as gallery:
            for turn in range(100):
                gallery.add(_new_rows(Path(folder), 1000 + turn))
        after = _openings(home)
        with Gallery.open(home, detector="aligned") as gallery:
            gallery.remove(patients=[one.patient for one in gallery.patients(disorder="NEW")])
    yield _ratio(
        f"open after 100 adds of {ADDED}, {photos:,} photos", after, "after none", before, "1.5 ×"
    )


def memory(homes: Homes, photos: int) -> Iterator[Row]:
    """Memory of its own of a process that adds many photos."""
    most = []
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder) / "pictures"
        pictures.mkdir()
        for home in (homes.of(photos), _copied_models(homes.of(SMALL), Path(folder) / "home")):
            found = _child("add", home, str(ADDED_LONG), pictures)
            most.append(found["megabytes"])
        with Gallery.open(homes.of(photos)) as gallery:
            gallery.remove(patients=[one.patient for one in gallery.patients(disorder="ADDED")])
    yield (
        f"memory while {ADDED_LONG:,} photos are added to {photos:,}",
        f"{most[0]:.0f} MB",
        f"to an empty gallery: {most[1]:.0f} MB",
        f"{most[0] - most[1]:+.0f} MB",
        "+ 300 MB",
    )


CASES: dict[str, Callable[[Homes, int], Iterator[Row]]] = {
    "cold": cold,
    "warm": warm,
    "many": many,
    "slots": slots,
    "writes": writes,
    "threads": threads,
    "opening": opening,
    "memory": memory,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=1_000_000)
    parser.add_argument("--homes", type=Path)
    parser.add_argument("--only", default=",".join(CASES), help="some of " + ", ".join(CASES))
    given = parser.parse_args()
    rows: list[Row] = []
    with _folder(given.homes) as folder:
        for name in given.only.split(","):
            for row in CASES[name](Homes(folder), given.photos):
                print(row, flush=True)
                rows.append(row)
    keep(
        "matching" if given.only == ",".join(CASES) else f"matching-{given.only.replace(',', '-')}",
        f"python -m benchmarks.matching --photos {given.photos} --only {given.only}  # seed {SEED}",
        HEADER,
        rows,
    )


@contextmanager
def _folder(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


@contextmanager
def _opened(*homes: Path) -> Iterator[dict[Path, Gallery]]:
    galleries = {home: Gallery.open(home, detector="aligned") for home in homes}
    try:
        for gallery in galleries.values():
            assert gallery.encoder is not None
        yield galleries
    finally:
        for gallery in galleries.values():
            gallery.close()


def _probes(photos: int) -> list[Probe]:
    vectors, _ = make_population(photos).held_out(PROBES)
    return [_probe(f"{n}", vector) for n, vector in enumerate(vectors)]


def _probe(name: str, vector: Descriptors) -> Probe:
    return Probe(name, (), vector, None, (ProbeFace(vector, None),))


def _new_rows(folder: Path, turn: int) -> list[Intake]:
    """New photos of two patients."""
    rows = []
    for number in range(ADDED):
        path = photo_file(folder / f"{turn}-{number}.png", 100_000 + ADDED * turn + number)
        record = PhotoRecord(path.name, f"NEW{turn}-{number % 2}", (Disorder("NEW"),))
        rows.append(Intake(path.name, path, record))
    return rows


def _openings(home: Path) -> list[float]:
    taken = []
    for _ in range(9):
        with Gallery.open(home, detector="aligned") as gallery:
            assert gallery.space.stored is not None
            taken += seconds(gallery.view)
    return taken


def _copied_models(home: Path, to: Path) -> Path:
    """A home without a gallery, with the models of another."""
    to.mkdir(parents=True)
    (to / "models").symlink_to(home / "models", target_is_directory=True)
    return to


def _face(homes: Homes) -> Path:
    """A simulated photo, for a detector that looks for a face."""
    from benchmarks.threads import simulated

    folder = homes.folder / "simulated"
    if not folder.exists():
        folder.mkdir()
        simulated(folder, 20)
    return min(folder.iterdir())


def _child(*words: object) -> dict[str, float]:
    """What `benchmarks.matching_child` measures, with the start of its process."""
    command = [sys.executable, "-m", "benchmarks.matching_child", *map(str, words)]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    whole = time.perf_counter() - start
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {"megabytes": found["megabytes"], "seconds": whole}


def _ratio(
    what: str, ours: Sequence[float], beside: str, theirs: Sequence[float], asked: str
) -> Row:
    ratio = statistics.median(ours) / statistics.median(theirs)
    return what, _ms(ours), f"{beside}: {_ms(theirs)}", f"{ratio:.2f} ×", asked


def _ms(taken: Sequence[float]) -> str:
    return f"{1000 * statistics.median(taken):.1f} ms"


if __name__ == "__main__":
    main()
