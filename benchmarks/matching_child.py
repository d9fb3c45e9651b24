"""One measurement of `benchmarks.matching` in a process of its own, whose memory is its own: prints
seconds and megabytes as JSON.

python -m benchmarks.matching_child add HOME PHOTOS FOLDER | cold HOME PHOTO [DETECTOR]
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path

from gestalt_space import Disorder, Gallery, Intake, PhotoRecord
from tests.made import photo_file

OWN = re.compile(r"^RssAnon:\s+(\d+) kB", re.MULTILINE)


def own_memory() -> int:
    """Bytes of this process that are in memory and no mapped file."""
    found = OWN.search(Path("/proc/self/status").read_text())
    assert found is not None
    return 1024 * int(found[1])


class Watched:
    """The most memory of its own that this process had while it was watched."""

    def __init__(self) -> None:
        self.most = own_memory()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Watched:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.01):
            self.most = max(self.most, own_memory())


def cold(home: Path, photo: Path, detector: str = "aligned") -> None:
    """`gestalt match` as it is typed."""
    from gestalt_cli import main

    sys.argv = ["gestalt", "match", str(photo), "--home", str(home), "--detector", detector]
    sys.argv += ["--json"]
    with redirect_stdout(TextIOWrapper(BytesIO())):
        try:
            main()
        except SystemExit as ended:
            if ended.code:
                raise


def add(home: Path, count: int, folder: Path, patient: str = "ADDED") -> None:
    """New photos, ten a patient, into a gallery that is open."""
    rows = []
    for number in range(count):
        path = photo_file(folder / f"{patient}-{number}.png", 1_000_000 + number)
        name = f"{patient}-{number // 10}"
        rows.append(Intake(path.name, path, PhotoRecord(path.name, name, (Disorder("ADDED"),))))
    with Gallery.open(home, detector="aligned") as gallery:
        assert gallery.encoder is not None
        start = time.perf_counter()
        added = gallery.add(rows)
        print(f"seconds {time.perf_counter() - start}", file=sys.stderr)
        assert added.counts["added"] == count, added.counts


def main() -> None:
    what, *words = sys.argv[1:]
    work: Callable[[], None]
    if what == "cold":
        home, photo, *detector = words
        work = lambda: cold(Path(home), Path(photo), *detector)  # noqa: E731
    else:
        home, count, folder = words
        work = lambda: add(Path(home), int(count), Path(folder))  # noqa: E731
    with Watched() as watched:
        start = time.perf_counter()
        work()
        taken = time.perf_counter() - start
    print(json.dumps({"seconds": taken, "megabytes": watched.most / 1e6}))


if __name__ == "__main__":
    main()
