"""A benchmark's table: printed, and kept with the machine in the file's name."""

from __future__ import annotations

import platform
import re
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from gestalt_space.devices import cores

RESULTS = Path(__file__).parent / "results"
LIBRARIES = (
    *("numpy", "onnxruntime", "faiss-gpu", "opencv-python", "insightface", "sqlalchemy"),
    "matplotlib",
)


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    try:
        text = Path("/proc/cpuinfo").read_text()
        facts = dict(re.findall(r"^(model name|model)\s*:\s*(.+)$", text, re.MULTILINE))
        return f"{facts.get('model name', platform.processor())} model {facts.get('model', '?')}"
    except OSError:
        return platform.processor() or platform.machine()


def seconds(work: Callable[[], object], repeats: int = 1) -> list[float]:
    """How long each of several runs took."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return taken


def median_of(work: Callable[[], object], repeats: int) -> float:
    """Median seconds of several runs, after one that is not counted."""
    work()
    return statistics.median(seconds(work, repeats))


def keep(name: str, command: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    """Print a table and keep it as Markdown, in the file that is returned."""
    lines = [
        f"# {name}",
        "",
        f"`{command}`",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {processor()}, {cores()} cores, {platform.platform()}, "
        f"Python {platform.python_version()}, " + ", ".join(_versions()),
        "",
        "| " + " | ".join(header) + " |",
        "|" + "---|" * len(header),
        *("| " + " | ".join(map(str, row)) + " |" for row in rows),
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    machine = re.sub(r"[^a-z0-9]+", "-", f"{processor()}-{cores()}-cores".lower()).strip("-")
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}-{machine}.md"
    path.write_text(text, encoding="utf-8")
    return path


def _versions() -> list[str]:
    found = []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return found
